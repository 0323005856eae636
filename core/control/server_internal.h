/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server's files share: server.c has connections and limits, server_call.c requests and
 * answers, server_urgent.c those that do not wait for others. */
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
	struct ms_watch *urgent;
	bool urgent_is_over; /* it is to be armed again */
	size_t scanned;      /* input that is known to hold no NUL */
	bool large;          /* holds the server's one place for a long frame */
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
	struct ms_watch *accept_watch, *accept_urgent;
	ms_control_is_urgent is_urgent; /* NULL = nothing is */
	bool is_kept;                   /* the loop is, by another call */
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
/* Answers the next request if all of it is here. */
bool ms_control_server_take(struct ms_control_connection *conn);
void ms_control_server_accept(struct ms_control_server *server);
/* Of a connection that is made, and after each turn in which it was the loop's. */
int ms_control_server_begin_urgent(struct ms_control_connection *conn);
void ms_control_server_arm_urgent(struct ms_control_connection *conn);
/* Answers one frame (its text without NUL): a reply, a failure, or a stream begun. False = it is to
 * wait, nothing was done. */
bool ms_control_server_run(struct ms_control_connection *conn, const char *text, size_t length);
void ms_control_server_fail(struct ms_control_connection *conn, int r, struct ms_error *err);
/* One step of a stream that has steps. */
void ms_control_server_step(struct ms_control_connection *conn);
void ms_control_server_end_stream(struct ms_control_connection *conn);

#endif
