/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/copy.h"
#include "core/plugin/probe.h"
#include "core/policy/rule_action.h"

struct ms_plugin_trial {
	struct ms_rule_action *config; /* one */
	size_t n_config;
	char *file;
	int copy;                      /* what is tried, -1 = nothing was */
	struct ms_plugin_probe *probe; /* while it runs */
	json_t *description;
	int result;
	struct ms_error why;
};

int ms_plugin_trial_new(const struct ms_rule_action *config, const char *file,
			struct ms_plugin_trial **ret_trial)
{
	struct ms_plugin_trial *trial = calloc(1, sizeof(*trial));
	int r;

	if (!trial)
		return -ENOMEM;
	trial->copy = -1;
	trial->result = -EINPROGRESS;
	r = ms_rule_action_copy(config, 1, &trial->config, &trial->n_config);
	if (r == 0 && file && !(trial->file = strdup(file)))
		r = -ENOMEM;
	if (r < 0) {
		ms_plugin_trial_free(trial);
		return r;
	}
	*ret_trial = trial;
	return 0;
}

struct ms_plugin_trial *ms_plugin_trial_free(struct ms_plugin_trial *trial)
{
	if (!trial)
		return NULL;
	ms_plugin_probe_free(trial->probe);
	ms_close_fd(&trial->copy);
	json_decref(trial->description);
	ms_rule_action_free(trial->config, trial->n_config);
	free(trial->file);
	free(trial);
	return NULL;
}

void ms_plugin_trial_refuse(struct ms_plugin_trial *trial, int r, const struct ms_error *why)
{
	trial->result =
		ms_plugin_arguments_refuse_config(trial->config, trial->file, why, r, &trial->why);
}

void ms_plugin_trial_start(struct ms_plugin_trial *trial, const char *folder)
{
	json_auto_t *values = ms_plugin_arguments_shape(trial->config, NULL);
	struct ms_error why = MS_ERROR_INIT;
	int r = -ENOMEM;

	/* What is wrong with the file is, like all that a trial finds, no matter of who asked. */
	if (values && ms_plugin_copy_open(folder, trial->config->name, &trial->copy, &why) < 0)
		r = -EPROTO;
	else if (values)
		r = ms_plugin_probe_try(folder, trial->config->name, values, trial->copy,
					&trial->probe, &why);
	if (r < 0)
		ms_plugin_trial_refuse(trial, r, &why);
}

int ms_plugin_trial_fd(const struct ms_plugin_trial *trial)
{
	return trial->probe ? ms_plugin_probe_fd(trial->probe) : -1;
}

bool ms_plugin_trial_step(struct ms_plugin_trial *trial)
{
	struct ms_error why = MS_ERROR_INIT;
	json_t *answer;
	int r;

	if (!trial->probe)
		return trial->result != -EINPROGRESS;
	r = ms_plugin_probe_step(trial->probe, &answer, &why);
	if (r == 1)
		return false;
	trial->probe = ms_plugin_probe_free(trial->probe);
	if (r < 0) {
		ms_plugin_trial_refuse(trial, r, &why);
		return true;
	}
	trial->result = 0;
	trial->description = json_incref(json_object_get(answer, "plugin"));
	json_decref(answer);
	return true;
}

int ms_plugin_trial_result(const struct ms_plugin_trial *trial, struct ms_error *err)
{
	if (trial->result < 0 && err && !ms_error_is_set(err))
		*err = trial->why;
	return trial->result;
}

int ms_plugin_trial_copy(const struct ms_plugin_trial *trial)
{
	return trial->copy;
}

const struct ms_rule_action *ms_plugin_trial_config(const struct ms_plugin_trial *trial)
{
	return trial->config;
}

struct ms_place ms_plugin_trial_place(const struct ms_plugin_trial *trial, const char *sentence)
{
	return ms_plugin_arguments_place(trial->config, sentence);
}

const char *ms_plugin_trial_file(const struct ms_plugin_trial *trial)
{
	return trial->file;
}

json_t *ms_plugin_trial_description(const struct ms_plugin_trial *trial)
{
	return trial->description;
}
