/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cli/settings.h"

#include <errno.h>

#include "core/config.h"

int ms_cli_settings_read(const struct ms_cli *cli, struct ms_config_plugins *ret_plugins,
			 struct ms_error *err)
{
	const char *named = cli->options->config;
	const struct ms_config config = {
		.file = (char *)(named ? named : MS_CONFIG_FILE),
		.file_must_be = named != NULL,
	};
	struct ms_error why = MS_ERROR_INIT;
	int r = ms_config_plugins_read(&config, ret_plugins, &why);

	if (r == -EACCES && !named)
		return 0;
	if (r < 0)
		*err = why;
	return r;
}
