/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP server, libevent's, in a thread of its own: its event base has no descriptor that the
 * host could watch for it, and a scrape shall not wait for a batch of events. The thread asks the
 * daemon by itself and shares nothing with the host's thread but the counts below.
 */
#ifndef MS_EXPORTER_SERVER_H
#define MS_EXPORTER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of both threads. */
struct ms_exporter_counts {
	_Atomic uint64_t events, events_lost, scrapes, failed;
};

struct ms_exporter_server;

/* Takes `fd`, which listens, over and closes it, on failure too. `control` is the path of the
 * daemon's socket and copied, `counts` is borrowed until the server is freed. */
int ms_exporter_server_new(int fd, const char *control, uint64_t rules_max, bool source_rules,
			   struct ms_exporter_counts *counts,
			   struct ms_exporter_server **ret_server);
/* Ends the thread; scrapes under way are not answered. Returns NULL. */
struct ms_exporter_server *ms_exporter_server_free(struct ms_exporter_server *server);

#endif
