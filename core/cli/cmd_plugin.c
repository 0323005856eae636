/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/cli/settings.h"
#include "core/plugin/arguments.h"
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
static int probe(const struct ms_cli *cli, json_t **ret_answer, struct ms_error *err)
{
	ms_cleanup(ms_config_plugins_fini) struct ms_config_plugins settings = { 0 };
	const char *name = cli->options->args[0];
	int r = ms_cli_settings_read(cli, &settings, err);
	const struct ms_rule_action *config =
		r < 0 ? NULL : ms_config_plugins_find(&settings, name);
	json_auto_t *values = config ? ms_plugin_arguments_shape(config, NULL) : NULL;

	if (r < 0)
		return r;
	if (config && !values)
		return -ENOMEM;
	r = ms_plugin_probe(cli->options->plugin_dir, name, values, geteuid() == 0, ret_answer,
			    err);
	if (r < 0)
		return r;
	return json_object_set_new(*ret_answer, "config_file",
				   config ? json_string(settings.file) : json_null());
}

int ms_cli_cmd_plugin_probe(const struct ms_cli *cli)
{
	struct ms_error err = MS_ERROR_INIT;
	json_t *answer = NULL;
	int r = probe(cli, &answer, &err);

	ms_error_set(&err, r, "%s", strerror(-r));
	if (r < 0)
		return ms_cli_fail(cli, MS_CLI_FAILED, "refused", &err);
	return ms_cli_show(cli, answer, ms_cli_render_plugin_probe);
}
