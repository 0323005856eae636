/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session list and flush, observe, trace. The live views are cmd_session_live.c's. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/cli/value.h"

static int show_rows(void *user, json_t *reply)
{
	void **both = user;
	const struct ms_cli *cli = both[0];

	ms_cli_render_session_rows(both[1], &cli->style, reply);
	return MS_CLI_OK;
}

int ms_cli_cmd_session_list(const struct ms_cli *cli)
{
	const struct ms_cli_options *options = cli->options;
	json_t *parameters =
		json_pack("{s:O, s:s*}", "match", options->match, "sort", options->sort);
	json_t *reply;
	int code;

	if (options->limit)
		json_object_set_new(parameters, "limit", json_integer(options->limit));
	if (options->output != MS_CLI_JSON) {
		void *both[] = { (void *)cli, ms_cli_render_session_table() };

		code = ms_cli_ask_stream(cli, "session.list", parameters, show_rows, both);
		ms_cli_table_free(both[1]);
		return code;
	}
	code = ms_cli_ask_list(cli, "session.list", parameters, "sessions", &reply);
	return code == MS_CLI_OK ? ms_cli_show(cli, reply, ms_cli_render_session_list) : code;
}

int ms_cli_cmd_session_flush_check(struct ms_cli_options *options)
{
	bool is_narrowed = json_object_size(options->match) > 0;

	if (options->all && is_narrowed)
		return ms_error_set(&options->error, -EINVAL,
				    "--all is every session: say --all or which ones, not both");
	if (!options->all && !is_narrowed)
		return ms_error_set(&options->error, -EINVAL,
				    "say which sessions to flush, e.g. --to 10.0.0.9, or --all");
	return 0;
}

int ms_cli_cmd_session_flush(const struct ms_cli *cli)
{
	const struct ms_cli_options *options = cli->options;
	json_t *parameters =
		json_pack("{s:b, s:b}", "all", options->all, "dry_run", options->dry_run);

	if (!options->all)
		json_object_set(parameters, "match", options->match);
	return ms_cli_ask_and_show(cli, "session.flush", parameters, ms_cli_render_session_flush);
}

/* ---- observe ---- */

struct observing {
	const struct ms_cli *cli;
	json_int_t ring_lost;
};

static void print_events(struct observing *observing, const json_t *reply)
{
	json_int_t lost = ms_cli_value_int(reply, "lost");
	json_int_t ring_lost = ms_cli_value_int(reply, "ring_lost");
	const json_t *event;
	size_t i;

	json_array_foreach (json_object_get(reply, "events"), i, event)
		ms_cli_print_json(observing->cli, event);
	if (lost || ring_lost > observing->ring_lost) {
		json_auto_t *loss = json_pack("{s:I, s:I}", "lost", lost, "ring_lost", ring_lost);

		ms_cli_print_json(observing->cli, loss);
	}
	observing->ring_lost = ring_lost;
}

static int show_events(void *user, json_t *reply)
{
	struct observing *observing = user;

	if (observing->cli->options->output == MS_CLI_JSON)
		print_events(observing, reply);
	else
		ms_cli_render_observe(&observing->cli->style, reply, &observing->ring_lost);
	/* A pipe's reader wants each event when it comes. */
	fflush(observing->cli->style.out);
	return MS_CLI_OK;
}

/* Ctrl-C is how following ends, so it is no failure. Every event has been flushed. */
static void on_interrupt(int signal)
{
	(void)signal;
	_exit(MS_CLI_OK);
}

int ms_cli_cmd_observe(const struct ms_cli *cli)
{
	const struct ms_cli_options *options = cli->options;
	const struct sigaction ends = { .sa_handler = on_interrupt };
	struct observing observing = { cli, 0 };
	json_t *parameters =
		json_pack("{s:O, s:s*, s:s*, s:b}", "match", options->match, "verdict",
			  options->verdict, "reason", options->reason, "follow", options->follow);

	if (options->last >= 0)
		json_object_set_new(parameters, "last", json_integer(options->last));
	if (options->since_ms >= 0)
		json_object_set_new(parameters, "since_ms", json_integer(options->since_ms));
	if (options->follow)
		sigaction(SIGINT, &ends, NULL);
	return ms_cli_ask_stream(cli, "observe", parameters, show_events, &observing);
}

/* ---- trace ---- */

int ms_cli_cmd_trace_check(struct ms_cli_options *options)
{
	if (!json_object_get(options->match, "iface"))
		return ms_error_set(&options->error, -EINVAL, "trace needs --iface");
	if (!json_object_get(options->match, "dir"))
		return ms_error_set(&options->error, -EINVAL, "trace needs --dir in or --dir out");
	return 0;
}

int ms_cli_cmd_trace(const struct ms_cli *cli)
{
	const struct ms_cli_options *options = cli->options;
	json_t *parameters = json_pack("{s:s, s:s, s:s}", "packet", options->args[0], "iface",
				       ms_cli_value_text(options->match, "iface"), "dir",
				       ms_cli_value_text(options->match, "dir"));

	return ms_cli_ask_and_show(cli, "trace", parameters, ms_cli_render_trace);
}
