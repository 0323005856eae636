/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdict events on their way from the daemon to a sink's process: how many were lost before them,
 * then each as it is in memory with its strings behind it. Pure.
 */
#ifndef MS_CORE_SOURCE_EVENTS_H
#define MS_CORE_SOURCE_EVENTS_H

#include "core/source/wire.h"
#include "microseg/plugin.h"

/* Begins a body (an empty buffer), then one event after the other. -ENOMEM; the buffer is unchanged
 * then. */
int ms_source_events_begin(struct ms_source_wire_buffer *body, uint64_t lost);
int ms_source_events_append(struct ms_source_wire_buffer *body,
			    const struct ms_plugin_event *event);

struct ms_source_events {
	uint64_t lost;
	size_t count;
	struct ms_plugin_event *events;
	const struct ms_plugin_event **list; /* as on_events() wants them */
};

/* The strings are those of `body`. -EPROTO: it is not what append() makes; -ENOMEM. */
int ms_source_events_decode(const char *body, size_t length, struct ms_source_events *ret_events);
void ms_source_events_fini(struct ms_source_events *events);

#endif
