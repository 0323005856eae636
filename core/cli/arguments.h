/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules say to actions, judged by the plugins' own code: each plugin in a process of its own,
 * without a daemon and without privileges, configured as microseg.yaml says or, where that cannot
 * be read or does not name it, by its defaults.
 */
#ifndef MS_CORE_CLI_ARGUMENTS_H
#define MS_CORE_CLI_ARGUMENTS_H

#include <jansson.h>

#include "core/cli/cli.h"
#include "core/plugin/catalogue.h"
#include "core/policy/model.h"

/*
 * `policy` is a merged one that ms_plugin_catalogue_check() has passed. -EINVAL with the place and
 * the plugin's sentence for the first that is refused. `*ret_unjudged` is a list of { "action",
 * "reason" }: the plugin could not be asked.
 */
int ms_cli_arguments_judge(const struct ms_cli *cli, const struct ms_plugin_catalogue *catalogue,
			   const struct ms_policy *policy, json_t **ret_unjudged,
			   struct ms_error *err);
/* -EINVAL with the place in microseg.yaml of the first thing there that its plugin refuses, or of
 * the first group that the policy does not have. */
int ms_cli_arguments_check_settings(const struct ms_cli *cli, const struct ms_policy *policy,
				    struct ms_error *err);

#endif
