/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"

static bool is_known_key(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

static int check_keys(json_t *message, const char *const *keys, size_t count, struct ms_error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach (message, key, value) {
		if (!is_known_key(key, keys, count))
			return ms_error_set_at(err, -EBADMSG, NULL, 0, 0, key,
					       "unknown key '%s' in the message", key);
	}
	return 0;
}

static int check_request(json_t *message, struct ms_error *err)
{
	static const char *const keys[] = { "method", "parameters", "more" };
	const json_t *parameters = json_object_get(message, "parameters");
	const json_t *more = json_object_get(message, "more");
	int r = check_keys(message, keys, ms_array_size(keys), err);

	if (r < 0)
		return r;
	if (!json_is_string(json_object_get(message, "method")))
		return ms_error_set(err, -EBADMSG, "'method' must be text");
	if (parameters && !json_is_object(parameters))
		return ms_error_set(err, -EBADMSG, "'parameters' must be an object");
	if (more && !json_is_boolean(more))
		return ms_error_set(err, -EBADMSG, "'more' must be true or false");
	return 0;
}

static int check_reply(json_t *message, struct ms_error *err)
{
	static const char *const keys[] = { "parameters", "continues", "error" };
	const json_t *parameters = json_object_get(message, "parameters");
	const json_t *continues = json_object_get(message, "continues");
	const json_t *error = json_object_get(message, "error");
	int r = check_keys(message, keys, ms_array_size(keys), err);

	if (r < 0)
		return r;
	if (error ? parameters || continues || !json_is_object(error) : !json_is_object(parameters))
		return ms_error_set(err, -EBADMSG,
				    "a message has a 'method', 'parameters' or an 'error'");
	if (continues && !json_is_boolean(continues))
		return ms_error_set(err, -EBADMSG, "'continues' must be true or false");
	return 0;
}

json_t *ms_message_decode(const char *text, size_t length, struct ms_error *err)
{
	json_auto_t *message = NULL;
	json_error_t where;
	int r;

	message = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (!message) {
		ms_error_set_at(err, -EBADMSG, NULL, where.line > 0 ? (unsigned int)where.line : 0,
				where.column > 0 ? (unsigned int)where.column : 0, NULL,
				"not a JSON object: %s", where.text);
		return NULL;
	}
	if (!json_is_object(message)) {
		ms_error_set(err, -EBADMSG, "a message is one JSON object");
		return NULL;
	}
	r = json_object_get(message, "method") ? check_request(message, err)
					       : check_reply(message, err);
	return r < 0 ? NULL : ms_take_ptr(message);
}

char *ms_message_encode(const json_t *message, size_t *ret_length)
{
	char *text = json_dumps(message, JSON_COMPACT);

	if (text)
		*ret_length = strlen(text) + 1;
	return text;
}

/* Sets `key` to `value`, which is stolen even on failure. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return value && json_object_set_new(object, key, value) == 0;
}

json_t *ms_message_request(const char *method, json_t *parameters, bool more)
{
	json_auto_t *owned = parameters ? parameters : json_object();
	json_auto_t *message = json_object();

	/* `method` first: the server reads it off the front of a frame that is still arriving. */
	if (!message || !owned || !put(message, "method", json_string(method)) ||
	    json_object_set(message, "parameters", owned) < 0 ||
	    (more && !put(message, "more", json_true())))
		return NULL;
	return ms_take_ptr(message);
}

json_t *ms_message_reply(json_t *parameters, bool continues)
{
	json_auto_t *owned = parameters ? parameters : json_object();
	json_auto_t *message = json_object();

	if (!message || !owned || json_object_set(message, "parameters", owned) < 0 ||
	    (continues && !put(message, "continues", json_true())))
		return NULL;
	return ms_take_ptr(message);
}

json_t *ms_message_text(const char *text)
{
	json_t *value = json_string(text);
	ms_cleanup(ms_free) char *copy = value ? NULL : strdup(text);

	return copy ? json_string(ms_utf8_tidy(copy)) : value;
}

json_t *ms_message_failure(const char *code, const struct ms_error *err)
{
	json_auto_t *message = json_object();
	json_auto_t *error = json_object();

	if (!message || !error || !put(error, "code", json_string(code)) ||
	    !put(error, "message",
		 ms_message_text(err && err->message[0] ? err->message : "no reason given")))
		return NULL;
	if (err && err->file[0] && !put(error, "file", ms_message_text(err->file)))
		return NULL;
	if (err && err->line && !put(error, "line", json_integer(err->line)))
		return NULL;
	if (err && err->column && !put(error, "column", json_integer(err->column)))
		return NULL;
	if (err && err->word[0] && !put(error, "word", ms_message_text(err->word)))
		return NULL;
	if (json_object_set(message, "error", error) < 0)
		return NULL;
	return ms_take_ptr(message);
}
