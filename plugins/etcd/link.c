/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/lib/http.h"

#define NS_PER_S 1000000000ULL
#define CONNECT_NS (5 * NS_PER_S)
/* etcd itself gives up after seven seconds without a majority, and says so. */
#define TASK_NS (10 * NS_PER_S)
/* Of an answer that comes slowly, but comes. */
#define READ_NS (120 * NS_PER_S)

struct ms_etcd_link {
	const struct ms_plugin_host *host;
	const struct ms_etcd_config *config;
	struct ms_etcd_link_events events;
	void *user;
	struct ms_http *http;

	struct ms_http_call *task_call, *watch_call; /* NULL = none */
	enum ms_etcd_task task;
	char *line; /* the part of a notice that came */
	size_t size, room;
	unsigned watch; /* counts them: is it still the one whose lines are looked at? */
};

struct ms_etcd_link *ms_etcd_link_new(const struct ms_plugin_host *host,
				      const struct ms_etcd_config *config,
				      const struct ms_etcd_link_events *events, void *user)
{
	struct ms_etcd_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->host = host;
	link->config = config;
	link->events = *events;
	link->user = user;
	link->http = ms_http_new(host);
	if (!link->http) {
		free(link);
		return NULL;
	}
	return link;
}

void ms_etcd_link_free(struct ms_etcd_link *link)
{
	if (!link)
		return;
	ms_http_free(link->http);
	free(link->line);
	free(link);
}

bool ms_etcd_link_has_task(const struct ms_etcd_link *link)
{
	return link->task_call != NULL;
}

bool ms_etcd_link_has_watch(const struct ms_etcd_link *link)
{
	return link->watch_call != NULL;
}

void ms_etcd_link_end_watch(struct ms_etcd_link *link)
{
	ms_http_cancel(link->watch_call);
	link->watch_call = NULL;
	link->size = 0;
	link->watch++;
}

void ms_etcd_link_end(struct ms_etcd_link *link)
{
	ms_http_cancel(link->task_call);
	link->task_call = NULL;
	ms_etcd_link_end_watch(link);
}

/* ---- requests ---- */

/* Begins a POST of `body`, which is freed. */
static int post(struct ms_etcd_link *link, size_t endpoint, const char *path, char *body,
		const char *token, struct ms_http_request *request, struct ms_http_call **ret_call)
{
	const struct ms_etcd_config *config = link->config;
	/* Without this header a member that lost its majority goes on watching, and hears nothing.
	 */
	const char *headers[] = { "Content-Type: application/json", "Grpc-Metadata-hasleader: true",
				  NULL, NULL };
	char *url = NULL, *header = NULL;
	int r = 0;

	if (!body || asprintf(&url, "%s%s", config->endpoints[endpoint], path) < 0)
		r = -ENOMEM;
	if (r == 0 && token && asprintf(&header, "Authorization: %s", token) < 0)
		r = -ENOMEM;
	if (r == 0) {
		headers[2] = token ? header : NULL;
		request->url = url;
		request->body = body;
		request->body_size = strlen(body);
		request->headers = headers;
		request->ca_file = config->tls.ca_file;
		request->cert_file = config->tls.cert_file;
		request->key_file = config->tls.key_file;
		request->connect_timeout_ns = CONNECT_NS;
		request->user_data = link;
		r = ms_http_start(link->http, request, ret_call);
	}
	if (body)
		explicit_bzero(body, strlen(body));
	free(body);
	free(url);
	free(header);
	return r;
}

/* Reads the password anew each time: it may have been changed. */
static char *make_credentials(const struct ms_etcd_config *config)
{
	FILE *file = fopen(config->password_file, "re");
	char *line = NULL, *body = NULL;
	size_t room = 0;
	ssize_t length = file ? getline(&line, &room, file) : -1;

	if (length > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		body = ms_etcd_codec_authenticate(config->user, line);
	}
	if (line)
		explicit_bzero(line, room);
	free(line);
	if (file)
		fclose(file);
	return body;
}

static void task_done(void *user, const struct ms_http_reply *reply)
{
	struct ms_etcd_link *link = user;
	unsigned status = ms_http_reply_status(reply);
	char sentence[256];
	const char *body;
	size_t size;

	link->task_call = NULL;
	if (ms_http_reply_error(reply) < 0) {
		snprintf(sentence, sizeof(sentence), "%s", ms_http_reply_sentence(reply));
		link->events.on_failure(link->user, sentence);
		return;
	}
	body = ms_http_reply_body(reply, &size);
	if (status != 200) {
		ms_etcd_codec_parse_error(body, size, status, sentence);
		link->events.on_failure(link->user, sentence);
		return;
	}
	link->events.on_answer(link->user, link->task, body, size);
}

int ms_etcd_link_start_task(struct ms_etcd_link *link, size_t endpoint, enum ms_etcd_task task,
			    const char *token)
{
	struct ms_http_request request = { .on_done = task_done,
					   .idle_timeout_ns = TASK_NS,
					   .timeout_ns = READ_NS,
					   .max_bytes = link->config->max_bytes };
	bool is_authenticate = task == MS_ETCD_AUTHENTICATE;
	char *body;

	if (is_authenticate) {
		body = make_credentials(link->config);
		if (!body)
			return -ENOENT;
	} else {
		body = ms_etcd_codec_read(link->config->hostname, task == MS_ETCD_CHECK);
	}
	link->task = task;
	return post(link, endpoint, is_authenticate ? "/v3/auth/authenticate" : "/v3/kv/txn", body,
		    token, &request, &link->task_call);
}

/* ---- the watch ---- */

static int keep(struct ms_etcd_link *link, const char *data, size_t size)
{
	size_t room = link->room ? link->room : 4096;
	char *line;

	if (size > link->config->max_bytes - link->size)
		return -EFBIG;
	while (room < link->size + size)
		room *= 2;
	if (room > link->room) {
		line = realloc(link->line, room);
		if (!line)
			return -ENOMEM;
		link->line = line;
		link->room = room;
	}
	memcpy(link->line + link->size, data, size);
	link->size += size;
	return 0;
}

/* Tells what the line says. An error: it says nothing, or that the watch is over. */
static int tell_line(struct ms_etcd_link *link, char ret_sentence[256])
{
	struct ms_etcd_notice notice;
	int r = ms_etcd_codec_parse_notice(link->line, link->size, &notice);

	link->size = 0;
	if (r < 0) {
		snprintf(ret_sentence, 256, "the watch says what is not etcd's");
		return r;
	}
	if (notice.kind == MS_ETCD_ENDED) {
		snprintf(ret_sentence, 256, "%s", notice.sentence);
		return -EIO;
	}
	link->events.on_notice(link->user, &notice);
	return 0;
}

static void fail_watch(struct ms_etcd_link *link, const char *sentence)
{
	ms_etcd_link_end_watch(link);
	link->events.on_failure(link->user, sentence);
}

static int watch_data(void *user, const char *data, size_t size)
{
	struct ms_etcd_link *link = user;
	unsigned watch = link->watch;
	char sentence[256];

	/* A notice may have had the watch ended, and even another one begun. */
	while (size && watch == link->watch) {
		const char *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;

		if (keep(link, data, length) < 0) {
			fail_watch(link, "a notice of the watch is longer than max_bytes");
			break;
		}
		if (end && tell_line(link, sentence) < 0) {
			fail_watch(link, sentence);
			break;
		}
		length += end != NULL;
		data += length;
		size -= length;
	}
	return 0;
}

/* A watch has no good end. Its last words may lack the end of a line. */
static void watch_done(void *user, const struct ms_http_reply *reply)
{
	struct ms_etcd_link *link = user;
	unsigned status = ms_http_reply_status(reply);
	char sentence[256];

	link->watch_call = NULL;
	if (ms_http_reply_error(reply) < 0)
		snprintf(sentence, sizeof(sentence), "%s", ms_http_reply_sentence(reply));
	else if (link->size)
		ms_etcd_codec_parse_error(link->line, link->size, status, sentence);
	else
		snprintf(sentence, sizeof(sentence), "the watch came to its end (%u)", status);
	fail_watch(link, sentence);
}

int ms_etcd_link_start_watch(struct ms_etcd_link *link, size_t endpoint, int64_t revision,
			     const char *token)
{
	struct ms_http_request request = { .on_data = watch_data, .on_done = watch_done };

	return post(link, endpoint, "/v3/watch",
		    ms_etcd_codec_watch(link->config->hostname, revision), token, &request,
		    &link->watch_call);
}
