/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules say to actions and microseg.yaml to plugins, judged by the plugins' own code: each in
 * a process of its own, without a daemon and without privileges, configured as microseg.yaml says
 * or, where that cannot be read or does not name it, by its defaults.
 */
#ifndef MS_CORE_CLI_ARGUMENTS_H
#define MS_CORE_CLI_ARGUMENTS_H

#include <jansson.h>

#include "core/cli/cli.h"
#include "core/config_plugins.h"
#include "core/plugin/catalogue.h"
#include "core/policy/check.h"
#include "core/policy/model.h"

/* ms_plugin_judge_policy(), of plugins as `settings`, what microseg.yaml says, configures them. */
int ms_cli_arguments_judge(const struct ms_cli *cli, struct ms_config_plugins *settings,
			   const struct ms_plugin_catalogue *catalogue,
			   const struct ms_policy *policy, json_t **ret_unjudged,
			   struct ms_error *err);
/*
 * -errno with the place in microseg.yaml of the first thing there that its plugin refuses, of the
 * first plugin that is none here, or of the first group that the policy does not have. One that
 * fails otherwise is a warning, appended (core/policy/array.h); its file is that of `settings`.
 */
int ms_cli_arguments_check_settings(const struct ms_cli *cli,
				    const struct ms_config_plugins *settings,
				    const struct ms_policy *policy, struct ms_warning **warnings,
				    size_t *count, struct ms_error *err);

#endif
