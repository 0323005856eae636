/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/probe.h"
#include "core/policy/array.h"

/* An action in a rule whose plugin is known. */
struct use {
	const char *plugin;
	const struct ms_rule *rule;
	const struct ms_rule_action *action;
};

struct judging {
	const struct ms_plugin_judge *how;
	struct use *uses;
	size_t n_uses;
	json_t *unjudged;
};

static void fini(struct judging *judging)
{
	free(judging->uses);
	json_decref(judging->unjudged);
}

static int find_uses(struct judging *judging, const struct ms_policy *policy)
{
	int r = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; r == 0 && j < rule->n_actions; j++) {
			const struct use use = {
				ms_plugin_catalogue_plugin(judging->how->catalogue,
							   rule->actions[j].name),
				rule,
				&rule->actions[j],
			};

			if (use.plugin && !(judging->how->leave &&
					    judging->how->leave(judging->how->user, rule, j)))
				r = ms_array_append(&judging->uses, &judging->n_uses, use);
		}
	}
	return r;
}

/* ---- one plugin ---- */

static const struct use *find_use(const struct judging *judging, const char *plugin, size_t nth)
{
	for (size_t i = 0; i < judging->n_uses; i++) {
		if (strcmp(judging->uses[i].plugin, plugin) == 0 && nth-- == 0)
			return &judging->uses[i];
	}
	return NULL;
}

static json_t *list_arguments(const struct judging *judging, const char *plugin)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < judging->n_uses; i++) {
		const struct use *use = &judging->uses[i];

		if (strcmp(use->plugin, plugin) != 0)
			continue;
		if (json_array_append_new(list, ms_plugin_catalogue_shape(judging->how->catalogue,
									  use->rule, use->action)) <
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool is_listed(const json_t *list, const char *action)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (strcmp(json_string_value(json_object_get(item, "action")), action) == 0)
			return true;
	}
	return false;
}

static int leave_unjudged(struct judging *judging, const char *plugin, const char *reason)
{
	for (size_t i = 0; i < judging->n_uses; i++) {
		const struct use *use = &judging->uses[i];

		if (strcmp(use->plugin, plugin) != 0 ||
		    is_listed(judging->unjudged, use->action->name))
			continue;
		if (json_array_append_new(judging->unjudged,
					  json_pack("{s:s, s:s}", "action", use->action->name,
						    "reason", reason)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int understand(struct judging *judging, const char *plugin, const json_t *answer,
		      struct ms_error *err)
{
	const json_t *refused = json_object_get(answer, "refused");
	const char *untried = json_string_value(json_object_get(answer, "untried"));
	const char *message = json_string_value(json_object_get(refused, "message"));
	const struct use *use;
	struct ms_place place;

	if (untried)
		return leave_unjudged(judging, plugin, untried);
	if (!json_is_object(refused))
		return 0;
	use = find_use(judging, plugin,
		       (size_t)json_integer_value(json_object_get(refused, "index")));
	if (!use)
		return ms_error_set(err, -EPROTO, "%s: its answer cannot be read", plugin);
	place = ms_plugin_arguments_place(use->action, message ? message : "");
	return ms_error_set_at(err, -EINVAL, use->rule->origin.file, place.line, place.column,
			       use->action->name, "%s", message);
}

static int ask(const struct judging *judging, const char *plugin, const json_t *arguments,
	       json_t **ret_answer, struct ms_error *err)
{
	const struct ms_plugin_judge *how = judging->how;
	const struct ms_rule_action *config = how->config_of(how->user, plugin);
	json_auto_t *values = config ? ms_plugin_arguments_shape(config, NULL) : NULL;

	return ms_plugin_probe_arguments(how->folder, plugin, values, arguments, ret_answer, err);
}

static int judge_plugin(struct judging *judging, const char *plugin, struct ms_error *err)
{
	json_auto_t *arguments = list_arguments(judging, plugin);
	json_auto_t *none = json_array();
	json_auto_t *answer = NULL;
	struct ms_error why = MS_ERROR_INIT;
	int r = arguments && none ? ask(judging, plugin, arguments, &answer, &why) : -ENOMEM;

	if (r == 0)
		return understand(judging, plugin, answer, err);
	if (r == -ENOMEM)
		return r;
	/* It crashes or hangs over one of them, as it would in the daemon; or it does not even come
	 * to them, and then a daemon would not have it either. */
	if (ask(judging, plugin, none, &answer, NULL) < 0)
		return leave_unjudged(judging, plugin, why.message);
	return ms_error_set(err, -EINVAL, "%s", why.message);
}

/* ---- all of them ---- */

int ms_plugin_judge_policy(const struct ms_plugin_judge *how, const struct ms_policy *policy,
			   json_t **ret_unjudged, struct ms_error *err)
{
	ms_cleanup(fini) struct judging judging = {
		.how = how,
		.unjudged = json_array(),
	};
	json_auto_t *seen = json_object();
	int r = judging.unjudged && seen ? find_uses(&judging, policy) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < judging.n_uses; i++) {
		const char *plugin = judging.uses[i].plugin;

		if (json_object_get(seen, plugin))
			continue;
		r = json_object_set_new(seen, plugin, json_true()) < 0
			    ? -ENOMEM
			    : judge_plugin(&judging, plugin, err);
	}
	if (r < 0)
		return r;
	*ret_unjudged = ms_take_ptr(judging.unjudged);
	return 0;
}
