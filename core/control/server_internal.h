/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server's files share: server.c has connections and limits, server_call.c requests and
 * answers. */
#ifndef MS_CORE_CONTROL_SERVER_INTERNAL_H
#define MS_CORE_CONTROL_SERVER_INTERNAL_H

#include <time.h>

#include "core/base/list.h"
#include "core/control/listener.h"
#include "core/control/server.h"

struct bufferevent;

enum ms_control_deadline { DEADLINE_NONE, DEADLINE_IDLE, DEADLINE_FRAME, DEADLINE_LARGE };

struct ms_control_connection {
	struct ms_list node;
	struct ms_control_server *server;
	struct bufferevent *bev;
	uid_t uid;
	pid_t pid;
	struct ms_watch *deadline;
	enum ms_control_deadline deadline_kind;
	struct ms_watch *pump; /* the next step, in a later round of the loop */
	size_t scanned;        /* input that is known to hold no NUL */
	bool large;            /* holds the server's one place for a long frame */
	bool eof;
	bool closing; /* once the output has gone */
	bool dead;
	struct ms_control_stream *stream;
	/* Of a stream that is a change. */
	enum ms_method changes;
	json_t *asked;
};

struct ms_control_server {
	struct ms_loop *loop;
	ms_control_dispatch dispatch;
	void *user;
	struct ms_control_listener listener;
	struct ms_watch *accept_watch;
	int spare_fd; /* given up to accept and turn away when descriptors run out */
	struct ms_list connections;
	unsigned int n_connections, n_group;
	struct ms_control_connection *large;
	uid_t overflow_uid;
	time_t last_denial;
	unsigned int denials;
};

/* Unsent bytes. */
size_t ms_control_server_output(const struct ms_control_connection *conn);
/* Answers one frame (its text without NUL): a reply, a failure, or a stream begun. */
void ms_control_server_run(struct ms_control_connection *conn, const char *text, size_t length);
void ms_control_server_fail(struct ms_control_connection *conn, int r, struct ms_error *err);
/* One step of a stream that has steps. */
void ms_control_server_step(struct ms_control_connection *conn);
void ms_control_server_end_stream(struct ms_control_connection *conn);

#endif
