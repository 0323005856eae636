/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iface and group. */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"
#include "core/cli/render.h"

int ms_cli_cmd_iface_list(const struct ms_cli *cli)
{
	json_t *reply;
	int code = ms_cli_ask_list(cli, "iface.list",
				   json_pack("{s:s*}", "state", cli->options->state), "interfaces",
				   &reply);

	return code == MS_CLI_OK ? ms_cli_show(cli, reply, ms_cli_render_iface_list) : code;
}

static json_t *name_of(const struct ms_cli *cli)
{
	return json_pack("{s:s}", "name", cli->options->args[0]);
}

int ms_cli_cmd_iface_show(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "iface.show", name_of(cli), ms_cli_render_iface_show);
}

int ms_cli_cmd_iface_explain(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "iface.explain", name_of(cli), ms_cli_render_iface_explain);
}

int ms_cli_cmd_group_list(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "group.list", NULL, ms_cli_render_group_list);
}

int ms_cli_cmd_group_show(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "group.show", name_of(cli), ms_cli_render_group_show);
}

int ms_cli_cmd_group_mode_check(struct ms_cli_options *options)
{
	static const char *const modes[] = { "disabled", "audit", "enforce", "policy" };

	for (size_t i = 0; i < ms_array_size(modes); i++) {
		if (strcmp(options->args[1], modes[i]) == 0)
			return 0;
	}
	return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, options->args[1],
			       "a mode is disabled, audit, enforce or policy, not '%s'",
			       options->args[1]);
}

int ms_cli_cmd_group_mode(const struct ms_cli *cli)
{
	json_t *parameters = json_pack("{s:s, s:s, s:b}", "name", cli->options->args[0], "mode",
				       cli->options->args[1], "dry_run", cli->options->dry_run);

	return ms_cli_ask_and_show(cli, "group.mode", parameters, ms_cli_render_group_mode);
}
