/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin. */
#include <unistd.h>

#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/plugin/probe.h"

static json_t *name_of(const struct ms_cli *cli)
{
	return json_pack("{s:s}", "name", cli->options->args[0]);
}

int ms_cli_cmd_plugin_list(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "plugin.list", NULL, ms_cli_render_plugin_list);
}

int ms_cli_cmd_plugin_show(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "plugin.show", name_of(cli), ms_cli_render_plugin_show);
}

int ms_cli_cmd_plugin_load(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "plugin.load", name_of(cli), ms_cli_render_plugin_show);
}

int ms_cli_cmd_plugin_reload(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "plugin.reload", name_of(cli), ms_cli_render_plugin_show);
}

int ms_cli_cmd_plugin_unload(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "plugin.unload", name_of(cli), ms_cli_render_plugin_unload);
}

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
