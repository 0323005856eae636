/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cli/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/judge.h"
#include "core/plugin/probe.h"
#include "core/policy/array.h"

static const struct ms_rule_action *config_of(void *user, const char *plugin)
{
	return ms_config_plugins_find(user, plugin);
}

int ms_cli_arguments_judge(const struct ms_cli *cli, struct ms_config_plugins *settings,
			   const struct ms_plugin_catalogue *catalogue,
			   const struct ms_policy *policy, json_t **ret_unjudged,
			   struct ms_error *err)
{
	const struct ms_plugin_judge how = {
		.folder = cli->options->plugin_dir,
		.catalogue = catalogue,
		.config_of = config_of,
		.user = settings,
	};

	return ms_plugin_judge_policy(&how, policy, ret_unjudged, err);
}

static int warn_of(const struct ms_rule_action *config, char *file, const struct ms_error *why,
		   struct ms_warning **warnings, size_t *count)
{
	struct ms_place place = ms_plugin_arguments_place(config, why->message);
	struct ms_warning warning = {
		.origin = { MS_SOURCE_FILE, file, place.line, place.column },
		.kind = "untried_plugin",
	};

	snprintf(warning.message, sizeof(warning.message),
		 "plugin %s fails here, as it may where the daemon is: %.300s", config->name,
		 why->message);
	return ms_array_append(warnings, count, warning);
}

/* Created as it is configured, and no more: the words and the place are the daemon's. */
static int judge_config(const struct ms_cli *cli, const struct ms_rule_action *config, char *file,
			json_t **ret_answer, struct ms_warning **warnings, size_t *count,
			struct ms_error *err)
{
	const char *folder = cli->options->plugin_dir;
	json_auto_t *values = ms_plugin_arguments_shape(config, NULL);
	json_auto_t *none = json_array();
	struct ms_error failure = MS_ERROR_INIT, why = MS_ERROR_INIT;
	int r = values && none ? ms_plugin_probe_arguments(folder, config->name, values, none,
							   ret_answer, &failure)
			       : -ENOMEM;

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r == -EINVAL)
		return ms_plugin_arguments_refuse_config(config, file, &failure, r, err);
	/* Without such a file, say, there is nothing that could be otherwise elsewhere. */
	r = ms_plugin_probe(folder, config->name, NULL, false, ret_answer, &why);
	if (r < 0)
		return r == -ENOMEM ? r
				    : ms_plugin_arguments_refuse_config(config, file, &why, r, err);
	return warn_of(config, file, &failure, warnings, count);
}

int ms_cli_arguments_check_settings(const struct ms_cli *cli,
				    const struct ms_config_plugins *settings,
				    const struct ms_policy *policy, struct ms_warning **warnings,
				    size_t *count, struct ms_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < settings->count; i++) {
		const struct ms_rule_action *config = &settings->list[i];
		json_auto_t *answer = NULL;

		r = judge_config(cli, config, settings->file, &answer, warnings, count, err);
		if (r == 0)
			r = ms_plugin_arguments_check_groups(
				config, settings->file,
				json_object_get(json_object_get(answer, "plugin"), "config"),
				policy, err);
	}
	return r;
}
