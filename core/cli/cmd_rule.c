/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule and set. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/policy/document_parts.h"
#include "core/state/documents.h"

int ms_cli_cmd_rule_list(const struct ms_cli *cli)
{
	json_t *reply;
	int code = ms_cli_ask_list(cli, "rule.list",
				   json_pack("{s:s*}", "source", cli->options->source), "rules",
				   &reply);

	return code == MS_CLI_OK ? ms_cli_show(cli, reply, ms_cli_render_rule_list) : code;
}

int ms_cli_cmd_rule_show(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "rule.show",
				   json_pack("{s:s}", "id", cli->options->args[0]),
				   ms_cli_render_rule_show);
}

/* ---- add, del ---- */

int ms_cli_cmd_rule_add_check(struct ms_cli_options *options)
{
	static const char *const actions[] = { "allow", "deny", "log" };
	const char *action = options->args[0], *meant;

	if (json_object_get(options->match, "iface"))
		return ms_error_set(
			&options->error, -EINVAL,
			"a rule holds for a --group of interfaces, not for one --iface");
	if (json_object_get(options->match, "rule"))
		return ms_error_set(&options->error, -EINVAL,
				    "a rule is named by --id, not --rule");
	for (size_t i = 0; i < ms_array_size(actions); i++) {
		if (strcmp(action, actions[i]) == 0)
			return 0;
	}
	meant = ms_document_action_meant(action);
	if (meant)
		return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, action,
				       "the action is allow, deny or log, not '%s': did you mean "
				       "%s?",
				       action, meant);
	return ms_error_set_at(&options->error, -EINVAL, NULL, 0, 0, action,
			       "the action is allow, deny or log, not '%s': a plugin's is written "
			       "in a document, `microsegctl rule import FILE`",
			       action);
}

/* The rule as a mapping of the policy language: MATCH words, --id and the like, the action. */
static json_t *make_rule(const struct ms_cli_options *options)
{
	json_t *rule = json_deep_copy(options->match);

	if (!rule || json_object_update(rule, options->rule) < 0 ||
	    json_object_set_new(rule, "action", json_string(options->args[0])) < 0) {
		json_decref(rule);
		return NULL;
	}
	return rule;
}

int ms_cli_cmd_rule_add(const struct ms_cli *cli)
{
	const struct ms_cli_options *options = cli->options;
	json_t *parameters =
		json_pack("{s:o, s:b}", "rule", make_rule(options), "dry_run", options->dry_run);

	if (parameters && options->for_ms)
		json_object_set_new(parameters, "for_ms",
				    json_integer((json_int_t)options->for_ms));
	return ms_cli_ask_and_show(cli, "rule.add", parameters, ms_cli_render_rule_add);
}

int ms_cli_cmd_rule_del(const struct ms_cli *cli)
{
	json_t *parameters = json_pack("{s:s, s:b}", "id", cli->options->args[0], "dry_run",
				       cli->options->dry_run);

	return ms_cli_ask_and_show(cli, "rule.del", parameters, ms_cli_render_rule_del);
}

/* ---- import ---- */

struct progress {
	bool is_shown; /* on a terminal only */
	struct timespec begun;
};

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static void show_progress(void *user, long long done, long long total)
{
	const struct progress *progress = user;

	if (!progress->is_shown)
		return;
	if (total > 0)
		fprintf(stderr, "\rsending %3lld %%  %.1f s\033[K", done * 100 / total,
			seconds_since(&progress->begun));
	else
		fprintf(stderr, "\rchecking and compiling  %.1f s\033[K",
			seconds_since(&progress->begun));
}

static int import(const struct ms_cli *cli, struct ms_cli_client *client, json_t *parameters,
		  json_t **ret_reply)
{
	struct progress progress = { .is_shown = isatty(STDERR_FILENO) };
	struct ms_message_error failure;
	bool continues;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &progress.begun);
	ms_cli_client_on_progress(client, show_progress, &progress);
	r = ms_cli_client_send(client, "rule.import", parameters, false);
	if (r == 0 || r == -EPIPE)
		r = ms_cli_client_receive(client, ret_reply, &continues, &failure);
	if (progress.is_shown)
		fputs("\r\033[K", stderr);
	return r < 0 ? ms_cli_broken(cli, r, &failure) : MS_CLI_OK;
}

static int read_document(const struct ms_cli *cli, json_t **ret_document)
{
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	struct ms_error err = MS_ERROR_INIT;
	int r = ms_documents_read(cli->options->args[0], &documents, &err);

	if (r == 0 && documents.count != 1)
		r = ms_error_set(&err, -EISDIR, "%s is not one document", cli->options->args[0]);
	if (r == 0)
		*ret_document = json_pack("{s:s, s:s%}", "name", documents.items[0].name, "text",
					  documents.items[0].text, documents.items[0].length);
	if (r == 0 && !*ret_document)
		r = ms_error_set_at(&err, -EINVAL, documents.items[0].name, 0, 0, NULL,
				    "not UTF-8 text");
	ms_documents_fini(&documents);
	return r < 0 ? ms_cli_fail(cli, MS_CLI_FAILED, r == -ENOENT ? "not_found" : "refused", &err)
		     : MS_CLI_OK;
}

int ms_cli_cmd_rule_import(const struct ms_cli *cli)
{
	struct ms_cli_client *client = NULL;
	json_t *document = NULL, *parameters, *reply = NULL;
	int code = read_document(cli, &document);

	if (code == MS_CLI_OK)
		code = ms_cli_connect(cli, &client);
	if (code != MS_CLI_OK) {
		json_decref(document);
		return code;
	}
	parameters = json_pack("{s:o, s:b, s:b}", "document", document, "replace",
			       cli->options->replace, "dry_run", cli->options->dry_run);
	code = import(cli, client, parameters, &reply);
	ms_cli_client_close(client);
	return code == MS_CLI_OK ? ms_cli_show(cli, reply, ms_cli_render_rule_import) : code;
}

/* ---- sets ---- */

int ms_cli_cmd_set_list(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "set.list", NULL, ms_cli_render_set_list);
}

int ms_cli_cmd_set_show(const struct ms_cli *cli)
{
	json_t *reply;
	int code =
		ms_cli_ask_list(cli, "set.show", json_pack("{s:s}", "name", cli->options->args[0]),
				"members", &reply);

	return code == MS_CLI_OK ? ms_cli_show(cli, reply, ms_cli_render_set_show) : code;
}

static json_t *set_parameters(const struct ms_cli_options *options)
{
	json_t *members = json_array();
	json_t *parameters =
		json_pack("{s:s, s:b}", "name", options->args[0], "dry_run", options->dry_run);

	for (size_t i = 1; i < options->n_args; i++)
		json_array_append_new(members, json_string(options->args[i]));
	json_object_set_new(parameters, "members", members);
	if (options->for_ms)
		json_object_set_new(parameters, "for_ms",
				    json_integer((json_int_t)options->for_ms));
	return parameters;
}

int ms_cli_cmd_set_add(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "set.add", set_parameters(cli->options),
				   ms_cli_render_set_add);
}

int ms_cli_cmd_set_del(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "set.del", set_parameters(cli->options),
				   ms_cli_render_set_del);
}
