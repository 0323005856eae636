/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: frames in, replies and streams out, with a bound on everything a client can
 * make the daemon keep. Knows frames, peers and limits, not what methods do: that is the dispatch
 * function it is given (core/control/command).
 *
 * Runs on the loop's thread. One request of a connection is answered at a time; what a client sends
 * ahead waits in the socket. A peer's descriptors (SCM_RIGHTS) are never taken: reads ask for no
 * ancillary data, so the kernel closes them.
 */
#ifndef MS_CORE_CONTROL_SERVER_H
#define MS_CORE_CONTROL_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/control/message.h"
#include "core/control/method.h"
#include "core/loop.h"

#define MS_CONTROL_CONNECTIONS_MAX 32
/* Of these, so many are for root alone: the group cannot lock root out. */
#define MS_CONTROL_CONNECTIONS_ROOT 8
/* A frame that has begun must be complete by then, however steadily it trickles. */
#define MS_CONTROL_FRAME_DEADLINE_MS 5000
#define MS_CONTROL_LARGE_DEADLINE_MS 60000
#define MS_CONTROL_IDLE_MS 60000
/* Unsent output of a connection beyond which streams wait, or lose and count. */
#define MS_CONTROL_OUTPUT_MAX (1u << 20)

struct ms_control_server;
struct ms_control_connection;

/*
 * An answer in several replies, or one that takes several rounds of the loop. A handler makes one,
 * puts it into the call, and from then on the server owns it. Embed it first.
 */
struct ms_control_stream {
	/* The next slice of work, short enough for the loop. 1 = call again (`*ret_reply`, if
	 * set, is sent and continues), 0 = this was the last reply, -errno = failed. NULL for a
	 * stream that is only pushed, or that waits: see ms_control_stream_resume(). */
	int (*on_step)(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err);
	/* The connection is done with it, whatever the reason. Frees. */
	void (*on_end)(struct ms_control_stream *stream);
	/* A change that is not made yet: its line in the log comes with the last reply, and what it
	 * did from `audit`. A client that asks no more still gets its answer. */
	bool is_change;
	char audit[256];
	/* The server's. */
	struct ms_control_connection *connection;
};

struct ms_control_call {
	enum ms_method method;
	json_t *parameters; /* an object; borrowed */
	bool more;
	uid_t uid;
	pid_t pid;                        /* for the log only: pids are re-used */
	struct ms_control_stream *stream; /* set by the handler instead of a reply */
	char audit[256]; /* what a change did, for the audit line; set by the handler */
};

/* 0 with `*ret_reply` (new reference) or call->stream set, or -errno with `err`. */
typedef int (*ms_control_dispatch)(void *user, struct ms_control_call *call, json_t **ret_reply,
				   struct ms_error *err);

/* Whether a call may be answered while another one keeps the loop. */
typedef bool (*ms_control_is_urgent)(void *user, const struct ms_control_call *call);

/*
 * Binds `path` (0660 root:microseg, without that group 0600) and serves. A socket that a dead
 * daemon left is replaced; one that answers, or anything that is no socket of ours, is refused.
 * Ignores SIGPIPE from here on: a client may go at any moment.
 */
int ms_control_server_open(struct ms_loop *loop, const char *path, ms_control_dispatch dispatch,
			   void *user, struct ms_control_server **ret_server, struct ms_error *err);
/* From now on such calls are, of up to MS_MESSAGE_SMALL_MAX, as urgent watches of the loop. Before
 * the first connection; without it all calls wait. */
int ms_control_server_admit_urgent(struct ms_control_server *server,
				   ms_control_is_urgent is_urgent);
/* Ends every stream and connection, removes the socket file if it is still ours. Returns NULL. */
struct ms_control_server *ms_control_server_close(struct ms_control_server *server);

/* Sends one reply of an unfinished stream (stolen). False = the reader is too slow, nothing was
 * queued: the caller counts it as lost. */
bool ms_control_stream_push(struct ms_control_stream *stream, json_t *parameters);

/* The stream has an on_step() now: its first call comes from the loop. */
void ms_control_stream_resume(struct ms_control_stream *stream);

/* Takes an already connected socket (tests, and nothing else so far); `uid` as if accepted. */
int ms_control_server_adopt(struct ms_control_server *server, int fd, uid_t uid, pid_t pid);

#endif
