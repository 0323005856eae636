/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source. */
#include "core/cli/command.h"
#include "core/cli/render.h"

int ms_cli_cmd_source_list(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "source.list", NULL, ms_cli_render_source_list);
}

int ms_cli_cmd_source_show(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "source.show",
				   json_pack("{s:s}", "name", cli->options->args[0]),
				   ms_cli_render_source_show);
}
