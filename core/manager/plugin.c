/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plugins as the daemon has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/parse.h"
#include "core/manager/internal.h"
#include "core/plugin/arguments.h"
#include "core/plugin/probe.h"
#include "core/plugin/trials.h"

/* ---- start ---- */

static void free_trials(struct ms_plugin_trials **trials)
{
	ms_plugin_trials_free(*trials);
}

/* The one that the last daemon ended in is not even tried. */
static int add_trial(struct ms_manager *manager, struct ms_plugin_trials *trials,
		     const struct ms_rule_action *config)
{
	struct ms_error why = MS_ERROR_INIT;
	struct ms_plugin_trial *trial;
	int r = ms_plugin_trial_new(config, manager->named.file, &trial);

	if (r < 0)
		return r;
	r = ms_plugin_registry_suspect(manager->plugins, config->name, &why);
	if (r < 0)
		ms_plugin_trial_refuse(trial, r, &why);
	return ms_plugin_trials_add(trials, trial);
}

static void take_tried(struct ms_manager *manager, const struct ms_plugin_trial *trial)
{
	const char *name = ms_plugin_trial_config(trial)->name;
	struct ms_error why = MS_ERROR_INIT;
	char text[640];

	if (ms_plugin_registry_load(manager->plugins, trial, &why) == 0) {
		ms_log_info("plugin", "%s is loaded", name);
		return;
	}
	ms_log_error("plugin", "%s", ms_error_format(&why, text, sizeof(text)));
	ms_manager_keep_source(manager, name, &why);
}

/* Programs stand in their slots before the first policy is compiled, so this waits. */
static int load_named(struct ms_manager *manager)
{
	ms_cleanup(free_trials) struct ms_plugin_trials *trials = NULL;
	const struct ms_plugin_trial *trial;
	int r = ms_plugin_trials_new(manager->config->plugin_dir, &trials);

	for (size_t i = 0; r == 0 && i < manager->named.count; i++)
		r = add_trial(manager, trials, &manager->named.list[i]);
	if (r < 0)
		return r;
	ms_plugin_trials_wait(trials);
	for (size_t i = 0; (trial = ms_plugin_trials_at(trials, i)); i++)
		take_tried(manager, trial);
	ms_plugin_registry_settle(manager->plugins);
	return 0;
}

int ms_manager_open_plugins(struct ms_manager *manager, struct ms_error *err)
{
	const struct ms_config *config = manager->config;
	int r = ms_manager_open_binder(manager);

	if (r == 0)
		r = ms_config_plugins_copy(&config->plugins, &manager->named);
	if (r == 0)
		r = ms_plugin_registry_new(config->plugin_dir, config->state_dir, manager->dp,
					   &manager->plugins, err);
	if (r < 0)
		return r;
	ms_plugin_registry_serve(manager->plugins, ms_manager_services(manager));
	return load_named(manager);
}

void ms_manager_close_plugins(struct ms_manager *manager)
{
	ms_manager_drop_tasks(manager);
	ms_plugin_registry_free(manager->plugins);
	ms_config_plugins_fini(&manager->named);
}

/* ---- what is ---- */

bool ms_manager_next_plugin_problem(const struct ms_manager *manager, size_t *at, char *buf,
				    size_t size)
{
	const struct ms_plugin_entry *entry;

	while ((entry = ms_plugin_registry_at(manager->plugins, (*at)++))) {
		const char *name = ms_plugin_registry_name(entry);
		const char *reason = ms_plugin_registry_reason(entry);
		char since[32];

		/* Of a source that is kept without its plugin, ms_manager_next_source_problem()
		 * tells. */
		if (!reason[0] || ms_manager_follower(manager, name))
			continue;
		ms_format_time(ms_plugin_registry_since(entry), since, sizeof(since));
		/* Most reasons name it, some behind the place in a file. */
		if (ms_plugin_registry_state(entry) == MS_PLUGIN_LOADED)
			snprintf(buf, size, "plugin %s: %.500s (since %s)", name, reason, since);
		else if (strstr(reason, name))
			snprintf(buf, size, "a plugin failed: %.500s (since %s)", reason, since);
		else
			snprintf(buf, size, "plugin %s failed: %.500s (since %s)", name, reason,
				 since);
		return true;
	}
	return false;
}

const struct ms_plugin_registry *ms_manager_plugins(const struct ms_manager *manager)
{
	return manager->plugins;
}

const struct ms_rule *ms_manager_plugin_rule(const struct ms_manager *manager, const char *name,
					     const struct ms_policy *policy)
{
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, name);

	for (size_t i = 0; entry && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++) {
			if (ms_plugin_registry_has_action(entry, rule->actions[j].name))
				return rule;
		}
	}
	return NULL;
}

static bool names_one(const struct ms_rule *rule, const struct ms_plugin_entry *entry)
{
	for (size_t i = 0; i < rule->n_actions; i++) {
		if (ms_plugin_registry_describes(entry, rule->actions[i].name))
			return true;
	}
	return false;
}

size_t ms_manager_plugin_users(const struct ms_manager *manager, const char *name,
			       const char **ret_ids, size_t max)
{
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, name);
	const struct ms_policy *policy = ms_sources_merged(manager->sources);
	size_t count = 0;

	for (size_t i = 0; entry && i < policy->n_rules; i++) {
		if (!names_one(&policy->rules[i], entry))
			continue;
		if (count < max)
			ret_ids[count] = policy->rules[i].id;
		count++;
	}
	return count;
}

/* ---- what new rules say to actions ---- */

struct questions {
	const struct ms_manager *manager;
	const struct ms_policy *sets; /* where these are looked for */
	json_t *namesakes;            /* whether the plugin of that name has the action, by it */
};

/* As a plugin that is there, loaded or failed, and stays says of itself. NULL = none has it. */
static const json_t *describe(const struct ms_manager *manager, const char *action)
{
	const struct ms_plugin_entry *entry;
	const json_t *what;

	for (size_t i = 0; (entry = ms_plugin_registry_at(manager->plugins, i)); i++) {
		what = ms_plugin_arguments_describe(ms_plugin_registry_description(entry), action);
		if (what && !ms_manager_replaces(manager, entry))
			return what;
	}
	return NULL;
}

/* Of one that has failed, and cannot even be described, nobody can tell. */
static bool ask_namesake(const struct ms_manager *manager, const char *action)
{
	json_auto_t *answer = NULL;
	int r = -ENOENT;

	if (ms_plugin_registry_has_file(manager->plugins, action))
		r = ms_plugin_probe(manager->config->plugin_dir, action, NULL, false, &answer,
				    NULL);
	if (r < 0)
		return ms_plugin_registry_find(manager->plugins, action) != NULL;
	return ms_plugin_arguments_describe(json_object_get(answer, "plugin"), action) != NULL;
}

/* Of none that has been described here: most actions have the name of their plugin. */
static bool may_be_known(struct questions *questions, const char *action)
{
	const struct ms_manager *manager = questions->manager;
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, action);
	json_t *has = json_object_get(questions->namesakes, action);

	if (entry && ms_plugin_registry_description(entry))
		return false;
	if (has)
		return json_is_true(has);
	has = json_boolean(ask_namesake(manager, action));
	json_object_set(questions->namesakes, action, has);
	return json_is_true(has);
}

static int refuse_action(const struct ms_manager *manager, const struct ms_rule_action *action,
			 struct ms_error *err)
{
	ms_cleanup(ms_free) const char **names = NULL;
	const struct ms_plugin_entry *entry;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && (entry = ms_plugin_registry_at(manager->plugins, i)); i++) {
		if (!ms_manager_replaces(manager, entry))
			r = ms_plugin_arguments_add_names(ms_plugin_registry_description(entry),
							  &names, &count);
	}
	return r < 0 ? r : ms_plugin_arguments_refuse_unknown(action, names, count, err);
}

static int judge_action(struct questions *questions, const struct ms_rule *rule,
			const struct ms_rule_action *action, struct ms_error *err)
{
	const json_t *what = describe(questions->manager, action->name);

	/* What the operator writes must hold where no source runs, and at a start before one does.
	 */
	if (what)
		return ms_plugin_arguments_check_sets(action, what, questions->sets, false, err);
	if (rule->states_fallback || ms_manager_rehearses(questions->manager, action->name) ||
	    may_be_known(questions, action->name))
		return 0;
	return refuse_action(questions->manager, action, err);
}

/* What is in force is nobody's change. */
static bool stands(struct ms_manager *manager, const struct ms_rule *rule)
{
	const struct ms_rule *now = rule->id ? ms_manager_said_before(manager, rule) : NULL;

	return now && now->origin.source == rule->origin.source &&
	       now->states_fallback == rule->states_fallback;
}

/* A rule that came without a file has its id for a place. */
static int refuse_rule(const struct ms_rule *rule, const struct ms_error *why, int r,
		       struct ms_error *err)
{
	bool by_id = !rule->origin.file && rule->id;

	return ms_error_set_at(err, r, rule->origin.file, why->line, why->column, why->word,
			       "%s%s%s%s", by_id ? "rule " : "", by_id ? rule->id : "",
			       by_id ? ": " : "", why->message);
}

int ms_manager_refuse_unknown(struct ms_manager *manager, const struct ms_policy *policy,
			      const struct ms_policy *sets, enum ms_source source,
			      struct ms_error *err)
{
	json_auto_t *namesakes = json_object();
	struct questions questions = { manager, sets, namesakes };

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; rule->origin.source == source && j < rule->n_actions; j++) {
			struct ms_error why = MS_ERROR_INIT;
			int r = judge_action(&questions, rule, &rule->actions[j], &why);

			if (r < 0 && source == MS_SOURCE_RUNTIME && stands(manager, rule))
				break;
			if (r < 0)
				return refuse_rule(rule, &why, r, err);
		}
	}
	return 0;
}

/* ---- changes that need no trial; the others are tasks: task.c ---- */

int ms_manager_commit_again(struct ms_manager *manager, struct ms_error *err)
{
	return ms_manager_reload_without(manager, NULL, 0, false, false, NULL, err);
}

void ms_manager_plugin_undo_load(struct ms_manager *manager, const char *name)
{
	const struct ms_plugin_entry *entry;
	struct ms_error why = MS_ERROR_INIT;

	ms_plugin_registry_undo_load(manager->plugins, name);
	entry = ms_plugin_registry_find(manager->plugins, name);
	if (!entry) {
		ms_manager_leave_source(manager, name, false);
		return;
	}
	ms_error_set(&why, -EPROTO, "%s", ms_plugin_registry_reason(entry));
	ms_manager_keep_source(manager, name, &why);
	ms_keeper_rebind(manager->keeper);
}

int ms_manager_plugin_unload(struct ms_manager *manager, const char *name, struct ms_error *err)
{
	const struct ms_rule *user =
		ms_manager_plugin_rule(manager, name, ms_sources_merged(manager->sources));

	if (user)
		return ms_error_set(err, -EBUSY,
				    "%s is in use: rule %s names it. Take that rule away first",
				    name, user->id);
	if (ms_manager_follower(manager, name)) {
		int r = ms_manager_withdraw_source(manager, name, err);

		if (r < 0)
			return r;
	}
	return ms_plugin_registry_unload(manager->plugins, name, err);
}

int ms_manager_plugin_reload(struct ms_manager *manager, const char *name, struct ms_error *err)
{
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, name);

	/* What is kept of a source must not be replaced by what was not tried. */
	if (entry && ms_plugin_registry_state(entry) == MS_PLUGIN_FAILED)
		return ms_error_set(
			err, -ENOENT,
			"%s is not loaded, it failed: `microsegctl plugin load %s` tries "
			"it again",
			name, name);
	if (ms_manager_restart_source(manager, name) == 0)
		return 0;
	return ms_plugin_registry_reload(manager->plugins, name, err);
}
