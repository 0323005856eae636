/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host table that a plugin's create() is given. init() fills in what is the same in every
 * process; what a process cannot do answers -ENOTSUP (or does nothing), so that no pointer of the
 * table is NULL.
 */
#ifndef MS_CORE_PLUGIN_HOST_H
#define MS_CORE_PLUGIN_HOST_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

struct ms_plugin_page;    /* core/plugin/note.h */
struct ms_plugin_watches; /* core/plugin/watches.h */

/* Embed it; it must outlive the plugin's destroy(). */
struct ms_plugin_host_state {
	const char *name;                  /* the plugin's */
	struct ms_plugin_page *page;       /* where its callbacks are noted, NULL = nowhere */
	void *self;                        /* the plugin's own, once it is created */
	void (*woken)(void *self);         /* NULL = never */
	struct ms_plugin_watches *watches; /* core/plugin/watches.h; NULL = it has none */
	void *services; /* of who fills in the rest of the table; NULL = nobody does */
	/* Why it cannot do its work, as it says, and since when (seconds since 1970); "" = it can.
	 */
	char trouble[384];
	int64_t trouble_since;
};

/* Where a plugin's statistics go: an array that the host owns. */
struct ms_plugin_emit {
	json_t *numbers;
};

/* Where a callback says why it failed. Zeroed = nothing said. */
struct ms_plugin_error {
	char sentence[384];
};

void ms_plugin_host_init(struct ms_plugin_host *host, struct ms_plugin_host_state *state);
/* Around every call into the plugin: core/plugin/callback.h, NULL = it is out again. */
void ms_plugin_host_note(const struct ms_plugin_host_state *state, const char *callback);
/* What a plugin said, without its own name in front: who shows it puts that there. NULL is fine. */
const char *ms_plugin_host_sentence(const char *name, const char *sentence);
/* A failed callback as an error for people: "NAME: sentence", or, if the plugin set none, what it
 * was doing. Returns -errno. */
int ms_plugin_host_failed(const struct ms_plugin_host_state *state, const char *callback, int r,
			  const struct ms_plugin_error *error, struct ms_error *err);

#endif
