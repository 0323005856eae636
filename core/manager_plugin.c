/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plugins as the daemon has them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/manager_internal.h"

static const struct ms_rule_action *config_of(const struct ms_manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->config->n_plugins; i++) {
		if (strcmp(manager->config->plugins[i].name, name) == 0)
			return &manager->config->plugins[i];
	}
	return NULL;
}

int ms_manager_open_plugins(struct ms_manager *manager, struct ms_error *err)
{
	const struct ms_config *config = manager->config;
	int r = ms_manager_open_binder(manager);

	if (r == 0)
		r = ms_plugin_registry_new(config->plugin_dir, config->state_dir, manager->dp,
					   &manager->plugins, err);
	if (r == 0)
		ms_plugin_registry_serve(manager->plugins, ms_manager_services(manager));
	for (size_t i = 0; r == 0 && i < config->n_plugins; i++) {
		struct ms_error why = MS_ERROR_INIT;
		char text[640];

		if (ms_plugin_registry_load(manager->plugins, &config->plugins[i],
					    config->plugins_file, true, &why) < 0) {
			ms_log_error("plugin", "%s", ms_error_format(&why, text, sizeof(text)));
			ms_manager_keep_source(manager, config->plugins[i].name, &why);
		} else {
			ms_log_info("plugin", "%s is loaded", config->plugins[i].name);
		}
	}
	if (r == 0)
		ms_plugin_registry_settle(manager->plugins);
	return r;
}

void ms_manager_plugin_problem(const struct ms_manager *manager, char *buf, size_t size)
{
	const struct ms_plugin_entry *entry;

	buf[0] = '\0';
	for (size_t i = 0; !buf[0] && (entry = ms_plugin_registry_at(manager->plugins, i)); i++) {
		if (ms_plugin_registry_state(entry) == MS_PLUGIN_FAILED)
			snprintf(buf, size, "plugin %s: %s", ms_plugin_registry_name(entry),
				 ms_plugin_registry_reason(entry));
	}
}

const struct ms_plugin_registry *ms_manager_plugins(const struct ms_manager *manager)
{
	return manager->plugins;
}

const struct ms_rule *ms_manager_plugin_user(const struct ms_manager *manager, const char *name)
{
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, name);
	const struct ms_policy *policy = ms_sources_merged(manager->sources);

	for (size_t i = 0; entry && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++) {
			if (ms_plugin_registry_has_action(entry, rule->actions[j].name))
				return rule;
		}
	}
	return NULL;
}

/* The same policy again, as its rules' actions are now. */
static int commit_again(struct ms_manager *manager, struct ms_error *err)
{
	struct ms_sources_next next;
	int r = ms_manager_begin(manager, &next);

	return r < 0 ? r : ms_manager_commit(manager, &next, false, NULL, err);
}

int ms_manager_plugin_load(struct ms_manager *manager, const char *name, struct ms_error *err)
{
	const struct ms_rule_action bare = { .name = (char *)name };
	const struct ms_rule_action *config = config_of(manager, name);
	int r = ms_plugin_registry_load(manager->plugins, config ? config : &bare,
					manager->config->plugins_file, false, err);

	if (r < 0)
		return r;
	r = commit_again(manager, err);
	/* Arguments that it refuses, say: all is as it was, with the rules on their fallback. */
	if (r < 0) {
		ms_manager_leave_source(manager, name, false);
		ms_plugin_registry_unload(manager->plugins, name, NULL);
	}
	return r;
}

int ms_manager_plugin_unload(struct ms_manager *manager, const char *name, struct ms_error *err)
{
	const struct ms_rule *user = ms_manager_plugin_user(manager, name);

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
	if (ms_manager_restart_source(manager, name) == 0)
		return 0;
	return ms_plugin_registry_reload(manager->plugins, name, err);
}
