/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include <errno.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/control/server_internal.h"

/* ---- answers ---- */

/* Steals `message`; what cannot be encoded or stored ends the connection. */
static void send_message(struct ms_control_connection *conn, json_t *message)
{
	json_auto_t *owned = message;
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;

	if (owned)
		text = ms_message_encode(owned, &length);
	if (!text || bufferevent_write(conn->bev, text, length) < 0)
		conn->dead = true;
}

static const char *error_code(int r)
{
	switch (-r) {
	case EPERM:
	case EACCES:
		return "denied";
	case ENOENT:
		return "not_found";
	case EBADMSG:
		return "usage";
	case EAGAIN:
		return "busy";
	case ENOMEM:
	case EIO:
	case EFAULT:
		return "internal";
	default:
		return "refused";
	}
}

void ms_control_server_fail(struct ms_control_connection *conn, int r, struct ms_error *err)
{
	ms_error_set(err, r, "%s", strerror(-r));
	send_message(conn, ms_message_failure(error_code(r), err));
}

void ms_control_server_end_stream(struct ms_control_connection *conn)
{
	struct ms_control_stream *stream = ms_take_ptr(conn->stream);

	if (stream)
		stream->on_end(stream);
	json_decref(ms_take_ptr(conn->asked));
}

void ms_control_stream_resume(struct ms_control_stream *stream)
{
	ms_watch_arm(stream->connection->pump, 0, false);
}

bool ms_control_stream_push(struct ms_control_stream *stream, json_t *parameters)
{
	struct ms_control_connection *conn = stream->connection;

	if (conn->dead || ms_control_server_output(conn) > MS_CONTROL_OUTPUT_MAX) {
		json_decref(parameters);
		return false;
	}
	send_message(conn, ms_message_reply(parameters, true));
	return true;
}

/* ---- requests ---- */

/* What was asked, short enough for a log line; documents by name only. */
static void describe(const json_t *parameters, char *buf, size_t size)
{
	json_auto_t *shown = json_copy((json_t *)parameters);
	json_auto_t *names = json_array();
	ms_cleanup(ms_free) char *text = NULL;
	const json_t *document;
	size_t i;

	json_array_foreach (json_object_get(parameters, "documents"), i, document)
		json_array_append(names, json_object_get(document, "name"));
	document = json_object_get(parameters, "document");
	if (document)
		json_array_append(names, json_object_get(document, "name"));
	if (shown && names && json_array_size(names) > 0) {
		json_object_del(shown, "document");
		json_object_set(shown, "documents", names);
	}
	if (shown)
		text = json_dumps(shown, JSON_COMPACT | JSON_ENSURE_ASCII);
	snprintf(buf, size, "%s", text ? text : "{}");
}

static void log_change(const struct ms_control_connection *conn, const struct ms_control_call *call,
		       int r, const struct ms_error *err)
{
	char asked[256], refusal[640];

	if (r == 0 && json_is_true(json_object_get(call->parameters, "dry_run")))
		return;
	describe(call->parameters, asked, sizeof(asked));
	ms_log_notice("control", "uid=%u pid=%d %s %s: %s", conn->uid, conn->pid,
		      ms_method_name(call->method), asked,
		      r < 0 ? ms_error_format(err, refusal, sizeof(refusal))
			    : (call->audit[0] ? call->audit : "done"));
}

/* A change that was only begun when its call returned. */
static void log_stream(const struct ms_control_connection *conn, int r, struct ms_error *err)
{
	struct ms_control_call call = { .method = conn->changes, .parameters = conn->asked };

	snprintf(call.audit, sizeof(call.audit), "%s", conn->stream->audit);
	if (r < 0)
		ms_error_set(err, r, "%s", strerror(-r));
	log_change(conn, &call, r, err);
}

void ms_control_server_step(struct ms_control_connection *conn)
{
	struct ms_error err = MS_ERROR_INIT;
	json_t *reply = NULL;
	int r = conn->stream->on_step(conn->stream, &reply, &err);

	if (r <= 0 && conn->stream->is_change)
		log_stream(conn, r, &err);
	if (r < 0) {
		json_decref(reply);
		ms_control_server_fail(conn, r, &err);
	} else if (r == 0 || reply) {
		send_message(conn, ms_message_reply(reply, r > 0));
	}
	if (r <= 0)
		ms_control_server_end_stream(conn);
}

/* Anybody in the group can cause these: one line a second at most. */
static void log_denial(struct ms_control_connection *conn, enum ms_method method)
{
	struct ms_control_server *server = conn->server;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	server->denials++;
	if (server->last_denial && now.tv_sec - server->last_denial < 1)
		return;
	ms_log_notice("control", "denied %s to uid=%u pid=%d (%u denied since the last line)",
		      ms_method_name(method), conn->uid, conn->pid, server->denials);
	server->last_denial = now.tv_sec;
	server->denials = 0;
}

static int authorise(struct ms_control_connection *conn, const struct ms_control_call *call,
		     struct ms_error *err)
{
	const char *name = ms_method_name(call->method);

	if (!ms_method_is_allowed(call->method, conn->uid, conn->server->overflow_uid)) {
		log_denial(conn, call->method);
		return ms_error_set(err, -EPERM, "%s needs root: use sudo", name);
	}
	if ((ms_method_flags(call->method) & MS_METHOD_STREAMS) && !call->more)
		return ms_error_set(err, -EBADMSG, "%s answers in several replies: say \"more\"",
				    name);
	return 0;
}

static bool is_begun(const struct ms_control_call *call, int r)
{
	return r == 0 && call->stream && call->stream->is_change;
}

static void run_call(struct ms_control_connection *conn, struct ms_control_call *call)
{
	struct ms_control_server *server = conn->server;
	struct ms_error err = MS_ERROR_INIT;
	json_t *reply = NULL;
	int r = authorise(conn, call, &err);

	if (r == 0) {
		r = server->dispatch(server->user, call, &reply, &err);
		if (r < 0)
			ms_error_set(&err, r, "%s", strerror(-r));
		if (ms_method_flags(call->method) & MS_METHOD_CHANGES && !is_begun(call, r))
			log_change(conn, call, r, &err);
	}
	if (r < 0)
		ms_control_server_fail(conn, r, &err);
	else if (!call->stream)
		send_message(conn, ms_message_reply(reply, false));
	conn->stream = r == 0 ? call->stream : NULL;
	if (conn->stream)
		conn->stream->connection = conn;
	if (is_begun(call, r)) {
		conn->changes = call->method;
		conn->asked = json_incref(call->parameters);
	}
}

static void refuse_frame(struct ms_control_connection *conn, struct ms_error *err)
{
	send_message(conn, ms_message_failure("usage", err));
	conn->closing = true;
}

bool ms_control_server_run(struct ms_control_connection *conn, const char *text, size_t length)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_control_call call = { .uid = conn->uid, .pid = conn->pid };
	json_auto_t *empty = json_object();
	json_auto_t *message = ms_message_decode(text, length, &err);
	const char *name = json_string_value(json_object_get(message, "method"));

	if (!message || !name || !empty) {
		ms_error_set(&err, -EBADMSG, "a request has a 'method'");
		refuse_frame(conn, &err);
		return true;
	}
	if (!ms_method_find(name, &call.method)) {
		ms_error_set_at(&err, -EBADMSG, NULL, 0, 0, name, "no method '%s'", name);
		send_message(conn, ms_message_failure("usage", &err));
		return true;
	}
	if (length > MS_MESSAGE_SMALL_MAX &&
	    !(ms_method_flags(call.method) & MS_METHOD_LARGE && conn->large)) {
		ms_error_set(&err, -EMSGSIZE, "a request of %s may be %u KiB long", name,
			     MS_MESSAGE_SMALL_MAX >> 10);
		refuse_frame(conn, &err);
		return true;
	}
	call.parameters = json_object_get(message, "parameters");
	if (!call.parameters)
		call.parameters = empty;
	call.more = json_is_true(json_object_get(message, "more"));
	if (conn->server->is_kept && !conn->server->is_urgent(conn->server->user, &call))
		return false;
	run_call(conn, &call);
	return true;
}
