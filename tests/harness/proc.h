/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes a test starts: the daemon with every path of its own, and children that run a function
 * of the test. All die with the test. Functions without a result fail the test.
 */
#ifndef MS_TESTS_HARNESS_PROC_H
#define MS_TESTS_HARNESS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ms_proc {
	pid_t pid; /* 0 = not running */
	int notify_fd;
	char dir[128]; /* policy.d, run, state, daemon.log, microseg.yaml below it */
};

/* Prepares directories below MS_NETNS_DIR/NAME; starts nothing. */
void ms_proc_init(struct ms_proc *daemon, const char *name);
/* Writes policy.d/NAME, or microseg.yaml for the daemon's settings. */
void ms_proc_write_policy(const struct ms_proc *daemon, const char *file, const char *text);
void ms_proc_write_config(const struct ms_proc *daemon, const char *text);

/* Starts microsegd, waits until it says READY. `...` are more arguments, ending in NULL. */
void ms_proc_start(struct ms_proc *daemon, ...) __attribute__((sentinel));
/* The same with another program in its place, e.g. a test-only build. */
void ms_proc_start_program(struct ms_proc *daemon, const char *program, ...)
	__attribute__((sentinel));
/* That in two steps: a test may look at what the daemon does before it is ready. */
void ms_proc_begin_program(struct ms_proc *daemon, const char *program, ...)
	__attribute__((sentinel));
void ms_proc_wait_ready(struct ms_proc *daemon);
/* Starts it, expects it to give up by itself: its exit status. */
int ms_proc_start_refused(struct ms_proc *daemon, ...) __attribute__((sentinel));
/* SIGKILL, and waits for its end. */
void ms_proc_kill(struct ms_proc *daemon);
/* SIGTERM; must exit 0. */
void ms_proc_stop(struct ms_proc *daemon);
/* SIGHUP. */
void ms_proc_hangup(const struct ms_proc *daemon);
bool ms_proc_is_alive(const struct ms_proc *daemon);
/* The opposite, for ms_netns_wait(): `daemon` is a struct ms_proc. */
bool ms_proc_has_ended(void *daemon);
/* Whether the log so far holds this text. */
bool ms_proc_logged(const struct ms_proc *daemon, const char *text);
/* Whether what it has saved of its own changes, to go on with after a start, names this. */
bool ms_proc_remembers(const struct ms_proc *daemon, const char *text);
size_t ms_proc_rss_bytes(const struct ms_proc *daemon);
unsigned int ms_proc_open_fds(const struct ms_proc *daemon);

/* A child running `main_loop(user)` in namespace `ns` (NULL = the test's), until killed. */
pid_t ms_proc_fork(const char *ns, void (*main_loop)(void *user), void *user);
/* Ends such a child. */
void ms_proc_end(pid_t pid);

#endif
