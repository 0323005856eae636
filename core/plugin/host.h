/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host table that a plugin's create() is given. init() fills in what is the same in every
 * process; what a process cannot do answers -ENOTSUP (or does nothing), so that no pointer of the
 * table is NULL.
 */
#ifndef MS_CORE_PLUGIN_HOST_H
#define MS_CORE_PLUGIN_HOST_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

/* Embed it; it must outlive the plugin's destroy(). */
struct ms_plugin_host_state {
	const char *name; /* the plugin's */
};

/* Where a callback says why it failed. Zeroed = nothing said. */
struct ms_plugin_error {
	char sentence[384];
};

void ms_plugin_host_init(struct ms_plugin_host *host, struct ms_plugin_host_state *state);
/* A failed callback as an error for people: "NAME: CALLBACK: sentence". Returns -errno. */
int ms_plugin_host_failed(const struct ms_plugin_host_state *state, const char *callback, int r,
			  const struct ms_plugin_error *error, struct ms_error *err);

#endif
