/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be known here of the actions that a policy names, and which of them a reload would leave
 * loaded: those of plugins that microseg.yaml names, and of those that a daemon has been given by
 * hand. Descriptions come from the daemon, if it answers, and from the plugins' folder. None of it
 * needs root, and no plugin's code runs in this process.
 */
#ifndef MS_CORE_CLI_CATALOGUE_H
#define MS_CORE_CLI_CATALOGUE_H

#include <stdbool.h>

#include "core/cli/cli.h"
#include "core/config_plugins.h"
#include "core/plugin/catalogue.h"
#include "core/policy/model.h"

/* Where there are no settings, what a daemon has loaded stays. `*ret_asked`: it said what that is.
 * It is only asked for a policy that names actions. -ENOMEM */
int ms_cli_catalogue_make(const struct ms_cli *cli, const struct ms_config_plugins *settings,
			  const struct ms_policy *policy,
			  struct ms_plugin_catalogue **ret_catalogue, bool *ret_asked);
/* Names of the policy's actions that the catalogue does not know, once each. NULL = out of memory
 */
json_t *ms_cli_catalogue_unknown(const struct ms_plugin_catalogue *catalogue,
				 const struct ms_policy *policy);

#endif
