/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks microseg-plugin-host about a plugin: nothing of the plugin runs in the process that asks.
 * The program keeps its own time limit (MS_PLUGIN_PROBE_SECONDS) and always answers.
 */
#ifndef MS_CORE_PLUGIN_PROBE_H
#define MS_CORE_PLUGIN_PROBE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"

#define MS_PLUGIN_PROBE_SECONDS 10

struct ms_plugin_probe;

/* Starts it. `folder` is the plugins', NULL = the installation's. `config`, borrowed, holds lists
 * of texts by item; NULL = what defaults give. create() and load() are run, too. `copy` (copy.h) is
 * what is tried. */
int ms_plugin_probe_try(const char *folder, const char *name, const json_t *config, int copy,
			struct ms_plugin_probe **ret_probe, struct ms_error *err);
/* Readable when there is something for step(). */
int ms_plugin_probe_fd(const struct ms_plugin_probe *probe);
/* 1 = not ready yet; 0 with the answer, {"plugin", "tried", "untried"}; -errno with the sentence of
 * the refusal: -EINVAL if that is of what it was given, so the same everywhere. */
int ms_plugin_probe_step(struct ms_plugin_probe *probe, json_t **ret_answer, struct ms_error *err);
/* Ends the program if it still runs. Returns NULL. */
struct ms_plugin_probe *ms_plugin_probe_free(struct ms_plugin_probe *probe);
/* All of it, waiting, of the file that is there. `is_trial`: with create() and load(). */
int ms_plugin_probe(const char *folder, const char *name, const json_t *config, bool is_trial,
		    json_t **ret_answer, struct ms_error *err);
/* Has the plugin's own code judge what rules say, waiting: needs no privilege. `arguments` and the
 * "refused" of the answer are as in core/pluginhost/trial.h; "tried" says whether it could. */
int ms_plugin_probe_arguments(const char *folder, const char *name, const json_t *config,
			      const json_t *arguments, json_t **ret_answer, struct ms_error *err);

#endif
