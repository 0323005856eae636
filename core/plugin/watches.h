/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin is called when a descriptor is ready, a time has come, or another thread of its own says
 * so: the same in the daemon and in the process of a source. Each plugin has a list of its own,
 * which ends with its stop(); before each call into it its name is noted, as before any other.
 */
#ifndef MS_CORE_PLUGIN_WATCHES_H
#define MS_CORE_PLUGIN_WATCHES_H

#include "core/loop.h"
#include "core/plugin/host.h"

/* Before create(): fills in watch_fd, watch_time, unwatch and wake of the table. */
int ms_plugin_watches_begin(struct ms_plugin_host *host, struct ms_loop *loop);
/* After stop(): none of them calls any more. */
void ms_plugin_watches_quiet(struct ms_plugin_host_state *state);
/* After destroy(). */
void ms_plugin_watches_end(struct ms_plugin_host_state *state);

#endif
