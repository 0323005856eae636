/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy diff, apply, show. Documents come as text: the daemon opens no client's path. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/command.h"
#include "core/control/engines.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/plugin/registry.h"
#include "core/policy/check.h"
#include "core/policy/diff.h"
#include "core/policy/document.h"

/* A diff is for a person: beyond so many lines only their number is told. */
#define CHANGES_SHOWN 1000
#define WARNINGS_SHOWN 200
#define CHUNK (64u << 10)

static const char *const kind_names[] = { "added", "removed", "changed", "moved" };
static const char *const object_names[] = { "rule", "group", "set", "failsafe" };

static void free_policy(struct ms_policy **policy)
{
	ms_policy_free(*policy);
}

static json_t *shape_changes(const struct ms_change *changes, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count && i < CHANGES_SHOWN; i++) {
		json_t *item =
			json_pack("{s:s, s:s, s:s, s:s}", "kind", kind_names[changes[i].kind],
				  "object", object_names[changes[i].object], "name",
				  changes[i].name, "detail", changes[i].detail);

		if (!item || json_array_append_new(list, item) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

struct checking {
	struct ms_manager *manager;
	const struct ms_policy *policy;
	struct ms_warning *warnings;
	size_t count;
};

static int check(void *arg)
{
	struct checking *checking = arg;
	const struct ms_rule_action_known known =
		ms_plugin_registry_known(ms_manager_plugins(checking->manager));

	return ms_policy_check_with(checking->policy, &known, &checking->warnings,
				    &checking->count);
}

/* `policy` is what was loaded last, or would be. */
static int put_warnings(struct ms_manager *manager, json_t *reply, const struct ms_policy *policy)
{
	struct checking checking = { .manager = manager, .policy = policy };
	int r = ms_manager_beside(manager, check, &checking);
	ms_cleanup(ms_free) struct ms_warning *warnings = checking.warnings;
	struct ms_warning compiled[MS_CONTROL_COMPILED_WARNINGS];
	size_t n_compiled = ms_control_compiled_warn(
		ms_manager_engines_asked(manager), ms_manager_unobserved_asked(manager), compiled);
	size_t count = checking.count, total = count + n_compiled;
	json_auto_t *rest = NULL;
	json_t *list;

	if (r < 0)
		return r;
	list = ms_control_shape_warnings(compiled, n_compiled);
	rest = ms_control_shape_warnings(warnings, count < WARNINGS_SHOWN ? count : WARNINGS_SHOWN);
	if (!rest || json_array_extend(list, rest) < 0) {
		json_decref(list);
		return -ENOMEM;
	}
	r = ms_control_shape_put(reply, "warnings", list);
	if (r == 0)
		r = ms_control_shape_put(reply, "warnings_total", json_integer((json_int_t)total));
	return r;
}

struct comparing {
	const struct ms_policy *policy, *wanted;
	struct ms_change *changes;
	size_t count;
};

static int compare(void *arg)
{
	struct comparing *comparing = arg;

	return ms_policy_diff(comparing->policy, comparing->wanted, &comparing->changes,
			      &comparing->count);
}

int ms_control_cmd_policy_diff(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_document *documents = NULL;
	ms_cleanup(free_policy) struct ms_policy *wanted = NULL;
	ms_cleanup(ms_free) struct ms_change *changes = NULL;
	struct ms_manager_status status;
	struct comparing comparing = { ms_manager_policy(manager), NULL, NULL, 0 };
	size_t n_documents, n_changes = 0;
	unsigned int flips = 0;
	bool is_minimum = false;
	json_t *list = NULL;
	json_auto_t *reply = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?o}", "documents", &list);

	if (r == 0)
		r = ms_control_unpack_documents(list, &documents, &n_documents, err);
	if (r == 0)
		r = ms_manager_preview(manager, documents, n_documents, &wanted, err);
	comparing.wanted = wanted;
	if (r == 0)
		r = ms_manager_beside(manager, compare, &comparing);
	changes = comparing.changes;
	n_changes = comparing.count;
	if (r == 0)
		r = ms_manager_count_flips(manager, wanted, &flips, &is_minimum, err);
	if (r < 0)
		return r;
	ms_manager_status(manager, &status);
	reply = json_pack("{s:I, s:i, s:b, s:I, s:o}", "generation",
			  (json_int_t)status.generation_applied, "sessions_end", flips,
			  "sessions_end_is_minimum", is_minimum, "changes_total",
			  (json_int_t)n_changes, "changes", shape_changes(changes, n_changes));
	if (!reply)
		return -ENOMEM;
	r = put_warnings(manager, reply, wanted);
	if (r == 0)
		*ret_reply = ms_take_ptr(reply);
	return r;
}

int ms_control_cmd_policy_apply(struct ms_manager *manager, struct ms_control_call *call,
				json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_document *documents = NULL;
	ms_cleanup(free_policy) struct ms_policy *wanted = NULL;
	struct ms_commit commit = { 0 };
	struct ms_manager_status status;
	size_t n_documents;
	int dry_run = false;
	json_t *list = NULL;
	json_auto_t *reply = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?o, s?b}", "documents", &list,
				  "dry_run", &dry_run);

	if (r == 0)
		r = ms_control_unpack_documents(list, &documents, &n_documents, err);
	if (r < 0)
		return r;
	if (n_documents > 0)
		r = ms_manager_apply(manager, documents, n_documents, dry_run, &commit, err);
	else
		r = ms_manager_reload(manager, dry_run, &commit, err);
	if (r == 0 && dry_run)
		r = ms_manager_preview(manager, documents, n_documents, &wanted, err);
	if (r < 0)
		return r;
	ms_manager_status(manager, &status);
	snprintf(call->audit, sizeof(call->audit), "generation %u in force", commit.generation);
	reply = ms_control_shape_commit(&commit, dry_run);
	if (!reply ||
	    ms_control_shape_put(reply, "policy_source", json_string(status.policy_source)) < 0 ||
	    put_warnings(manager, reply, wanted ? wanted : ms_manager_policy(manager)) < 0)
		return -ENOMEM;
	*ret_reply = ms_take_ptr(reply);
	return 0;
}

/* ---- show ---- */

struct showing {
	struct ms_control_stream stream;
	char *text;
	size_t length, told;
};

/* The end of the next piece, never within a character. */
static size_t piece_end(const struct showing *showing)
{
	size_t end = showing->told + CHUNK;

	if (end >= showing->length)
		return showing->length;
	while (end > showing->told + 1 && ((unsigned char)showing->text[end] & 0xc0) == 0x80)
		end--;
	return end;
}

static int show_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct showing *showing = (struct showing *)stream;
	size_t end = piece_end(showing);

	(void)err;
	*ret_reply =
		json_pack("{s:s%}", "text", showing->text + showing->told, end - showing->told);
	if (!*ret_reply)
		return -ENOMEM;
	showing->told = end;
	return showing->told < showing->length ? 1 : 0;
}

static void show_end(struct ms_control_stream *stream)
{
	struct showing *showing = (struct showing *)stream;

	free(showing->text);
	free(showing);
}

/* A document has each prefix once, whoever holds it. `*ret_sets` is the caller's in any case. */
static int copy_sets(struct ms_policy *shown, struct ms_set_def **ret_sets)
{
	struct ms_set_def *sets = calloc(shown->n_sets + 1, sizeof(*sets));
	int r = sets ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < shown->n_sets; i++) {
		r = ms_set_def_copy(&shown->sets[i], &sets[i]);
		if (r == 0)
			r = ms_set_def_keep_longest(&sets[i]);
	}
	shown->sets = *ret_sets = sets;
	return r;
}

/* What a document may hold: the built-in rules are everybody's and stay out. */
static int write_written(const struct ms_policy *merged, bool json, FILE *out)
{
	struct ms_policy shown = *merged; /* borrows everything but sets and the rules' array */
	struct ms_set_def *sets = NULL;
	int r;

	shown.n_rules = 0;
	shown.rules = calloc(merged->n_rules ? merged->n_rules : 1, sizeof(*shown.rules));
	if (!shown.rules)
		return -ENOMEM;
	for (size_t i = 0; i < merged->n_rules; i++) {
		if (merged->rules[i].origin.source != MS_SOURCE_BUILTIN)
			shown.rules[shown.n_rules++] = merged->rules[i];
	}
	r = copy_sets(&shown, &sets);
	if (r == 0)
		r = ms_document_write(&shown, json, out);
	for (size_t i = 0; sets && i < shown.n_sets; i++)
		ms_set_def_fini(&sets[i]);
	free(sets);
	free(shown.rules);
	return r;
}

static int write_policy(struct ms_manager *manager, const char *source, bool json, FILE *out,
			struct ms_error *err)
{
	if (!source)
		return write_written(ms_manager_policy(manager), json, out);
	for (int i = MS_SOURCE_RUNTIME; i <= MS_SOURCE_FILE; i++) {
		if (strcmp(source, ms_source_name((enum ms_source)i)) == 0)
			return ms_document_write(ms_manager_source(manager, (enum ms_source)i),
						 json, out);
	}
	return ms_error_set_at(err, -ENOENT, NULL, 0, 0, source, "no source '%s': file or runtime",
			       source);
}

int ms_control_cmd_policy_show(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	const char *source = NULL, *format = "yaml";
	struct showing *showing;
	FILE *out;
	int r = ms_control_unpack(call->parameters, err, "{s?s, s?s}", "source", &source, "format",
				  &format);

	(void)ret_reply;
	if (r < 0)
		return r;
	if (strcmp(format, "yaml") != 0 && strcmp(format, "json") != 0)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, format,
				       "a policy is shown as yaml or json, not '%s'", format);
	showing = calloc(1, sizeof(*showing));
	if (!showing)
		return -ENOMEM;
	showing->stream.on_step = show_step;
	showing->stream.on_end = show_end;
	out = open_memstream(&showing->text, &showing->length);
	r = out ? write_policy(manager, source, strcmp(format, "json") == 0, out, err) : -ENOMEM;
	if (out && fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		show_end(&showing->stream);
		return r;
	}
	call->stream = &showing->stream;
	return 0;
}
