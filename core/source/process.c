/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/source/complaint.h"
#include "core/source/inbox.h"

#define READ_SIZE (256u << 10) /* of one round of the loop: interfaces come first */
#define BREATH_MS 10           /* between two rounds, for one that says too much */
#define STOP_MS 500
#define KILL_MS 500
#define TELL_MS 20 /* what happens in a burst is one frame */

struct ms_source_process {
	struct ms_source_process_hooks hooks;
	pid_t pid;
	int fd, pid_fd;
	struct ms_loop *loop;
	struct ms_watch *on_readable, *on_exit, *silence, *breath;
	struct ms_watch *tell, *on_writable; /* of a sink */
	bool is_heard;                       /* since the timer last looked */
	bool is_deaf;                        /* there is nothing to read, now or ever */
	bool is_slow;
	bool is_stopping;
	int64_t stop_by_ms;

	struct ms_source_inbox inbox;
	bool is_behind; /* more is in it than the last turn took */

	bool gave_up;
	char sentence[MS_SOURCE_WIRE_SENTENCE_MAX + 1]; /* why it is over, "" = nobody said */
};

/* ---- its end ---- */

/* Nothing more is heard from it. */
static void turn_away(struct ms_source_process *process)
{
	process->is_deaf = true;
	process->on_readable = ms_watch_free(process->on_readable);
	process->breath = ms_watch_free(process->breath);
}

void ms_source_process_condemn(struct ms_source_process *process, const char *sentence)
{
	if (!process->sentence[0])
		snprintf(process->sentence, sizeof(process->sentence), "%s", sentence);
	turn_away(process);
	kill(process->pid, SIGKILL);
}

/* 1, or 0: there is nothing to read, now or ever. */
static int fetch(struct ms_source_process *process)
{
	static char bytes[READ_SIZE];
	ssize_t n = recv(process->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		turn_away(process);
		return 0;
	}
	process->is_heard = true;
	r = ms_source_inbox_add(&process->inbox, bytes, (size_t)n);
	return r < 0 ? r : 1;
}

/* One turn of it. Nothing more is read as long as what was is not taken: its process waits then.
 * False: there is nothing to take, now or ever. */
static bool take_some(struct ms_source_process *process)
{
	struct ms_error err = MS_ERROR_INIT;
	int r = process->is_behind ? 1 : fetch(process);

	if (r == 0)
		return false;
	if (r > 0)
		r = ms_source_inbox_turn(&process->inbox, &err);
	process->is_behind = r > 0;
	if (r < 0)
		ms_source_process_condemn(process, err.message[0] ? err.message : strerror(-r));
	return r >= 0;
}

static void on_readable(void *user);

static void listen_again(struct ms_source_process *process)
{
	if (!process->on_readable && !process->is_deaf &&
	    ms_loop_add_fd(process->loop, process->fd, MS_LOOP_CONTROL, on_readable, process,
			   &process->on_readable) < 0)
		ms_source_process_condemn(process, "out of memory");
}

static void on_breath(void *user)
{
	struct ms_source_process *process = user;

	if ((process->is_slow || process->is_behind) && take_some(process))
		ms_watch_arm(process->breath, BREATH_MS, false);
	else
		listen_again(process);
}

static void on_readable(void *user)
{
	struct ms_source_process *process = user;

	take_some(process);
	if ((!process->is_slow && !process->is_behind) || process->is_deaf)
		return;
	process->on_readable = ms_watch_free(process->on_readable);
	ms_watch_arm(process->breath, BREATH_MS, false);
}

void ms_source_process_slow(struct ms_source_process *process, bool slow)
{
	process->is_slow = slow;
}

static void on_silence(void *user)
{
	struct ms_source_process *process = user;

	if (process->is_stopping)
		kill(process->pid, SIGKILL);
	else if (!process->is_heard)
		ms_source_process_condemn(process, "it has not moved for half a minute");
	process->is_heard = false;
}

static void explain(struct ms_source_process *process, int status)
{
	if (process->sentence[0])
		return;
	if (WIFSIGNALED(status))
		snprintf(process->sentence, sizeof(process->sentence), "it crashed (%s)",
			 sigdescr_np(WTERMSIG(status)));
	else
		snprintf(process->sentence, sizeof(process->sentence),
			 "it ended by itself (status %d)", WEXITSTATUS(status));
}

static void on_exit_of(void *user)
{
	struct ms_source_process *process = user;
	int status = 0;

	/* Its last words: no more than a socket holds. */
	while (!process->is_deaf && take_some(process))
		;
	if (waitpid(process->pid, &status, WNOHANG) != process->pid)
		return;
	process->pid = 0;
	explain(process, status);
	process->on_exit = ms_watch_free(process->on_exit);
	process->silence = ms_watch_free(process->silence);
	process->breath = ms_watch_free(process->breath);
	process->tell = ms_watch_free(process->tell);
	process->on_writable = ms_watch_free(process->on_writable);
	if (process->hooks.feed)
		ms_source_feed_rewind(process->hooks.feed);
	process->hooks.on_end(process->hooks.user, process->gave_up, process->sentence);
}

/* ---- events ---- */

/* That nobody reads any more is found out, and said, by who waits for its end. */
static void send_events(void *user)
{
	struct ms_source_process *process = user;
	bool is_left = ms_source_feed_send(process->hooks.feed, process->fd) > 0;

	if (!is_left)
		process->on_writable = ms_watch_free(process->on_writable);
	else if (!process->on_writable &&
		 ms_loop_add_io(process->loop, process->fd, MS_LOOP_WRITABLE, MS_LOOP_CONTROL,
				send_events, process, &process->on_writable) < 0)
		ms_watch_arm(process->tell, TELL_MS, false);
}

void ms_source_process_tell(struct ms_source_process *process)
{
	if (process->tell && !process->on_writable && !ms_watch_is_armed(process->tell))
		ms_watch_arm(process->tell, TELL_MS, false);
}

/* ---- what becomes of an offer ---- */

/* So short a frame goes as a whole or not at all. One that does not take it is told with its next
 * offer. Between the events of a sink it has no place. */
static void answer(struct ms_source_process *process, const struct ms_source_wire_message *message)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };

	if (!process || process->hooks.feed || process->fd < 0 ||
	    ms_source_wire_put(&buffer, message) < 0)
		return;
	(void)send(process->fd, buffer.bytes, buffer.length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ms_source_process_in_force(struct ms_source_process *process, uint32_t number)
{
	const struct ms_source_wire_message message = {
		.kind = MS_SOURCE_WIRE_IN_FORCE,
		.number = number,
	};

	answer(process, &message);
}

void ms_source_process_refuse(struct ms_source_process *process, const char *name, uint32_t number,
			      const struct ms_error *why)
{
	const char *origin = ms_source_complaint_origin(name, why);
	const struct ms_source_wire_message message = {
		.kind = MS_SOURCE_WIRE_REFUSED,
		.number = number,
		.origin = origin,
		.origin_length = origin ? strlen(origin) : 0,
		.text = why->message,
		.length = strlen(why->message),
	};

	if (origin)
		answer(process, &message);
}

/* ---- what it says ---- */

static void on_message(void *user, const struct ms_source_wire_message *message)
{
	struct ms_source_process *process = user;

	if (message->kind == MS_SOURCE_WIRE_TAKEN) {
		if (process->hooks.feed)
			ms_source_feed_taken(process->hooks.feed, message->number,
					     message->workload);
		return;
	}
	if (process->is_stopping)
		return;
	if (message->kind != MS_SOURCE_WIRE_FAILED) {
		process->hooks.on_message(process->hooks.user, message);
		return;
	}
	process->gave_up = true;
	snprintf(process->sentence, sizeof(process->sentence), "%.*s", (int)message->length,
		 message->text);
}

static void on_offer(void *user, struct ms_source_wire_buffer *bytes)
{
	struct ms_source_process *process = user;

	if (!process->is_stopping)
		process->hooks.on_offer(process->hooks.user, bytes);
}

/* ---- start and stop ---- */

static int watch(struct ms_source_process *process, struct ms_loop *loop)
{
	int r = 0;

	process->loop = loop;
	if (process->hooks.feed)
		r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, send_events, process, &process->tell);
	if (r == 0)
		r = ms_loop_add_fd(loop, process->fd, MS_LOOP_CONTROL, on_readable, process,
				   &process->on_readable);
	if (r == 0)
		r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_breath, process, &process->breath);
	if (r == 0)
		r = ms_loop_add_fd(loop, process->pid_fd, MS_LOOP_CONTROL, on_exit_of, process,
				   &process->on_exit);
	if (r == 0)
		r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_silence, process,
				      &process->silence);
	return r < 0 ? r : ms_watch_arm(process->silence, MS_SOURCE_PROCESS_SILENCE_MS, true);
}

int ms_source_process_start(struct ms_loop *loop, const struct ms_plugin_spawn *plugin,
			    const struct ms_source_process_hooks *hooks,
			    struct ms_source_process **ret_process, struct ms_error *err)
{
	struct ms_source_process *process = calloc(1, sizeof(*process));
	ms_cleanup(ms_close_fd) int theirs = -1;
	struct ms_plugin_spawn what = *plugin;
	int ends[2], r = 0;

	if (!process)
		return -ENOMEM;
	process->hooks = *hooks;
	process->inbox = (struct ms_source_inbox) {
		.on_message = on_message,
		.on_offer = on_offer,
		.user = process,
	};
	process->fd = process->pid_fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		r = -errno;
	} else {
		process->fd = ends[0];
		what.task = "--serve";
		what.output = theirs = ends[1];
		r = ms_plugin_spawn(&what, &process->pid, err);
	}
	if (r == 0) {
		process->pid_fd = pidfd_open(process->pid, 0);
		r = process->pid_fd < 0 ? -errno : watch(process, loop);
	}
	if (r < 0) {
		ms_source_process_free(process);
		return ms_error_set(err, r, "%s: cannot start its process: %s", plugin->name,
				    strerror(-r));
	}
	*ret_process = process;
	return 0;
}

pid_t ms_source_process_pid(const struct ms_source_process *process)
{
	return process->pid;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hang_up(struct ms_source_process *process)
{
	turn_away(process);
	ms_close_fd(&process->fd);
	process->fd = -1; /* the number may be somebody else's by now */
}

void ms_source_process_stop(struct ms_source_process *process)
{
	if (process->is_stopping)
		return;
	process->is_stopping = true;
	process->stop_by_ms = now_ms() + STOP_MS;
	process->tell = ms_watch_free(process->tell);
	process->on_writable = ms_watch_free(process->on_writable);
	/* For it that is the word to stop. A sink takes what it was told first, and says so. */
	if (process->hooks.feed)
		shutdown(process->fd, SHUT_WR);
	else
		hang_up(process);
	if (process->pid && process->silence && ms_watch_arm(process->silence, STOP_MS, false) < 0)
		kill(process->pid, SIGKILL);
}

static bool ends_within(const struct ms_source_process *process, int64_t ms)
{
	struct pollfd exit = { .fd = process->pid_fd, .events = POLLIN };

	return process->pid_fd >= 0 && poll(&exit, 1, ms > 0 ? (int)ms : 0) > 0;
}

/* Several that were told at the same time end at the same time: the second is not waited for. */
static void wait_for_end(const struct ms_source_process *process)
{
	if (!ends_within(process, process->stop_by_ms - now_ms())) {
		kill(process->pid, SIGKILL);
		ends_within(process, KILL_MS);
	}
	waitpid(process->pid, NULL, process->pid_fd < 0 ? 0 : WNOHANG);
}

struct ms_source_process *ms_source_process_free(struct ms_source_process *process)
{
	if (!process)
		return NULL;
	ms_source_process_stop(process);
	hang_up(process);
	ms_watch_free(process->on_exit);
	ms_watch_free(process->silence);
	if (process->pid)
		wait_for_end(process);
	ms_close_fd(&process->pid_fd);
	ms_source_inbox_fini(&process->inbox);
	free(process);
	return NULL;
}
