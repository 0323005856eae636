/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every command works with: its options, how output looks, how to ask the daemon and how to
 * fail. Functions that return int return an exit code. */
#ifndef MS_CORE_CLI_CLI_H
#define MS_CORE_CLI_CLI_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/cli/client.h"
#include "core/cli/options.h"
#include "core/cli/style.h"

enum ms_cli_exit {
	MS_CLI_OK = 0,
	MS_CLI_FAILED = 1, /* or refused */
	MS_CLI_USAGE = 2,
	MS_CLI_UNREACHABLE = 3,
	MS_CLI_DIFFERENT = 4, /* valid, but not as asked for: warnings, differences */
};

struct ms_cli {
	struct ms_cli_options *options;
	struct ms_cli_style style;
};

typedef void (*ms_cli_renderer)(const struct ms_cli_style *style, const json_t *reply);

/* The error on stderr, as JSON with -o json. Returns `exit_code`. */
int ms_cli_fail(const struct ms_cli *cli, int exit_code, const char *code,
		const struct ms_error *err);
int ms_cli_connect(const struct ms_cli *cli, struct ms_cli_client **ret_client);
/* What a failed send or receive means. */
int ms_cli_broken(const struct ms_cli *cli, int r, const struct ms_message_error *failure);

/* One request, one reply. `parameters` is stolen. */
int ms_cli_ask(const struct ms_cli *cli, const char *method, json_t *parameters,
	       json_t **ret_reply);
/* One request, every reply: told one by one; `on_reply` returns an exit code, other than
 * MS_CLI_OK ends it. */
int ms_cli_ask_stream(const struct ms_cli *cli, const char *method, json_t *parameters,
		      int (*on_reply)(void *user, json_t *reply), void *user);
/* One request, every reply, put together: the lists under `plural` become one. What changes while
 * it is listed is asked for again, some times. */
int ms_cli_ask_list(const struct ms_cli *cli, const char *method, json_t *parameters,
		    const char *plural, json_t **ret_reply);

/* One object on a line of its own. */
void ms_cli_print_json(const struct ms_cli *cli, const json_t *object);
/* As JSON or through `render`; takes the reference. */
int ms_cli_show(const struct ms_cli *cli, json_t *reply, ms_cli_renderer render);
/* The two in one: ask and show. */
int ms_cli_ask_and_show(const struct ms_cli *cli, const char *method, json_t *parameters,
			ms_cli_renderer render);

#endif
