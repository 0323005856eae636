/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the plugin that a configuration names works with it: tried in a process of its own, which
 * may crash or hang, while this one goes on.
 */
#ifndef MS_CORE_PLUGIN_TRIAL_H
#define MS_CORE_PLUGIN_TRIAL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_plugin_trial;

/* `config` names the plugin, its arguments are the configuration; `file` is where it stands, NULL =
 * nowhere. Both are copied. -ENOMEM */
int ms_plugin_trial_new(const struct ms_rule_action *config, const char *file,
			struct ms_plugin_trial **ret_trial);
/* Ends the process if it still runs. Returns NULL. */
struct ms_plugin_trial *ms_plugin_trial_free(struct ms_plugin_trial *trial);

/* What keeps it from starting is its result. `folder` is the plugins', NULL = the installation's.
 */
void ms_plugin_trial_start(struct ms_plugin_trial *trial, const char *folder);
/* Over without having run, because of `why`. */
void ms_plugin_trial_refuse(struct ms_plugin_trial *trial, int r, const struct ms_error *why);
/* Readable when there is something for step(); -1 = it does not run. */
int ms_plugin_trial_fd(const struct ms_plugin_trial *trial);
/* Takes what has come; true = it is over. */
bool ms_plugin_trial_step(struct ms_plugin_trial *trial);

/* Of one that is over: 0, or -errno with the sentence and the place of the refusal. */
int ms_plugin_trial_result(const struct ms_plugin_trial *trial, struct ms_error *err);
/* Of one that passed, what was tried (copy.h). Borrowed. */
int ms_plugin_trial_copy(const struct ms_plugin_trial *trial);
const struct ms_rule_action *ms_plugin_trial_config(const struct ms_plugin_trial *trial);
/* The place of the configuration that a sentence of the plugin's is about. */
struct ms_place ms_plugin_trial_place(const struct ms_plugin_trial *trial, const char *sentence);
const char *ms_plugin_trial_file(const struct ms_plugin_trial *trial);
/* As ms_plugin_describe(), of one that passed. Borrowed. */
json_t *ms_plugin_trial_description(const struct ms_plugin_trial *trial);

#endif
