/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session watch and top: the same question again and again over one connection. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/cli/screen.h"
#include "core/cli/value.h"

static const char *const orders[] = { "idle", "bytes", "packets", "age" };
static const char *const sums[] = { "from", "to", "iface", "rule" };

#define LINES_MAX 1000
#define HEADER_LINES 2

struct live {
	const struct ms_cli *cli;
	struct ms_cli_client *client;
	const char *method;
	const char *key;            /* "sort" or "by" */
	const char *const *choices; /* what the key may be */
	size_t n_choices, choice;
	json_t *reply;
	struct timespec when; /* of `reply` */
};

static bool is_top(const struct live *live)
{
	return live->choices == sums;
}

static json_t *parameters_of(const struct live *live, unsigned int lines)
{
	const struct ms_cli_options *options = live->cli->options;
	json_int_t limit = lines > HEADER_LINES ? lines - HEADER_LINES : 1;

	if (options->limit && options->limit < limit)
		limit = options->limit;
	if (limit > LINES_MAX)
		limit = LINES_MAX;
	return json_pack("{s:O, s:s, s:I}", "match", options->match, live->key,
			 live->choices[live->choice], "limit", limit);
}

/* What each row gained since the last look, by its key. */
static void add_rates(const json_t *before, const json_t *now, double seconds)
{
	json_auto_t *known = json_object();
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(before, "rows"), i, row)
		json_object_set(known, ms_cli_value_text(row, "key"),
				json_object_get(row, "bytes"));
	json_array_foreach (json_object_get(now, "rows"), i, row) {
		const json_t *was = json_object_get(known, ms_cli_value_text(row, "key"));
		json_int_t gained = ms_cli_value_int(row, "bytes") - json_integer_value(was);

		/* Sessions that ended take their bytes with them. */
		if (was && seconds > 0)
			json_object_set_new(
				row, "bytes_per_s",
				json_integer(gained > 0 ? (json_int_t)((double)gained / seconds)
							: 0));
	}
}

static int ask(struct live *live, unsigned int lines, struct ms_error *err)
{
	struct ms_message_error failure;
	bool continues = true;
	json_t *reply = NULL;
	struct timespec now;
	int r = ms_cli_client_send(live->client, live->method, parameters_of(live, lines), true);

	while (r == 0 && continues) {
		json_decref(ms_take_ptr(reply));
		r = ms_cli_client_receive(live->client, &reply, &continues, &failure);
	}
	if (r < 0) {
		json_decref(reply);
		if (r == -EREMOTEIO)
			*err = failure.detail;
		ms_error_set(err, r, "%s", r == -EPIPE ? "microsegd went away" : strerror(-r));
		return r == -EPIPE ? MS_CLI_UNREACHABLE : MS_CLI_FAILED;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (live->reply && is_top(live))
		add_rates(live->reply, reply,
			  (double)(now.tv_sec - live->when.tv_sec) +
				  (double)(now.tv_nsec - live->when.tv_nsec) / 1e9);
	json_decref(live->reply);
	live->reply = reply;
	live->when = now;
	return MS_CLI_OK;
}

static int on_refresh(void *user, unsigned int lines, struct ms_error *err)
{
	return ask(user, lines, err);
}

static void on_draw(void *user, const struct ms_cli_style *style)
{
	struct live *live = user;

	fprintf(style->out, "%lld session%s, by %s, every %.1f s\n",
		(long long)ms_cli_value_int(live->reply, "total"),
		ms_plural(ms_cli_value_int(live->reply, "total")), live->choices[live->choice],
		(double)live->cli->options->interval_ms / 1000);
	if (is_top(live))
		ms_cli_render_session_top(style, live->reply);
	else
		ms_cli_render_session_list(style, live->reply);
}

static void on_key(void *user, int key)
{
	struct live *live = user;

	if (key != 's' && key != 'S')
		return;
	live->choice = (live->choice + 1) % live->n_choices;
	/* Rows of another sum have nothing to do with these. */
	json_decref(ms_take_ptr(live->reply));
}

/* Not on a screen: an object a line, for ever or once. */
static int print(struct live *live, bool once)
{
	for (;;) {
		struct ms_error err = MS_ERROR_INIT;
		int code = ask(live, LINES_MAX, &err);

		if (code != MS_CLI_OK)
			return ms_cli_fail(live->cli, code,
					   code == MS_CLI_UNREACHABLE ? "unreachable" : "refused",
					   &err);
		if (live->cli->options->output == MS_CLI_JSON)
			ms_cli_print_json(live->cli, live->reply);
		else
			ms_cli_render_session_top(&live->cli->style, live->reply);
		fflush(live->cli->style.out);
		if (once)
			return MS_CLI_OK;
		poll(NULL, 0, (int)live->cli->options->interval_ms);
	}
}

static int run(struct live *live)
{
	const struct ms_cli_screen_view view = {
		.interval_ms = live->cli->options->interval_ms,
		.on_refresh = on_refresh,
		.on_draw = on_draw,
		.on_key = on_key,
		.user = live,
	};
	bool is_json = live->cli->options->output == MS_CLI_JSON;
	struct ms_error err = MS_ERROR_INIT;

	if (!is_json && ms_cli_screen_is_possible())
		return ms_cli_screen_run(live->cli, &view);
	if (is_json || is_top(live))
		return print(live, is_top(live));
	ms_error_set(
		&err, -ENOTTY,
		"session watch needs a terminal; elsewhere use session list, or watch -o json");
	return ms_cli_fail(live->cli, MS_CLI_USAGE, "usage", &err);
}

static int begin(struct live *live, const char *choice)
{
	int code = ms_cli_connect(live->cli, &live->client);

	if (code != MS_CLI_OK)
		return code;
	for (size_t i = 0; choice && i < live->n_choices; i++) {
		if (strcmp(choice, live->choices[i]) == 0)
			live->choice = i;
	}
	code = run(live);
	json_decref(live->reply);
	ms_cli_client_close(live->client);
	return code;
}

int ms_cli_cmd_session_watch(const struct ms_cli *cli)
{
	struct live live = { .cli = cli,
			     .method = "session.list",
			     .key = "sort",
			     .choices = orders,
			     .n_choices = ms_array_size(orders) };

	return begin(&live, cli->options->sort);
}

int ms_cli_cmd_session_top(const struct ms_cli *cli)
{
	struct live live = { .cli = cli,
			     .method = "session.top",
			     .key = "by",
			     .choices = sums,
			     .n_choices = ms_array_size(sums) };

	return begin(&live, cli->options->by);
}
