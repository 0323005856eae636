/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What microseg.yaml says of plugins, for commands that try one without a daemon. */
#ifndef MS_CORE_CLI_SETTINGS_H
#define MS_CORE_CLI_SETTINGS_H

#include "core/cli/cli.h"
#include "core/config_plugins.h"

/* Of the file that --config names, else of the installation's; who may not read that one gets
 * nothing, as if there were none: no `file` either. `*ret_plugins` is the caller's. */
int ms_cli_settings_read(const struct ms_cli *cli, struct ms_config_plugins *ret_plugins,
			 struct ms_error *err);

#endif
