/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin. */
#include <unistd.h>

#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/plugin/probe.h"

/* Loading programs needs root; what a plugin says of itself does not. */
int ms_cli_cmd_plugin_probe(const struct ms_cli *cli)
{
	struct ms_error err = MS_ERROR_INIT;
	json_t *answer = NULL;
	int r = ms_plugin_probe(cli->options->plugin_dir, cli->options->args[0], NULL,
				geteuid() == 0, &answer, &err);

	if (r < 0)
		return ms_cli_fail(cli, MS_CLI_FAILED, "refused", &err);
	return ms_cli_show(cli, answer, ms_cli_render_plugin_probe);
}
