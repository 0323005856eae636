/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
/* policy check (alone), diff, apply, show, and reload. Files are read here and travel as text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/classify/plan.h"
#include "core/cli/arguments.h"
#include "core/cli/catalogue.h"
#include "core/cli/command.h"
#include "core/cli/render.h"
#include "core/cli/settings.h"
#include "core/cli/value.h"
#include "core/control/engines.h"
#include "core/policy/check.h"
#include "core/policy/merge.h"
#include "core/state/documents.h"

#define POLICY_DIRECTORY "/etc/microseg/policy.d"

static int read_all(const struct ms_cli *cli, const char *const *paths, size_t count,
		    struct ms_documents *documents)
{
	struct ms_error err = MS_ERROR_INIT;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct ms_documents some = MS_DOCUMENTS_INIT;

		r = ms_documents_read(paths[i], &some, &err);
		for (size_t j = 0; j < some.count && r == 0; j++)
			r = ms_documents_add(documents, some.items[j].name, some.items[j].text,
					     some.items[j].length);
		ms_documents_fini(&some);
	}
	if (r == 0)
		return MS_CLI_OK;
	ms_error_set(&err, r, "%s", strerror(-r));
	return ms_cli_fail(cli, MS_CLI_FAILED, r == -ENOENT ? "not_found" : "refused", &err);
}

/* ---- check ---- */

static void free_policy(struct ms_policy **policy)
{
	ms_policy_free(*policy);
}

static json_t *shape_warning(const struct ms_warning *warning)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:i, s:i}", "kind", warning->kind, "rule",
			 warning->rule, "message", warning->message, "file", warning->origin.file,
			 "line", warning->origin.line, "column", warning->origin.column);
}

static bool observes(const void *catalogue, const char *action)
{
	return ms_plugin_catalogue_observes(catalogue, action);
}

static void free_catalogue(struct ms_plugin_catalogue **catalogue)
{
	ms_plugin_catalogue_free(*catalogue);
}

/* What has been found out of a policy. */
struct checked {
	struct ms_plan plan;
	struct ms_warning compiled[MS_CONTROL_COMPILED_WARNINGS];
	size_t n_compiled;
	struct ms_warning *warnings; /* the policy's others, owned */
	size_t n_warnings;
	struct ms_warning *untried; /* the settings', owned */
	size_t n_untried;
	bool asked; /* a daemon, for its actions */
};

static void free_checked(struct checked *checked)
{
	free(checked->warnings);
	free(checked->untried);
}

static void shape_warnings(const struct ms_warning *warnings, size_t count, json_t *into)
{
	for (size_t i = 0; i < count; i++)
		json_array_append_new(into, shape_warning(&warnings[i]));
}

static size_t count_warnings(const struct checked *checked)
{
	return checked->n_compiled + checked->n_warnings + checked->n_untried;
}

static json_t *shape_checked(const struct ms_policy *policy, const struct checked *checked,
			     const struct ms_plugin_catalogue *catalogue, json_t *unjudged)
{
	json_t *list = json_array();
	size_t written = 0;

	shape_warnings(checked->compiled, checked->n_compiled, list);
	shape_warnings(checked->warnings, checked->n_warnings, list);
	shape_warnings(checked->untried, checked->n_untried, list);
	for (size_t i = 0; i < policy->n_rules; i++)
		written += policy->rules[i].origin.source != MS_SOURCE_BUILTIN;
	return json_pack("{s:b, s:i, s:i, s:i, s:o, s:I, s:o, s:b, s:o, s:O}", "valid", true,
			 "groups", (int)policy->n_groups, "rules", (int)written, "sets",
			 (int)policy->n_sets, "engines",
			 ms_control_engines_shape(checked->plan.engines), "warnings_total",
			 (json_int_t)count_warnings(checked), "warnings", list, "daemon_asked",
			 checked->asked, "unknown_actions",
			 ms_cli_catalogue_unknown(catalogue, policy), "unjudged_actions", unjudged);
}

static int check(const struct ms_cli *cli, const struct ms_documents *documents, json_t **ret_reply,
		 size_t *ret_warnings, struct ms_error *err)
{
	ms_cleanup(free_catalogue) struct ms_plugin_catalogue *catalogue = NULL;
	ms_cleanup(free_policy) struct ms_policy *files = NULL;
	ms_cleanup(free_policy) struct ms_policy *merged = NULL;
	ms_cleanup(ms_config_plugins_fini) struct ms_config_plugins settings = { 0 };
	ms_cleanup(free_checked) struct checked checked = { 0 };
	json_auto_t *unjudged = NULL;
	struct ms_merge_inputs inputs = { .now = (int64_t)time(NULL) };
	struct ms_rule_action_known known;
	int r = ms_documents_parse(documents, MS_SOURCE_FILE, &files, err);

	if (r < 0)
		return r;
	inputs.files = files;
	r = ms_policy_merge(&inputs, &merged, err);
	if (r == 0)
		r = ms_cli_settings_read(cli, &settings, err);
	if (r == 0)
		r = ms_cli_catalogue_make(cli, &settings, merged, &catalogue, &checked.asked);
	if (r == 0)
		r = ms_plugin_catalogue_check(catalogue, merged, err);
	if (r == 0)
		r = ms_cli_arguments_judge(cli, &settings, catalogue, merged, &unjudged, err);
	if (r == 0)
		r = ms_cli_arguments_check_settings(cli, &settings, merged, &checked.untried,
						    &checked.n_untried, err);
	if (r == 0)
		r = ms_plan_make(merged, observes, catalogue, &checked.plan, err);
	if (r < 0)
		return r;
	/* Without settings and a daemon nobody knows what will be loaded: every rule with actions
	 * is named. */
	known = ms_plugin_catalogue_known(catalogue, settings.file || checked.asked, settings.file);
	r = ms_policy_check_with(merged, &known, &checked.warnings, &checked.n_warnings);
	if (r < 0)
		return r;
	checked.n_compiled = ms_control_compiled_warn(checked.plan.engines,
						      &checked.plan.unobserved, checked.compiled);
	*ret_warnings = count_warnings(&checked);
	*ret_reply = shape_checked(merged, &checked, catalogue, unjudged);
	return 0;
}

int ms_cli_cmd_policy_check(const struct ms_cli *cli)
{
	static const char *const directory[] = { POLICY_DIRECTORY };
	bool is_named = cli->options->n_args > 0;
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	struct ms_error err = MS_ERROR_INIT;
	size_t n_warnings = 0;
	json_t *reply = NULL;
	int code = read_all(cli, is_named ? cli->options->args : directory,
			    is_named ? cli->options->n_args : 1, &documents);

	if (code == MS_CLI_OK) {
		int r = check(cli, &documents, &reply, &n_warnings, &err);

		ms_error_set(&err, r, "%s", strerror(-r));
		if (r < 0)
			code = ms_cli_fail(cli, MS_CLI_FAILED, "refused", &err);
		else
			code = ms_cli_show(cli, reply, ms_cli_render_policy_check);
	}
	ms_documents_fini(&documents);
	if (code == MS_CLI_OK && cli->options->strict && n_warnings)
		return MS_CLI_DIFFERENT;
	return code;
}

/* ---- diff, apply ---- */

/* "documents" for the daemon; without paths none, which means its policy directory. */
static int add_documents(const struct ms_cli *cli, json_t *parameters)
{
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *list = json_array();
	int code = read_all(cli, cli->options->args, cli->options->n_args, &documents);

	if (code == MS_CLI_OK && cli->options->n_args && documents.count == 0) {
		ms_error_set(&err, -ENOENT, "%s holds no policy document", cli->options->args[0]);
		code = ms_cli_fail(cli, MS_CLI_FAILED, "not_found", &err);
	}
	for (size_t i = 0; i < documents.count && code == MS_CLI_OK; i++) {
		const struct ms_document *document = &documents.items[i];

		if (json_array_append_new(list,
					  json_pack("{s:s, s:s%}", "name", document->name, "text",
						    document->text, document->length)) == 0)
			continue;
		/* The protocol carries text; what is none is no policy either. */
		ms_error_set_at(&err, -EINVAL, document->name, 0, 0, NULL, "not UTF-8 text");
		code = ms_cli_fail(cli, MS_CLI_FAILED, "refused", &err);
	}
	ms_documents_fini(&documents);
	if (code == MS_CLI_OK && json_array_size(list))
		json_object_set(parameters, "documents", list);
	return code;
}

int ms_cli_cmd_policy_diff(const struct ms_cli *cli)
{
	json_t *parameters = json_object(), *reply;
	int code = add_documents(cli, parameters);
	bool differs;

	if (code != MS_CLI_OK) {
		json_decref(parameters);
		return code;
	}
	code = ms_cli_ask(cli, "policy.diff", parameters, &reply);
	if (code != MS_CLI_OK)
		return code;
	differs = ms_cli_value_int(reply, "changes_total") > 0;
	ms_cli_show(cli, reply, ms_cli_render_policy_diff);
	return differs ? MS_CLI_DIFFERENT : MS_CLI_OK;
}

int ms_cli_cmd_policy_apply(const struct ms_cli *cli)
{
	json_t *parameters = json_pack("{s:b}", "dry_run", cli->options->dry_run);
	int code = add_documents(cli, parameters);

	if (code != MS_CLI_OK) {
		json_decref(parameters);
		return code;
	}
	return ms_cli_ask_and_show(cli, "policy.apply", parameters, ms_cli_render_policy_apply);
}

int ms_cli_cmd_reload(const struct ms_cli *cli)
{
	return ms_cli_ask_and_show(cli, "reload",
				   json_pack("{s:b}", "dry_run", cli->options->dry_run),
				   ms_cli_render_reload);
}

/* ---- show ---- */

static int take_text(void *user, json_t *reply)
{
	fputs(ms_cli_value_text(reply, "text"), user);
	return MS_CLI_OK;
}

/* As an object on one line, like every other answer: the text travels for people to read. */
static int print_object(const struct ms_cli *cli, const char *text)
{
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *policy = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (policy) {
		ms_cli_print_json(cli, policy);
		return MS_CLI_OK;
	}
	ms_error_set(&err, -EBADMSG, "microsegd sent a policy that is no JSON");
	return ms_cli_fail(cli, MS_CLI_FAILED, "internal", &err);
}

int ms_cli_cmd_policy_show(const struct ms_cli *cli)
{
	bool is_json = cli->options->output == MS_CLI_JSON;
	json_t *parameters = json_pack("{s:s*, s:s}", "source", cli->options->source, "format",
				       is_json ? "json" : "yaml");
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out;
	int code;

	if (!is_json)
		return ms_cli_ask_stream(cli, "policy.show", parameters, take_text, cli->style.out);
	out = open_memstream(&text, &length);
	if (!out) {
		json_decref(parameters);
		return MS_CLI_FAILED;
	}
	code = ms_cli_ask_stream(cli, "policy.show", parameters, take_text, out);
	fclose(out);
	return code == MS_CLI_OK ? print_object(cli, text) : code;
}
