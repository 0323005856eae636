/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon, asked over its control socket what metrics are made of: one connection for each round
 * of questions, one question at a time. Runs on an event base of libevent's, in one thread.
 */
#ifndef MS_EXPORTER_DAEMON_H
#define MS_EXPORTER_DAEMON_H

#include <event2/event.h>

#include "metrics.h"

struct ms_exporter_daemon;

/* `path` of the socket is copied. NULL = out of memory. */
struct ms_exporter_daemon *ms_exporter_daemon_new(struct event_base *base, const char *path,
						  uint64_t rules_max, bool source_rules);
/* A round that is under way ends unanswered. Returns NULL. */
struct ms_exporter_daemon *ms_exporter_daemon_free(struct ms_exporter_daemon *daemon);

/*
 * Begins a round; only one at a time. `done` is called from the event base, never from within:
 * `error` is 0, or -errno and `answers` has what was answered until then. They are lent.
 */
void ms_exporter_daemon_ask(struct ms_exporter_daemon *daemon,
			    void (*done)(void *user, int error,
					 const struct ms_exporter_answers *answers),
			    void *user);

#endif
