/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The `action` of a rule: a verdict, or a list of actions that ends in one. allow, deny and log are
 * the datapath's own; every other name is a plugin's.
 */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document_hint.h"
#include "core/policy/document_parts.h"
#include "core/policy/rule_action.h"

#define NAME_MAX_LENGTH 31
#define ARGS_MAX 32
#define VALUES_MAX 64

static const char *const words[] = { "allow", "deny", "log" };
enum { ACTION_ALLOW, ACTION_DENY, ACTION_LOG, ACTION_PLUGIN };

/* What YAML takes for a boolean or a number is none. */
static bool is_word(const char *text)
{
	return !ms_document_schema_is_typed(text) &&
	       ms_document_schema_is_name(text, "_", NAME_MAX_LENGTH);
}

const char *ms_document_action_meant(const char *name)
{
	/* One of the plugins' is called as other tools call a verdict. */
	return strcmp(name, "reject") == 0
		       ? NULL
		       : ms_document_hint_find(name, words, ms_array_size(words));
}

bool ms_document_action_is_name(const char *name)
{
	return is_word(name) && !ms_document_action_meant(name);
}

/* The scalar the reader is at: one of ours, or a plugin's. */
static int read_name(struct ms_document_reader *reader, unsigned int *ret_action)
{
	int r = ms_document_schema_scalar(reader, "an action");

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < ms_array_size(words); i++) {
		if (strcmp(reader->value, words[i]) == 0) {
			*ret_action = i;
			return 0;
		}
	}
	if (!is_word(reader->value))
		return ms_document_schema_refuse_word(reader, "an action", words,
						      ms_array_size(words));
	*ret_action = ACTION_PLUGIN;
	return 0;
}

static void set_verdict(struct ms_rule *rule, unsigned int action)
{
	rule->verdict = action == ACTION_DENY ? MS_VERDICT_DENY : MS_VERDICT_ALLOW;
	if (action == ACTION_LOG)
		rule->log = true;
}

/* ---- a plugin's ---- */

/* The plugin's name, where the reader is. */
static int add_action(struct ms_document_reader *reader, struct ms_rule *rule)
{
	struct ms_rule_action action = { .place = reader->place };
	int r;

	if (rule->n_actions == MS_RULE_ACTIONS_MAX)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "a rule has at most %d actions before its verdict",
						 MS_RULE_ACTIONS_MAX);
	action.name = strdup(reader->value);
	r = action.name ? ms_array_append(&rule->actions, &rule->n_actions, action) : -ENOMEM;
	if (r < 0)
		free(action.name);
	return r;
}

static int read_value(struct ms_document_reader *reader, void *into)
{
	struct ms_rule_action_arg *arg = into;
	struct ms_rule_action_value value = { .place = reader->place };
	int r = ms_document_schema_scalar(reader, "a value");

	if (r < 0)
		return r;
	for (const char *p = reader->value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return ms_document_reader_refuse_written(
				reader, reader->place,
				"a value is one line, without control characters");
	if (arg->n_values == VALUES_MAX)
		return ms_document_reader_refuse(reader, reader->place,
						 ms_document_reader_word(reader),
						 "more than %d values", VALUES_MAX);
	value.text = strdup(reader->value);
	r = value.text ? ms_array_append(&arg->values, &arg->n_values, value) : -ENOMEM;
	if (r < 0)
		free(value.text);
	return r;
}

/* A line that slipped out of the value above it looks like a name. */
static int refuse_arg(struct ms_document_reader *reader, const char *name, struct ms_place place)
{
	if (reader->secrets)
		return ms_document_reader_refuse(reader, place, "", "this is no name of an option");
	return ms_document_reader_refuse(reader, place, name, "'%s' is no name of an argument",
					 name);
}

/* The value, or list of values, that the reader is at. */
static int read_arg(struct ms_document_reader *reader, const char *name, struct ms_place place,
		    void *into)
{
	struct ms_rule_action *action = into;
	struct ms_rule_action_arg arg = { .place = place };
	int r;

	if (name && !ms_document_schema_is_name(name, "_", NAME_MAX_LENGTH))
		return refuse_arg(reader, name, place);
	for (size_t i = 0; name && i < action->n_args; i++)
		if (strcmp(action->args[i].name, name) == 0)
			return ms_document_reader_refuse(reader, place, name, "'%s' is there twice",
							 name);
	if (action->n_args == ARGS_MAX)
		return ms_document_reader_refuse(reader, place, name, "more than %d arguments",
						 ARGS_MAX);
	if (name) {
		arg.name = strdup(name);
		if (!arg.name)
			return -ENOMEM;
	}
	r = ms_array_append(&action->args, &action->n_args, arg);
	if (r < 0) {
		free(arg.name);
		return r;
	}
	return ms_document_schema_list(reader, "the values of an argument", read_value,
				       &action->args[action->n_args - 1]);
}

int ms_document_action_read_config(struct ms_document_reader *reader, struct ms_rule_action *into)
{
	return ms_document_schema_entries_or_none(reader, "the configuration of a plugin", read_arg,
						  into);
}

/* { NAME: value } and { NAME: { ARG: value } }. */
static int read_mapping(struct ms_document_reader *reader, struct ms_rule *rule)
{
	struct ms_place start = reader->place;
	struct ms_rule_action *action;
	unsigned int which = ACTION_PLUGIN;
	int r = ms_document_reader_next(reader);

	if (r < 0)
		return r;
	if (reader->event == MS_DOCUMENT_MAPPING_END)
		return ms_document_reader_refuse(reader, start, "{}", "an action without a name");
	r = read_name(reader, &which);
	if (r < 0)
		return r;
	if (which == ACTION_LOG)
		return ms_document_reader_refuse(
			reader, reader->place, reader->value,
			"'log' takes no arguments; write log: { every: 10s } beside action");
	if (which != ACTION_PLUGIN)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' takes no arguments", reader->value);
	r = add_action(reader, rule);
	if (r == 0)
		r = ms_document_reader_next(reader);
	if (r < 0)
		return r;
	action = &rule->actions[rule->n_actions - 1];
	start = reader->place;
	r = reader->event == MS_DOCUMENT_MAPPING
		    ? ms_document_schema_entries_or_none(reader, "the arguments of an action",
							 read_arg, action)
		    : read_arg(reader, NULL, reader->place, action);
	if (r == 0 && action->n_args == 0)
		return ms_document_reader_refuse(
			reader, start, "{}",
			"nothing stands in the braces; write the arguments that %s needs, or %s "
			"alone if it needs none",
			action->name, action->name);
	if (r == 0)
		r = ms_document_reader_next(reader);
	if (r == 0 && reader->event != MS_DOCUMENT_MAPPING_END)
		return ms_document_reader_refuse(
			reader, reader->place, reader->value,
			"one action an entry of the list: [{ %s: ... }, { %s: ... }, allow]",
			action->name, reader->value);
	return r;
}

/* ---- all of it ---- */

/* [log, { mirror: eth1 }, deny]: actions first, one verdict last. */
static int read_list(struct ms_document_reader *reader, struct ms_rule *rule)
{
	struct ms_place start = reader->place, last = start;
	unsigned int action = ACTION_LOG;
	bool has_verdict = false, is_empty = true;
	int r = ms_document_reader_next(reader);

	while (r == 0 && reader->event != MS_DOCUMENT_SEQUENCE_END) {
		if (reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value[0] ? reader->value : "-",
				"nothing stands here in the list of actions");
		if (has_verdict)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value,
				"nothing can come behind %s, the rule's verdict", words[action]);
		last = reader->place;
		if (reader->event == MS_DOCUMENT_MAPPING) {
			action = ACTION_PLUGIN;
			r = read_mapping(reader, rule);
		} else {
			r = read_name(reader, &action);
			if (r == 0 && action == ACTION_PLUGIN)
				r = add_action(reader, rule);
		}
		if (r < 0)
			return r;
		if (action != ACTION_PLUGIN)
			set_verdict(rule, action);
		has_verdict = action == ACTION_ALLOW || action == ACTION_DENY;
		is_empty = false;
		r = ms_document_reader_next(reader);
	}
	if (r == 0 && is_empty)
		return ms_document_reader_refuse(reader, start, "[]",
						 "the list of actions is empty");
	if (r == 0 && !has_verdict)
		return ms_document_reader_refuse_written(reader, last,
							 "a list of actions ends in allow or deny");
	return r;
}

/* Whether packets pass behind a plugin's action must be said, not guessed. */
static int refuse_lone(struct ms_document_reader *reader, const struct ms_rule_action *action)
{
	const char *meant = ms_document_action_meant(action->name);

	if (meant)
		return ms_document_reader_refuse(reader, action->place, action->name,
						 "'%s' is not an action, did you mean %s?",
						 action->name, meant);
	return ms_document_reader_refuse(
		reader, action->place, action->name,
		"a plugin's action needs a verdict behind it: [%s, allow] or [%s, deny]",
		action->name, action->name);
}

int ms_document_action_read(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	unsigned int action = ACTION_PLUGIN;
	int r;

	if (reader->event == MS_DOCUMENT_SEQUENCE)
		return read_list(reader, rule);
	if (reader->event == MS_DOCUMENT_MAPPING) {
		r = read_mapping(reader, rule);
	} else {
		r = read_name(reader, &action);
		if (r == 0 && action == ACTION_PLUGIN)
			r = add_action(reader, rule);
	}
	if (r < 0)
		return r;
	if (action == ACTION_PLUGIN)
		return refuse_lone(reader, &rule->actions[0]);
	set_verdict(rule, action);
	return 0;
}

int ms_document_action_check(struct ms_document_reader *reader, const struct ms_rule *rule)
{
	for (size_t i = 0; i < rule->n_actions; i++) {
		const struct ms_rule_action *action = &rule->actions[i];
		const char *meant = ms_document_action_meant(action->name);

		/* Another tool's word for a verdict is no plugin, whatever the fallback. */
		if (meant)
			return ms_document_reader_refuse(reader, action->place, action->name,
							 "'%s' is not an action, did you mean %s?",
							 action->name, meant);
	}
	return 0;
}
