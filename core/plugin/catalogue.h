/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of plugins' actions from their descriptions alone, for those who check a policy and
 * run no plugin's code. Pure.
 */
#ifndef MS_CORE_PLUGIN_CATALOGUE_H
#define MS_CORE_PLUGIN_CATALOGUE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/policy/rule_action.h"

struct ms_plugin_catalogue;

/* Whether what is wrong with this action of the rule may be in force all the same: the rule is on
 * its fallback then. */
typedef bool (*ms_plugin_catalogue_leave)(void *user, const struct ms_rule *rule, size_t nth);

int ms_plugin_catalogue_new(struct ms_plugin_catalogue **ret_catalogue); /* -ENOMEM */
struct ms_plugin_catalogue *ms_plugin_catalogue_free(struct ms_plugin_catalogue *catalogue);

/* `description` as ms_plugin_describe() makes it, kept. `is_loaded`: it is in force, or will be.
 * The first that has an action counts. -ENOMEM */
int ms_plugin_catalogue_add(struct ms_plugin_catalogue *catalogue, json_t *description,
			    bool is_loaded);
bool ms_plugin_catalogue_knows(const struct ms_plugin_catalogue *catalogue, const char *action);
/* Whether the plugin of this name is one of them. */
bool ms_plugin_catalogue_has(const struct ms_plugin_catalogue *catalogue, const char *plugin);
/* The plugin that has the action, NULL = it is not known. Borrowed. */
const char *ms_plugin_catalogue_plugin(const struct ms_plugin_catalogue *catalogue,
				       const char *action);
/* It says of itself that it only looks. */
bool ms_plugin_catalogue_observes(const struct ms_plugin_catalogue *catalogue, const char *action);
/* What a rule says to an action that is known, for ms_plugin_probe_arguments(). NULL = out of
 * memory. */
json_t *ms_plugin_catalogue_shape(const struct ms_plugin_catalogue *catalogue,
				  const struct ms_rule *rule, const struct ms_rule_action *action);
/* All that will be loaded is in it, by what `file` says if there is one (NULL: by what a daemon
 * has), unless nobody `has_told`. Valid as long as it, and `file`. */
struct ms_rule_action_known ms_plugin_catalogue_known(const struct ms_plugin_catalogue *catalogue,
						      bool has_told, const char *file);

/*
 * -EINVAL with the place of the first argument that its action does not take, and of an action that
 * nobody knows in a rule that states no fallback. What only the plugin's code can tell is not found
 * here. `policy` is a merged one.
 */
int ms_plugin_catalogue_check(const struct ms_plugin_catalogue *catalogue,
			      const struct ms_policy *policy, struct ms_error *err);
/* The same of the actions that it knows, but for those that `leave` (NULL = none) lets be: all
 * others are somebody else's to judge. */
int ms_plugin_catalogue_check_known(const struct ms_plugin_catalogue *catalogue,
				    const struct ms_policy *policy, ms_plugin_catalogue_leave leave,
				    void *user, struct ms_error *err);

#endif
