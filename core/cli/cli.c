/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define LIST_TRIES 5 /* a policy that changes all the time, or too many clients, may go on */

int ms_cli_fail(const struct ms_cli *cli, int exit_code, const char *code,
		const struct ms_error *err)
{
	char text[1024];

	if (cli->options->output == MS_CLI_JSON) {
		json_auto_t *failure = ms_message_failure(code, err);

		if (failure && json_dumpf(failure, stderr, JSON_COMPACT) == 0)
			fputc('\n', stderr);
		return exit_code;
	}
	ms_error_format(err, text, sizeof(text));
	ms_cli_style_defuse(text);
	fprintf(stderr, "%s%s\n", err->file[0] ? "" : "microsegctl: ", text);
	if (exit_code == MS_CLI_USAGE)
		fputs("Try 'microsegctl --help'.\n", stderr);
	return exit_code;
}

int ms_cli_connect(const struct ms_cli *cli, struct ms_cli_client **ret_client)
{
	struct ms_error err = MS_ERROR_INIT;
	int r = ms_cli_client_open(cli->options->socket, ret_client);

	if (r == 0)
		return MS_CLI_OK;
	ms_cli_client_explain(cli->options->socket, r, &err);
	return ms_cli_fail(cli, MS_CLI_UNREACHABLE, "unreachable", &err);
}

int ms_cli_broken(const struct ms_cli *cli, int r, const struct ms_message_error *failure)
{
	struct ms_error err = MS_ERROR_INIT;

	if (r == -EREMOTEIO)
		return ms_cli_fail(cli, MS_CLI_FAILED, failure->code, &failure->detail);
	if (r == -EPIPE) {
		ms_error_set(&err, r, "microsegd closed the connection before it had answered");
		return ms_cli_fail(cli, MS_CLI_UNREACHABLE, "unreachable", &err);
	}
	if (r == -EBADMSG)
		ms_error_set(&err, r,
			     "microsegd's answer is not understood: is it of another "
			     "version?");
	ms_error_set(&err, r, "%s", strerror(-r));
	return ms_cli_fail(cli, MS_CLI_FAILED, "internal", &err);
}

static json_t *defused(const json_t *text)
{
	ms_cleanup(ms_free) char *copy = strdup(json_string_value(text));
	json_t *shown = NULL;

	if (copy) {
		ms_cli_style_defuse(copy);
		shown = json_string(copy);
	}
	return shown ? shown : json_null();
}

/* No text out of a reply may steer the terminal: a rule's comment, an interface's name. */
static void defuse(json_t *value)
{
	json_t *item;
	const char *key;
	size_t i;

	json_array_foreach (value, i, item) {
		if (json_is_string(item))
			json_array_set_new(value, i, defused(item));
		else
			defuse(item);
	}
	json_object_foreach (value, key, item) {
		if (json_is_string(item))
			json_object_set_new(value, key, defused(item));
		else
			defuse(item);
	}
}

/* One of several tries, as long as the daemon is busy: only the last one says so. */
struct attempt {
	bool is_last, is_busy;
};

static void say_tries(struct ms_error *detail)
{
	size_t length = strlen(detail->message);

	snprintf(detail->message + length, sizeof(detail->message) - length, "; asked %d times",
		 LIST_TRIES);
}

/* `attempt` may be NULL: then there is only one. */
static int exchange(const struct ms_cli *cli, struct ms_cli_client *client, const char *method,
		    json_t *parameters, int (*on_reply)(void *user, json_t *reply), void *user,
		    struct attempt *attempt)
{
	struct ms_message_error failure;
	bool continues = true;
	int r = ms_cli_client_send(client, method, parameters, true), code = MS_CLI_OK;

	/* A daemon that turns a client away says why before it closes. */
	if (r < 0 && r != -EPIPE)
		return ms_cli_broken(cli, r, NULL);
	while (continues && code == MS_CLI_OK) {
		json_auto_t *reply = NULL;

		r = ms_cli_client_receive(client, &reply, &continues, &failure);
		if (r == -EREMOTEIO && attempt && strcmp(failure.code, "busy") == 0) {
			attempt->is_busy = !attempt->is_last;
			if (attempt->is_busy)
				return MS_CLI_FAILED;
			say_tries(&failure.detail);
		}
		if (r < 0)
			return ms_cli_broken(cli, r, &failure);
		if (cli->options->output == MS_CLI_TABLE)
			defuse(reply);
		code = on_reply(user, reply);
	}
	return code;
}

static int ask_stream(const struct ms_cli *cli, const char *method, json_t *parameters,
		      int (*on_reply)(void *user, json_t *reply), void *user,
		      struct attempt *attempt)
{
	struct ms_cli_client *client = NULL;
	int code = ms_cli_connect(cli, &client);

	if (code != MS_CLI_OK) {
		json_decref(parameters);
		return code;
	}
	code = exchange(cli, client, method, parameters, on_reply, user, attempt);
	ms_cli_client_close(client);
	return code;
}

int ms_cli_ask_stream(const struct ms_cli *cli, const char *method, json_t *parameters,
		      int (*on_reply)(void *user, json_t *reply), void *user)
{
	return ask_stream(cli, method, parameters, on_reply, user, NULL);
}

static int keep_reply(void *user, json_t *reply)
{
	json_t **kept = user;

	json_decref(*kept);
	*kept = json_incref(reply);
	return MS_CLI_OK;
}

int ms_cli_ask(const struct ms_cli *cli, const char *method, json_t *parameters, json_t **ret_reply)
{
	json_t *kept = NULL;
	int code = ms_cli_ask_stream(cli, method, parameters, keep_reply, &kept);

	if (code == MS_CLI_OK)
		*ret_reply = kept;
	else
		json_decref(kept);
	return code;
}

struct merging {
	const char *plural;
	json_t *merged, *list;
};

static int merge_reply(void *user, json_t *reply)
{
	struct merging *merging = user;

	json_array_extend(merging->list, json_object_get(reply, merging->plural));
	json_object_update(merging->merged, reply);
	json_object_set(merging->merged, merging->plural, merging->list);
	return MS_CLI_OK;
}

int ms_cli_ask_list(const struct ms_cli *cli, const char *method, json_t *parameters,
		    const char *plural, json_t **ret_reply)
{
	struct attempt attempt = { .is_busy = true };
	int code = MS_CLI_FAILED;

	for (int left = LIST_TRIES; attempt.is_busy; left--) {
		struct merging merging = { plural, json_object(), json_array() };

		attempt = (struct attempt) { .is_last = left == 1 };
		code = ask_stream(cli, method, json_incref(parameters), merge_reply, &merging,
				  &attempt);
		json_decref(merging.list);
		if (code == MS_CLI_OK)
			*ret_reply = merging.merged;
		else
			json_decref(merging.merged);
	}
	json_decref(parameters);
	return code;
}

void ms_cli_print_json(const struct ms_cli *cli, const json_t *object)
{
	json_dumpf(object, cli->style.out, JSON_COMPACT);
	fputc('\n', cli->style.out);
}

int ms_cli_show(const struct ms_cli *cli, json_t *reply, ms_cli_renderer render)
{
	if (cli->options->output == MS_CLI_JSON)
		ms_cli_print_json(cli, reply);
	else
		render(&cli->style, reply);
	json_decref(reply);
	return MS_CLI_OK;
}

int ms_cli_ask_and_show(const struct ms_cli *cli, const char *method, json_t *parameters,
			ms_cli_renderer render)
{
	json_t *reply;
	int code = ms_cli_ask(cli, method, parameters, &reply);

	return code == MS_CLI_OK ? ms_cli_show(cli, reply, render) : code;
}
