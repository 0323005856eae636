/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/array.h"
#include "core/policy/document_hint.h"
#include "core/policy/document_reader.h"

_Static_assert(MS_PLUGIN_VALUE_MAX == MS_DOCUMENT_VALUE_MAX, "what the SDK says can be written");

int ms_plugin_arguments_refuse(const char *file, struct ms_place place, const char *word,
			       const struct ms_error *why, int r, struct ms_error *err)
{
	return ms_error_set_at(err, r == -ENOMEM ? r : -EINVAL, file, place.line, place.column,
			       word, "%s", why->message);
}

/* ---- what a sentence is about ---- */

/* Where `sentence` has the name in quotes; NULL = nowhere. */
static const char *find_quoted(const char *sentence, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = sentence; (at = strstr(at, name)); at += length) {
		if (at > sentence && (at[-1] == '`' || at[-1] == '\'') && at[length] == at[-1])
			return at;
	}
	return NULL;
}

/* The value that "entry 2 of `NAME`" means, with `quoted` at NAME; NULL = that is not said. */
static const struct ms_rule_action_value *find_entry(const struct ms_rule_action_arg *arg,
						     const char *sentence, const char *quoted)
{
	static const char word[] = "entry ", between[] = " of ";

	for (const char *at = sentence; (at = strstr(at, word)) && at < quoted; at++) {
		char *end;
		unsigned long nth = strtoul(at + strlen(word), &end, 10);

		if (nth >= 1 && nth <= arg->n_values && end + strlen(between) + 1 == quoted &&
		    strncmp(end, between, strlen(between)) == 0)
			return &arg->values[nth - 1];
	}
	return NULL;
}

struct ms_place ms_plugin_arguments_place(const struct ms_rule_action *from, const char *sentence)
{
	const struct ms_rule_action_value *value = NULL;
	struct ms_place place = from->place;
	const char *first = NULL;

	for (size_t i = 0; i < from->n_args; i++) {
		const struct ms_rule_action_arg *arg = &from->args[i];
		const char *quoted = arg->name ? find_quoted(sentence, arg->name) : NULL;

		if (!quoted || (first && quoted > first))
			continue;
		first = quoted;
		value = find_entry(arg, sentence, quoted);
		place = value ? value->place : arg->place;
	}
	return place;
}

int ms_plugin_arguments_refuse_config(const struct ms_rule_action *config, const char *file,
				      const struct ms_error *why, int r, struct ms_error *err)
{
	struct ms_place place = ms_plugin_arguments_place(config, why->message);

	for (size_t i = 0; i < config->n_args; i++) {
		if (config->args[i].name && strcmp(config->args[i].name, why->word) == 0)
			place = config->args[i].place;
	}
	return ms_error_set_at(err, r, file, place.line, place.column, why->word, "%s",
			       why->message[0] ? why->message : strerror(-r));
}

/* ---- reading ---- */

int ms_plugin_arguments_read(const struct ms_rule_action *from, const char *file, const char *alone,
			     struct ms_plugin_values *into, struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	int r;

	for (size_t i = 0; i < from->n_args; i++) {
		const struct ms_rule_action_arg *arg = &from->args[i];
		const char *name = arg->name ? arg->name : alone;

		if (!name)
			return ms_error_set_at(err, -EINVAL, file, arg->place.line,
					       arg->place.column, from->name,
					       "%s takes its arguments by name: { %s: { NAME: "
					       "value } }",
					       from->name, from->name);
		for (size_t j = 0; j < arg->n_values; j++) {
			bool is_told = !ms_plugin_values_is_secret(into, name);

			r = ms_plugin_values_add(into, name, arg->values[j].text, &why);
			if (r < 0)
				return ms_plugin_arguments_refuse(
					file, r == -ENOENT ? arg->place : arg->values[j].place,
					r != -ENOENT && is_told ? arg->values[j].text : name, &why,
					r, err);
		}
	}
	r = ms_plugin_values_finish(into, &why);
	return r < 0 ? ms_plugin_arguments_refuse(file, from->place, from->name, &why, r, err) : 0;
}

static const json_t *find_named(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *its = json_string_value(json_object_get(item, "name"));

		if (its && name && strcmp(its, name) == 0)
			return item;
	}
	return NULL;
}

const json_t *ms_plugin_arguments_describe(const json_t *plugin, const char *action)
{
	return find_named(json_object_get(plugin, "actions"), action);
}

int ms_plugin_arguments_add_names(const json_t *plugin, const char ***names, size_t *count)
{
	const json_t *actions = json_object_get(plugin, "actions"), *action;
	size_t i;
	int r = 0;

	json_array_foreach (actions, i, action) {
		const char *name = json_string_value(json_object_get(action, "name"));

		if (name && r == 0)
			r = ms_array_append(names, count, name);
	}
	return r;
}

int ms_plugin_arguments_refuse_unknown(const struct ms_rule_action *action,
				       const char *const *names, size_t count, struct ms_error *err)
{
	const char *meant = ms_document_hint_find(action->name, names, count);

	return ms_error_set_at(err, -EINVAL, NULL, action->place.line, action->place.column,
			       action->name,
			       "no plugin is known that has an action '%s'%s%s%s: a rule that "
			       "names it all the same says what holds until one has it, fallback: "
			       "allow or fallback: deny",
			       action->name, meant ? " (did you mean " : "", meant ? meant : "",
			       meant ? "?)" : "");
}

bool ms_plugin_arguments_is_set(const json_t *action, const char *arg)
{
	const char *alone = json_string_value(json_object_get(action, "short_arg"));
	const json_t *item = find_named(json_object_get(action, "args"), arg ? arg : alone);
	const char *type = json_string_value(json_object_get(item, "type"));

	return type && strcmp(type, "set") == 0;
}

int ms_plugin_arguments_check_sets(const struct ms_rule_action *from, const json_t *action,
				   const struct ms_policy *policy, bool of_sources,
				   struct ms_error *err)
{
	for (size_t i = 0; i < from->n_args; i++) {
		const struct ms_rule_action_arg *arg = &from->args[i];

		if (!ms_plugin_arguments_is_set(action, arg->name))
			continue;
		for (size_t j = 0; j < arg->n_values; j++) {
			const struct ms_rule_action_value *value = &arg->values[j];
			const struct ms_set_def *set = ms_policy_find_set(policy, value->text);

			if (!set || (set->origin.source == MS_SOURCE_PLUGIN && !of_sources))
				return ms_error_set_at(err, -EINVAL, NULL, value->place.line,
						       value->place.column, value->text,
						       "there is no set '%s'", value->text);
		}
	}
	return 0;
}

int ms_plugin_arguments_check_groups(const struct ms_rule_action *config, const char *file,
				     const json_t *items, const struct ms_policy *policy,
				     struct ms_error *err)
{
	for (size_t i = 0; i < config->n_args; i++) {
		const struct ms_rule_action_arg *arg = &config->args[i];
		const json_t *item = find_named(items, arg->name);
		const char *type = json_string_value(json_object_get(item, "type"));

		if (!type || strcmp(type, "group") != 0)
			continue;
		for (size_t j = 0; j < arg->n_values; j++) {
			const struct ms_rule_action_value *value = &arg->values[j];

			if (!ms_policy_find_group(policy, value->text))
				return ms_error_set_at(err, -EINVAL, file, value->place.line,
						       value->place.column, value->text,
						       "there is no group '%s', which %s of plugin "
						       "%s names",
						       value->text, arg->name, config->name);
		}
	}
	return 0;
}

json_t *ms_plugin_arguments_shape(const struct ms_rule_action *config, const char *alone)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < config->n_args; i++) {
		const char *name = config->args[i].name ? config->args[i].name : alone;
		json_t *list = json_array();

		for (size_t j = 0; list && j < config->args[i].n_values; j++)
			json_array_append_new(list, json_string(config->args[i].values[j].text));
		/* Takes the list, whatever comes of it. */
		if (json_object_set_new(object, name ? name : "", list) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static const struct ms_rule_action_arg *find_arg(const struct ms_rule_action *config,
						 const char *name)
{
	for (size_t i = 0; config && i < config->n_args; i++) {
		if (config->args[i].name && strcmp(config->args[i].name, name) == 0)
			return &config->args[i];
	}
	return NULL;
}

static json_t *shape_in_force(const json_t *item, const struct ms_rule_action *config)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *def = json_string_value(json_object_get(item, "default"));
	bool is_secret = json_is_true(json_object_get(item, "secret"));
	const struct ms_rule_action_arg *arg = name ? find_arg(config, name) : NULL;
	json_t *values = json_array();

	for (size_t i = 0; arg && !is_secret && i < arg->n_values; i++)
		json_array_append_new(values, json_string(arg->values[i].text));
	if (!arg && !is_secret && def)
		json_array_append_new(values, json_string(def));
	return json_pack("{s:s?, s:o, s:b, s:b}", "name", name, "values", values, "is_written",
			 arg != NULL, "is_secret", is_secret);
}

json_t *ms_plugin_arguments_in_force(const json_t *items, const struct ms_rule_action *config)
{
	json_t *list = json_array();
	const json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		if (json_array_append_new(list, shape_in_force(item, config)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
