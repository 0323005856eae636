/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/describe.h"
#include "core/plugin/values.h"
#include "core/policy/array.h"

struct known {
	json_t *description;
	bool is_loaded;
};

struct ms_plugin_catalogue {
	struct known *list;
	size_t count;
};

int ms_plugin_catalogue_new(struct ms_plugin_catalogue **ret_catalogue)
{
	struct ms_plugin_catalogue *catalogue = calloc(1, sizeof(*catalogue));

	if (!catalogue)
		return -ENOMEM;
	*ret_catalogue = catalogue;
	return 0;
}

struct ms_plugin_catalogue *ms_plugin_catalogue_free(struct ms_plugin_catalogue *catalogue)
{
	for (size_t i = 0; catalogue && i < catalogue->count; i++)
		json_decref(catalogue->list[i].description);
	if (catalogue)
		free(catalogue->list);
	free(catalogue);
	return NULL;
}

int ms_plugin_catalogue_add(struct ms_plugin_catalogue *catalogue, json_t *description,
			    bool is_loaded)
{
	const struct known known = { description, is_loaded };
	int r = ms_array_append(&catalogue->list, &catalogue->count, known);

	if (r == 0)
		json_incref(description);
	return r;
}

/* The first that has the action, NULL = none has. */
static const struct known *find(const struct ms_plugin_catalogue *catalogue, const char *action,
				const json_t **ret_action)
{
	for (size_t i = 0; i < catalogue->count; i++) {
		*ret_action = ms_plugin_arguments_describe(catalogue->list[i].description, action);
		if (*ret_action)
			return &catalogue->list[i];
	}
	return NULL;
}

bool ms_plugin_catalogue_knows(const struct ms_plugin_catalogue *catalogue, const char *action)
{
	const json_t *what;

	return find(catalogue, action, &what) != NULL;
}

bool ms_plugin_catalogue_has(const struct ms_plugin_catalogue *catalogue, const char *plugin)
{
	for (size_t i = 0; i < catalogue->count; i++) {
		if (strcmp(json_string_value(
				   json_object_get(catalogue->list[i].description, "name")),
			   plugin) == 0)
			return true;
	}
	return false;
}

const char *ms_plugin_catalogue_plugin(const struct ms_plugin_catalogue *catalogue,
				       const char *action)
{
	const json_t *what;
	const struct known *known = find(catalogue, action, &what);

	return known ? json_string_value(json_object_get(known->description, "name")) : NULL;
}

bool ms_plugin_catalogue_observes(const struct ms_plugin_catalogue *catalogue, const char *action)
{
	const json_t *what = NULL;

	return find(catalogue, action, &what) && json_is_true(json_object_get(what, "observes"));
}

json_t *ms_plugin_catalogue_shape(const struct ms_plugin_catalogue *catalogue,
				  const struct ms_rule *rule, const struct ms_rule_action *action)
{
	const json_t *what = NULL;

	find(catalogue, action->name, &what);
	return json_pack("{s:s, s:s, s:o}", "action", action->name, "rule",
			 rule->id ? rule->id : "", "values",
			 ms_plugin_arguments_shape(
				 action, json_string_value(json_object_get(what, "short_arg"))));
}

static bool is_loaded(const void *user, const char *action)
{
	const json_t *what;
	const struct known *known = find(user, action, &what);

	return known && known->is_loaded;
}

static bool may_be_set(const void *user, const char *action, const char *arg)
{
	const json_t *what;

	return !find(user, action, &what) || ms_plugin_arguments_is_set(what, arg);
}

struct ms_rule_action_known ms_plugin_catalogue_known(const struct ms_plugin_catalogue *catalogue,
						      bool has_told, const char *file)
{
	return (struct ms_rule_action_known) {
		.is_loaded = has_told ? is_loaded : NULL,
		.file = file,
		.may_be_set = may_be_set,
		.user = catalogue,
	};
}

/* ---- a description as what it describes; texts are the description's ---- */

struct described {
	struct ms_plugin_action action;
	struct ms_plugin_item *items;
	const char ***words; /* of each item, its own array or NULL */
};

static void described_fini(struct described *described)
{
	for (uint32_t i = 0; described->words && i < described->action.arg_count; i++)
		free(described->words[i]);
	free(described->words);
	free(described->items);
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	/* The largest of JSON's stands for all beyond. */
	return value == INT64_MAX ? UINT64_MAX : (uint64_t)value;
}

static int read_words(const json_t *list, const char ***ret_words)
{
	const char **words = calloc(json_array_size(list) + 1, sizeof(*words));

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++)
		words[i] = json_string_value(json_array_get(list, i));
	*ret_words = words;
	return 0;
}

static int read_item(const json_t *from, struct ms_plugin_item *into, const char ***ret_words)
{
	int r = read_words(json_object_get(from, "words"), ret_words);

	if (r < 0)
		return r;
	*into = (struct ms_plugin_item) {
		.name = text(from, "name"),
		.help = text(from, "help"),
		.flags =
			(json_is_true(json_object_get(from, "required")) ? MS_PLUGIN_REQUIRED : 0) |
			(json_is_true(json_object_get(from, "list")) ? MS_PLUGIN_LIST : 0) |
			(json_is_true(json_object_get(from, "secret")) ? MS_PLUGIN_SECRET : 0) |
			(json_is_true(json_object_get(from, "file")) ? MS_PLUGIN_FILE : 0),
		.min = number(from, "min"),
		.max = number(from, "max"),
		.words = *ret_words,
		.def = text(from, "default"),
	};
	return into->name && ms_plugin_describe_type(text(from, "type"), &into->type) ? 0 : -EPROTO;
}

static int read_action(const json_t *from, struct described *into)
{
	const json_t *args = json_object_get(from, "args");
	size_t count = json_array_size(args);
	int r = 0;

	into->items = calloc(count + 1, sizeof(*into->items));
	into->words = calloc(count + 1, sizeof(*into->words));
	if (!into->items || !into->words)
		return -ENOMEM;
	into->action.args = into->items;
	into->action.arg_count = (uint32_t)count;
	into->action.short_arg = text(from, "short_arg");
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_item(json_array_get(args, i), &into->items[i], &into->words[i]);
	return r;
}

/* ---- check ---- */

static void free_values(struct ms_plugin_values **values)
{
	ms_plugin_values_free(*values);
}

static int check_arguments(const json_t *what, const struct ms_policy *policy,
			   const struct ms_rule *rule, const struct ms_rule_action *action,
			   struct ms_error *err)
{
	ms_cleanup(described_fini) struct described described = { 0 };
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	int r = read_action(what, &described);

	if (r < 0)
		return ms_error_set(err, r, "%s: its description cannot be read", action->name);
	r = ms_plugin_values_new(described.items, described.action.arg_count, &values);
	if (r == 0)
		r = ms_plugin_arguments_read(action, NULL, described.action.short_arg, values, err);
	return r < 0 ? r
		     : ms_plugin_arguments_check_sets(action, what, policy,
						      rule->origin.source == MS_SOURCE_PLUGIN, err);
}

static int refuse_unknown(const struct ms_plugin_catalogue *catalogue,
			  const struct ms_rule_action *action, struct ms_error *err)
{
	ms_cleanup(ms_free) const char **names = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < catalogue->count; i++)
		r = ms_plugin_arguments_add_names(catalogue->list[i].description, &names, &count);
	return r < 0 ? r : ms_plugin_arguments_refuse_unknown(action, names, count, err);
}

/* `knows_enough`: what it does not know is not its concern. */
static int check_action(const struct ms_plugin_catalogue *catalogue, bool knows_enough,
			const struct ms_policy *policy, const struct ms_rule *rule,
			const struct ms_rule_action *action, struct ms_error *err)
{
	const json_t *what;

	if (find(catalogue, action->name, &what))
		return check_arguments(what, policy, rule, action, err);
	return rule->states_fallback || knows_enough ? 0 : refuse_unknown(catalogue, action, err);
}

static int check(const struct ms_plugin_catalogue *catalogue, bool knows_enough,
		 const struct ms_policy *policy, ms_plugin_catalogue_leave leave, void *user,
		 struct ms_error *err)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++) {
			struct ms_error why = MS_ERROR_INIT;
			int r = check_action(catalogue, knows_enough, policy, rule,
					     &rule->actions[j], &why);

			if (r < 0 && !(leave && leave(user, rule, j)))
				return ms_error_set_at(err, r, rule->origin.file, why.line,
						       why.column, why.word, "%s", why.message);
		}
	}
	return 0;
}

int ms_plugin_catalogue_check(const struct ms_plugin_catalogue *catalogue,
			      const struct ms_policy *policy, struct ms_error *err)
{
	return check(catalogue, false, policy, NULL, NULL, err);
}

int ms_plugin_catalogue_check_known(const struct ms_plugin_catalogue *catalogue,
				    const struct ms_policy *policy, ms_plugin_catalogue_leave leave,
				    void *user, struct ms_error *err)
{
	return check(catalogue, true, policy, leave, user, err);
}
