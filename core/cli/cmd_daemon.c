/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status, stats, version, panic, completion. */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

int ms_cli_cmd_status(const struct ms_cli *cli)
{
	bool degraded;
	json_t *reply;
	int code = ms_cli_ask(cli, "status", NULL, &reply);

	if (code != MS_CLI_OK)
		return code;
	degraded = ms_cli_value_is(reply, "degraded");
	ms_cli_show(cli, reply, ms_cli_render_status);
	return cli->options->check && degraded ? MS_CLI_DIFFERENT : MS_CLI_OK;
}

int ms_cli_cmd_stats(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "stats", NULL, ms_cli_render_stats);
}

/* The version of this program is known without anybody's help. */
int ms_cli_cmd_version(const struct ms_cli *cli)
{
	struct ms_cli_client *client = NULL;
	struct ms_message_error failure;
	struct ms_error err = MS_ERROR_INIT;
	json_t *daemon = NULL, *reply = json_pack("{s:s}", "version", MS_VERSION);
	bool continues;
	int r = ms_cli_client_open(cli->options->socket, &client);

	if (r < 0) {
		ms_cli_client_explain(cli->options->socket, r, &err);
		json_object_set_new(reply, "unreachable", json_string(err.message));
	} else {
		r = ms_cli_client_send(client, "version", NULL, false);
		if (r == 0)
			r = ms_cli_client_receive(client, &daemon, &continues, &failure);
		ms_cli_client_close(client);
		if (r < 0) {
			json_decref(reply);
			return ms_cli_broken(cli, r, &failure);
		}
	}
	json_object_set_new(reply, "daemon", daemon ? daemon : json_null());
	return ms_cli_show(cli, reply, ms_cli_render_version);
}

int ms_cli_cmd_panic_check(struct ms_cli_options *options)
{
	static const char *const states[] = { "open", "closed", "off" };
	const json_t *groups = json_object_get(options->match, "group");

	if (json_array_size(groups) > 1)
		return ms_error_set(&options->error, -EINVAL, "panic takes one --group");
	for (size_t i = 0; i < ms_array_size(states); i++) {
		if (strcmp(options->args[0], states[i]) == 0)
			return 0;
	}
	return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, options->args[0],
			       "panic is open, closed or off, not '%s'", options->args[0]);
}

int ms_cli_cmd_panic(const struct ms_cli *cli)
{
	const json_t *groups = json_object_get(cli->options->match, "group");
	json_t *parameters = json_pack("{s:s, s:s*, s:b}", "state", cli->options->args[0], "group",
				       json_string_value(json_array_get(groups, 0)), "dry_run",
				       cli->options->dry_run);

	bool is_unsaved;
	json_t *reply;
	int code = ms_cli_ask(cli, "panic", parameters, &reply);

	if (code != MS_CLI_OK)
		return code;
	is_unsaved = json_is_false(json_object_get(reply, "saved"));
	ms_cli_show(cli, reply, ms_cli_render_panic);
	return is_unsaved ? MS_CLI_DIFFERENT : MS_CLI_OK;
}

int ms_cli_cmd_completion(const struct ms_cli *cli)
{
	ms_cli_command_completion(cli->style.out);
	return MS_CLI_OK;
}
