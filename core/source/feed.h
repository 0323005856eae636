/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events that wait for a sink, in the daemon. The daemon waits for no sink: what does not fit is
 * dropped and counted, and the count goes before the next event that is sent. It outlives the
 * sink's process, so events of a short absence reach the next one. What a process was told and had
 * not taken when it ended is lost: told again, an event that crashes a sink would crash the next.
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
	/* Told and not taken yet: events, and what was said to be lost before them. */
	uint64_t n_told, lost_told;
	uint64_t lost_total;
};

void ms_source_feed_fini(struct ms_source_feed *feed);
void ms_source_feed_add(struct ms_source_feed *feed, const struct ms_plugin_event *event);
/* Sends what the socket takes now. 1: something is left, 0: nothing is, -errno: nobody reads. */
int ms_source_feed_send(struct ms_source_feed *feed, int fd);
/* The process has taken so many events, and the word that so many were lost. */
void ms_source_feed_taken(struct ms_source_feed *feed, uint64_t count, uint64_t lost);
/* The process has ended: what was under way to it, or told and not taken, is lost. */
void ms_source_feed_rewind(struct ms_source_feed *feed);

#endif
