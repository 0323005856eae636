/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is tried of a plugin before any process relies on it: its code is loaded, its descriptor
 * read, and in a trial it is created and its programs are loaded and run, all against maps that are
 * thrown away. Instead of them it may be asked about arguments of rules, which needs no privilege.
 */
#ifndef MS_CORE_PLUGINHOST_TRIAL_H
#define MS_CORE_PLUGINHOST_TRIAL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"

struct ms_pluginhost_trial {
	const char *folder, *name;
	const json_t *config; /* lists of texts by item; null = what defaults give */
	bool is_trial;
	bool has_copy; /* MS_PLUGIN_SPAWN_COPY is what is tried, and not what lies in the folder */
	/* What rules say: { "action", "rule", "values": lists of texts by item }. The answer then
	 * has "refused", { "index", "message" } of the first that the plugin refuses, or null. NULL
	 * = it is asked about none. */
	const json_t *arguments;
};

/* `user` is a trial; for ms_pluginhost_supervise(). */
int ms_pluginhost_trial_run(void *user, void *supervision, json_t **ret_answer,
			    struct ms_error *err);

#endif
