/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events that wait for a sink, in the daemon. The daemon waits for no sink: what does not fit is
 * dropped and counted, and the count goes before the next event that is sent. It outlives the
 * sink's process, so events of a short absence reach the next one.
 */
#ifndef MS_CORE_SOURCE_FEED_H
#define MS_CORE_SOURCE_FEED_H

#include "core/source/events.h"

#define MS_SOURCE_FEED_EVENTS 4096
#define MS_SOURCE_FEED_BYTES (1u << 20)

/* Starts as zeroes. */
struct ms_source_feed {
	struct ms_source_wire_buffer waiting; /* the body of the next frame */
	struct ms_source_wire_buffer frame;   /* under way */
	size_t n_waiting, n_frame, sent;
	/* Before what is waiting, before the frame, and since then. */
	uint64_t lost_waiting, lost_frame, lost;
	uint64_t lost_total;
};

void ms_source_feed_fini(struct ms_source_feed *feed);
void ms_source_feed_add(struct ms_source_feed *feed, const struct ms_plugin_event *event);
/* Sends what the socket takes now. 1: something is left, 0: nothing is, -errno: nobody reads. */
int ms_source_feed_send(struct ms_source_feed *feed, int fd);
/* A new process will read: a frame that was under way to the last one is lost. */
void ms_source_feed_rewind(struct ms_source_feed *feed);

#endif
