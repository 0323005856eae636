/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/* "/microseg/v1/hosts/" HOSTNAME "/policy/" */
#define RANGE_SIZE (sizeof(MS_ETCD_HOSTS) + MS_ETCD_HOSTNAME_MAX + sizeof("/policy/"))

/* ---- requests ---- */

static json_t *encode(const char *text, size_t size)
{
	unsigned char coded[4 * ((RANGE_SIZE + 2) / 3) + 1];

	EVP_EncodeBlock(coded, (const unsigned char *)text, (int)size);
	return json_string((const char *)coded);
}

/* One of the two ranges: `which` 0 = the host's. It ends before the prefix with its '/' counted up.
 */
static json_t *make_range(const char *hostname, unsigned which)
{
	char prefix[RANGE_SIZE] = MS_ETCD_FLEET;
	json_t *key, *end;
	size_t size;

	if (which == 0)
		snprintf(prefix, sizeof(prefix), "%s%s/policy/", MS_ETCD_HOSTS, hostname);
	size = strlen(prefix);
	key = encode(prefix, size);
	prefix[size - 1]++;
	end = encode(prefix, size);
	return json_pack("{s:o, s:o}", "key", key, "range_end", end);
}

char *ms_etcd_codec_authenticate(const char *user, const char *password)
{
	json_t *body = json_pack("{s:s, s:s}", "name", user, "password", password);
	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	return text;
}

char *ms_etcd_codec_read(const char *hostname, bool keys_only)
{
	json_t *wanted = json_array(), *body;
	char *text;

	for (unsigned which = 0; which < MS_ETCD_WATCHERS; which++) {
		json_t *range = make_range(hostname, which);

		if (keys_only)
			json_object_set_new(range, "keys_only", json_true());
		json_array_append_new(wanted, json_pack("{s:o}", "request_range", range));
	}
	body = json_pack("{s:o}", "success", wanted);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

char *ms_etcd_codec_watch(const char *hostname, int64_t revision)
{
	char from[24], *texts[MS_ETCD_WATCHERS] = { NULL, NULL }, *text = NULL;

	snprintf(from, sizeof(from), "%" PRId64, revision);
	for (unsigned which = 0; which < MS_ETCD_WATCHERS; which++) {
		json_t *range = make_range(hostname, which), *body;

		json_object_set_new(range, "start_revision", json_string(from));
		body = json_pack("{s:o}", "create_request", range);
		texts[which] = json_dumps(body, JSON_COMPACT);
		json_decref(body);
	}
	if (texts[0] && texts[1] && asprintf(&text, "%s\n%s\n", texts[0], texts[1]) < 0)
		text = NULL;
	free(texts[0]);
	free(texts[1]);
	return text;
}

/* ---- answers ---- */

/* A number is written as a string; one that is zero is left out. */
static int64_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);

	return text ? strtoll(text, NULL, 10) : json_integer_value(value);
}

static json_t *parse(const char *text, size_t size)
{
	return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

/* The member `name`, decoded; one that is empty is left out. NULL = it is no base64, or holds a
 * NUL where `ret_size` is NULL. */
static char *decode(const json_t *object, const char *name, size_t *ret_size)
{
	const json_t *value = json_object_get(object, name);
	const char *coded = value ? json_string_value(value) : "";
	size_t size = coded ? strlen(coded) : 1;
	char *text;
	int length;

	if (size % 4 || size > INT32_MAX)
		return NULL;
	text = malloc(size / 4 * 3 + 1);
	length = text ? EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)coded,
					(int)size)
		      : -1;
	/* What pads the end is decoded to zeroes. */
	for (size_t at = size; length > 0 && at-- && coded[at] == '=';)
		length--;
	if (length < 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	if (ret_size) {
		*ret_size = (size_t)length;
	} else if (strlen(text) != (size_t)length) {
		free(text);
		return NULL;
	}
	return text;
}

int ms_etcd_codec_parse_token(const char *body, size_t size, char **ret_token)
{
	json_t *answer = parse(body, size);
	const char *token = json_string_value(json_object_get(answer, "token"));
	/* It goes into a header. */
	int r = token && token[0] && !strpbrk(token, "\r\n") ? 0 : -EBADMSG;
	char *copy = r == 0 ? strdup(token) : NULL;

	json_decref(answer);
	if (r == 0 && !copy)
		r = -ENOMEM;
	if (r == 0)
		*ret_token = copy;
	return r;
}

static int add_pair(struct ms_etcd_documents *documents, const json_t *pair)
{
	size_t size = 0;
	char *key = decode(pair, "key", NULL), *text = decode(pair, "value", &size);

	if (!key || !text || !key[0]) {
		free(key);
		free(text);
		return -EBADMSG;
	}
	return ms_etcd_documents_add(documents, key, text, size, number(pair, "mod_revision"));
}

static int add_range(struct ms_etcd_documents *documents, const json_t *response)
{
	const json_t *range = json_object_get(response, "response_range");
	const json_t *pairs = json_object_get(range, "kvs"), *pair;
	size_t i;
	int r = 0;

	/* Half an answer must not pass for one that has less. */
	if (!json_is_object(range) || number(range, "count") != (int64_t)json_array_size(pairs))
		return -EBADMSG;
	json_array_foreach (pairs, i, pair) {
		r = add_pair(documents, pair);
		if (r < 0)
			break;
	}
	return r;
}

int ms_etcd_codec_parse_documents(const char *body, size_t size,
				  struct ms_etcd_documents *ret_documents)
{
	json_t *answer = parse(body, size);
	const json_t *header = json_object_get(answer, "header");
	const json_t *responses = json_object_get(answer, "responses");
	struct ms_etcd_documents documents = { .revision = number(header, "revision") };
	const char *cluster = json_string_value(json_object_get(header, "cluster_id"));
	int r = documents.revision > 0 && cluster && json_array_size(responses) == MS_ETCD_WATCHERS
			? 0
			: -EBADMSG;

	if (r == 0)
		documents.cluster = strtoull(cluster, NULL, 10);
	for (size_t i = 0; r == 0 && i < MS_ETCD_WATCHERS; i++)
		r = add_range(&documents, json_array_get(responses, i));
	json_decref(answer);
	if (r < 0)
		ms_etcd_documents_fini(&documents);
	else
		*ret_documents = documents;
	return r;
}

/* etcd writes "rpc error: code = PermissionDenied desc = etcdserver: permission denied" here and
 * only what is behind "desc = " there. */
static void say(char sentence[256], const char *text)
{
	const char *behind = strstr(text, "desc = ");

	snprintf(sentence, 256, "%.250s", behind ? behind + strlen("desc = ") : text);
}

static const char *text_of(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && text[0] ? text : otherwise;
}

static void read_result(const json_t *result, struct ms_etcd_notice *notice)
{
	const json_t *events = json_object_get(result, "events"), *event;
	size_t i;

	if (json_is_true(json_object_get(result, "canceled"))) {
		notice->kind =
			number(result, "compact_revision") ? MS_ETCD_COMPACTED : MS_ETCD_ENDED;
		say(notice->sentence, text_of(result, "cancel_reason", "etcd ended the watch"));
		return;
	}
	if (json_is_true(json_object_get(result, "created"))) {
		notice->kind = MS_ETCD_CREATED;
		return;
	}
	notice->kind = json_array_size(events) ? MS_ETCD_CHANGED : MS_ETCD_PROGRESS;
	json_array_foreach (events, i, event) {
		int64_t at = number(json_object_get(event, "kv"), "mod_revision");

		if (at > notice->revision)
			notice->revision = at;
	}
}

int ms_etcd_codec_parse_notice(const char *line, size_t size, struct ms_etcd_notice *ret_notice)
{
	json_t *answer = parse(line, size);
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");
	struct ms_etcd_notice notice = { .kind = MS_ETCD_ENDED };
	int r = 0;

	if (json_is_object(result))
		read_result(result, &notice);
	else if (json_is_object(error))
		say(notice.sentence, text_of(error, "message", "etcd ended the watch"));
	else
		r = -EBADMSG;
	json_decref(answer);
	if (r == 0)
		*ret_notice = notice;
	return r;
}

/* How long the first line is, if a person can read it: etcd's own server says some things so, a
 * page of somebody between begins with a tag. */
static int plain_line(const char *body, size_t size)
{
	int length = 0;

	while ((size_t)length < size && length < 200 && body[length] >= ' ' && body[length] <= '~')
		length++;
	return length && body[0] != '<' && body[0] != '{' ? length : 0;
}

void ms_etcd_codec_parse_error(const char *body, size_t size, unsigned status,
			       char ret_sentence[256])
{
	json_t *answer = parse(body, size);
	const json_t *error = json_object_get(answer, "error");
	const char *message =
		json_is_object(error) ? text_of(error, "message", NULL) : json_string_value(error);
	int length = plain_line(body, size);

	if (message)
		say(ret_sentence, message);
	else if (length)
		snprintf(ret_sentence, 256, "the answer is %u: %.*s", status, length, body);
	else
		snprintf(ret_sentence, 256, "the answer is %u and not etcd's", status);
	json_decref(answer);
}

bool ms_etcd_codec_wants_token(const char *sentence)
{
	return strstr(sentence, "invalid auth token") ||
	       strstr(sentence, "revision of auth store is old");
}
