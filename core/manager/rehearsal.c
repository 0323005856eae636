/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a dry run asks of plugins that are not in the daemon as they would be: their trials have
 * described them, and what rules say to them a process of their own judges, as `policy check` has
 * it done.
 */
#include <errno.h>
#include <string.h>

#include "core/manager/internal.h"
#include "core/plugin/judge.h"

bool ms_manager_rehearses(const struct ms_manager *manager, const char *action)
{
	return manager->rehearsed && ms_plugin_catalogue_knows(manager->rehearsed, action);
}

bool ms_manager_replaces(const struct ms_manager *manager, const struct ms_plugin_entry *entry)
{
	return manager->rehearsed &&
	       ms_plugin_catalogue_has(manager->rehearsed, ms_plugin_registry_name(entry)) &&
	       !ms_plugin_registry_reconfigures(entry);
}

bool ms_manager_rehearses_without(const struct ms_manager *manager, const char *action)
{
	const struct ms_plugin_entry *entry;

	if (!manager->rehearsed)
		return false;
	for (size_t i = 0; (entry = ms_plugin_registry_at(manager->plugins, i)); i++) {
		if (ms_plugin_registry_has_action(entry, action) &&
		    ms_manager_replaces(manager, entry))
			return true;
	}
	return false;
}

/* Who has the action already, NULL = nobody, or the plugin of this name. */
static const char *find_owner(const struct ms_manager *manager, const char *action,
			      const char *name)
{
	const struct ms_plugin_entry *entry;

	if (ms_manager_rehearses(manager, action))
		return ms_plugin_catalogue_plugin(manager->rehearsed, action);
	for (size_t i = 0; (entry = ms_plugin_registry_at(manager->plugins, i)); i++) {
		if (ms_plugin_registry_has_action(entry, action) &&
		    strcmp(ms_plugin_registry_name(entry), name) != 0)
			return ms_plugin_registry_name(entry);
	}
	return NULL;
}

int ms_manager_rehearse_add(struct ms_manager *manager, json_t *description, struct ms_error *err)
{
	const json_t *actions = json_object_get(description, "actions"), *action;
	const char *name = json_string_value(json_object_get(description, "name"));
	size_t i;
	int r = 0;

	if (json_array_size(actions) == 0)
		return 0;
	json_array_foreach (actions, i, action) {
		const char *its = json_string_value(json_object_get(action, "name"));
		const char *owner = find_owner(manager, its, name);

		/* As the registry says it. */
		if (owner)
			return ms_error_set(err, -EEXIST, "%s: plugin %s has an action %s already",
					    name, owner, its);
	}
	if (!manager->rehearsed)
		r = ms_plugin_catalogue_new(&manager->rehearsed);
	return r < 0 ? r : ms_plugin_catalogue_add(manager->rehearsed, description, true);
}

void ms_manager_rehearse_end(struct ms_manager *manager)
{
	manager->rehearsed = ms_plugin_catalogue_free(manager->rehearsed);
}

struct judging {
	struct ms_manager *manager;
	const struct ms_policy *policy;
	struct ms_error *err;
};

static const struct ms_rule_action *config_of(void *user, const char *plugin)
{
	const struct ms_manager *manager = user;

	return ms_config_plugins_find(&manager->named, plugin);
}

/* One that cannot be asked has passed its trial all the same: nothing is known to be wrong. */
static int judge(void *arg)
{
	const struct judging *judging = arg;
	struct ms_manager *manager = judging->manager;
	const struct ms_plugin_judge how = {
		.folder = manager->config->plugin_dir,
		.catalogue = manager->rehearsed,
		.config_of = config_of,
		.leave = ms_manager_leaves_refused,
		.user = manager,
	};
	json_auto_t *unjudged = NULL;
	int r = ms_plugin_catalogue_check_known(how.catalogue, judging->policy, how.leave, how.user,
						judging->err);

	return r < 0 ? r : ms_plugin_judge_policy(&how, judging->policy, &unjudged, judging->err);
}

int ms_manager_rehearse(struct ms_manager *manager, const struct ms_policy *policy,
			enum ms_manager_refusals refusals, struct ms_error *err)
{
	struct judging judging = { manager, policy, err };
	int r;

	ms_manager_refusals_begin(manager, refusals);
	r = ms_manager_away(manager, judge, &judging);
	ms_manager_refusals_end(manager);
	return r;
}
