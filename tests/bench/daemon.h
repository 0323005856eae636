/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microsegd and microsegctl as processes, in the namespaces of the caller. One daemon at a time. */
#ifndef MS_TESTS_BENCH_DAEMON_H
#define MS_TESTS_BENCH_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts it with this one document, waits until it is ready. */
void ms_bench_daemon_start(const char *document, size_t length);
/* Ends it; its hooks and pins go with the namespaces. */
void ms_bench_daemon_stop(void);
/* It does nothing meanwhile, and misses nothing that it will be told. */
void ms_bench_daemon_pause(void);
void ms_bench_daemon_go_on(void);
uint64_t ms_bench_daemon_rss_bytes(void);

/* Starts `microsegctl WORDS`; ms_bench_daemon_ctl_end() waits for its end, which must be a good
 * one. */
#define MS_BENCH_DAEMON_DIR "/run/daemon"
#define MS_BENCH_DAEMON_SAID MS_BENCH_DAEMON_DIR "/ctl.log" /* what the last one wrote */
int ms_bench_daemon_ctl(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ms_bench_daemon_ctl_end(int pid);
bool ms_bench_daemon_ctl_has_ended(int pid); /* ..._end() is still to be called */

/* A connection to its control socket (docs/control-protocol.md); a request is sent there, and
 * ..._answer() returns when it has been answered well. */
int ms_bench_daemon_connect(void);
void ms_bench_daemon_ask(int fd, const char *request);
void ms_bench_daemon_answer(int fd);

/* The same again and again, from now until ..._rest(), which comes back when the last one has been
 * answered and returns how many were. */
void ms_bench_daemon_ctl_repeat(const char *words);
unsigned int ms_bench_daemon_ctl_rest(void);

/* A shell command that must succeed. */
void ms_bench_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
