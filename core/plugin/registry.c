/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/callback.h"
#include "core/plugin/note.h"
#include "core/plugin/place.h"
#include "core/plugin/registry_private.h"
#include "core/plugin/trust.h"
#include "core/plugin/values.h"

static void free_values(struct ms_plugin_values **values)
{
	ms_plugin_values_free(*values);
}

static int copy_folder(const char *folder, char *buf, size_t size)
{
	return snprintf(buf, size, "%s", folder) < (int)size ? 0 : -ENAMETOOLONG;
}

int ms_plugin_registry_new(const char *folder, const char *state_dir, struct ms_dataplane *dp,
			   struct ms_plugin_registry **ret_registry, struct ms_error *err)
{
	struct ms_plugin_registry *registry = calloc(1, sizeof(*registry));
	int r;

	if (!registry)
		return -ENOMEM;
	registry->dp = dp;
	r = folder ? copy_folder(folder, registry->folder, sizeof(registry->folder))
		   : ms_plugin_place_folder(registry->folder, sizeof(registry->folder));
	if (r == 0)
		r = ms_dataplane_action_rules(dp, &registry->known, &registry->n_known);
	if (r == 0)
		r = ms_plugin_note_open(state_dir, &registry->page, err);
	if (r < 0) {
		free(registry->known);
		free(registry);
		return r;
	}
	ms_dataplane_action_maps(dp, registry->shared);
	for (size_t i = 0; i < MS_DATAPLANE_SHARED_MAPS; i++)
		registry->maps[i] =
			(struct ms_plugin_map) { registry->shared[i].name, registry->shared[i].fd };
	*ret_registry = registry;
	return 0;
}

void ms_plugin_registry_serve(struct ms_plugin_registry *registry,
			      const struct ms_plugin_services *services)
{
	registry->services = services;
}

struct ms_plugin_registry *ms_plugin_registry_free(struct ms_plugin_registry *registry)
{
	if (!registry)
		return NULL;
	for (size_t i = 0; i < registry->n_entries; i++) {
		ms_plugin_registry_stop(registry, registry->entries[i]);
		ms_plugin_registry_free_entry(registry->entries[i]);
	}
	ms_plugin_note_close(registry->page);
	free(registry->named);
	free(registry->known);
	free(registry);
	return NULL;
}

struct ms_plugin_entry *ms_plugin_registry_entry(const struct ms_plugin_registry *registry,
						 const char *name)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		if (strcmp(registry->entries[i]->name, name) == 0)
			return registry->entries[i];
	}
	return NULL;
}

const struct ms_plugin_action *ms_plugin_registry_action(const struct ms_plugin_entry *entry,
							 const char *name)
{
	for (uint32_t i = 0; i < entry->plugin.action_count; i++) {
		if (strcmp(entry->plugin.actions[i].name, name) == 0)
			return &entry->plugin.actions[i];
	}
	return NULL;
}

struct ms_plugin_entry *ms_plugin_registry_owner(const struct ms_plugin_registry *registry,
						 const char *action)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct ms_plugin_entry *entry = registry->entries[i];

		if (entry->state == MS_PLUGIN_LOADED && ms_plugin_registry_action(entry, action))
			return entry;
	}
	return NULL;
}

/* ---- what rules ask ---- */

int ms_plugin_registry_encode(struct ms_plugin_registry *registry, const struct ms_policy *policy,
			      const struct ms_rule *rule, const struct ms_rule_action *action,
			      struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	struct ms_plugin_entry *entry = ms_plugin_registry_owner(registry, action->name);
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	const struct ms_plugin_action *what;
	struct ms_plugin_error error = { "" };
	int r;

	if (!entry)
		return -ENOENT;
	what = ms_plugin_registry_action(entry, action->name);
	r = ms_plugin_values_new(what->args, what->arg_count, &values);
	if (r == 0)
		r = ms_plugin_arguments_read(action, NULL, what->short_arg, values, err);
	if (r == 0)
		r = ms_plugin_arguments_check_sets(
			action, ms_plugin_arguments_describe(entry->description, action->name),
			policy, rule->origin.source == MS_SOURCE_PLUGIN, err);
	if (r == 0 && what->encode_args) {
		ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_ENCODE);
		r = what->encode_args(entry->self, values, ret_call->args.bytes, &error);
		ms_plugin_note_set(registry->page, NULL, NULL);
		if (r != 0) {
			struct ms_error why = MS_ERROR_INIT;

			r = ms_plugin_host_failed(&entry->host_state, MS_PLUGIN_CALLBACK_ENCODE, r,
						  &error, &why);
			r = ms_plugin_arguments_refuse(
				NULL, ms_plugin_arguments_place(action, why.message), action->name,
				&why, r, err);
		}
	}
	if (r == 0) {
		ret_call->slot = entry->slots[what - entry->plugin.actions];
		ret_call->observes = what->flags & MS_PLUGIN_ACTION_OBSERVES;
	}
	return r;
}

bool ms_plugin_registry_describes(const struct ms_plugin_entry *entry, const char *action)
{
	return ms_plugin_arguments_describe(entry->description, action) != NULL;
}

static bool is_loaded(const void *user, const char *action)
{
	return ms_plugin_registry_owner(user, action) != NULL;
}

static bool may_be_set(const void *user, const char *action, const char *arg)
{
	const struct ms_plugin_registry *registry = user;

	for (size_t i = 0; i < registry->n_entries; i++) {
		const json_t *what =
			ms_plugin_arguments_describe(registry->entries[i]->description, action);

		if (what)
			return ms_plugin_arguments_is_set(what, arg);
	}
	return true;
}

struct ms_rule_action_known ms_plugin_registry_known(const struct ms_plugin_registry *registry)
{
	return (struct ms_rule_action_known) {
		.is_loaded = is_loaded,
		.may_be_set = may_be_set,
		.user = registry,
	};
}

bool ms_plugin_registry_has_file(const struct ms_plugin_registry *registry, const char *name)
{
	char path[sizeof(registry->folder) + MS_PLUGIN_NAME_MAX + 8];

	/* Whoever may ask for a plugin is told of no other files. */
	return ms_plugin_trust_is_name(name) &&
	       snprintf(path, sizeof(path), "%s/%s.so", registry->folder, name) <
		       (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

int ms_plugin_registry_refuse_absent(const struct ms_plugin_registry *registry, const char *name,
				     struct ms_error *err)
{
	if (!ms_plugin_registry_has_file(registry, name))
		return ms_error_set(err, -ENOENT, "no plugin '%s' is loaded", name);
	return ms_error_set(err, -ENOENT,
			    "no plugin '%s' is loaded, but its file is there: see `microsegctl "
			    "plugin probe` and `plugin load`",
			    name);
}

/* ---- what is ---- */

const struct ms_plugin_entry *ms_plugin_registry_at(const struct ms_plugin_registry *registry,
						    size_t index)
{
	return index < registry->n_entries ? registry->entries[index] : NULL;
}

const struct ms_plugin_entry *ms_plugin_registry_find(const struct ms_plugin_registry *registry,
						      const char *name)
{
	return ms_plugin_registry_entry(registry, name);
}

const char *ms_plugin_registry_name(const struct ms_plugin_entry *entry)
{
	return entry->name;
}

enum ms_plugin_state ms_plugin_registry_state(const struct ms_plugin_entry *entry)
{
	return entry->state;
}

static bool is_in_trouble(const struct ms_plugin_entry *entry)
{
	return entry->state == MS_PLUGIN_LOADED && entry->host_state.trouble[0];
}

const char *ms_plugin_registry_reason(const struct ms_plugin_entry *entry)
{
	return is_in_trouble(entry) ? entry->host_state.trouble : entry->reason;
}

int64_t ms_plugin_registry_since(const struct ms_plugin_entry *entry)
{
	return is_in_trouble(entry) ? entry->host_state.trouble_since : entry->since;
}

const struct ms_rule_action *ms_plugin_registry_config(const struct ms_plugin_entry *entry)
{
	return entry->config;
}

bool ms_plugin_registry_is_by_hand(const struct ms_plugin_entry *entry)
{
	/* What is loaded by hand has no place in a file. */
	return !entry->config || !entry->config->place.line;
}

json_t *ms_plugin_registry_in_force(const struct ms_plugin_entry *entry)
{
	return ms_plugin_arguments_in_force(json_object_get(entry->description, "config"),
					    entry->config);
}

int ms_plugin_registry_copy(const struct ms_plugin_entry *entry)
{
	return entry->copy;
}

json_t *ms_plugin_registry_description(const struct ms_plugin_entry *entry)
{
	return entry->description;
}

json_t *ms_plugin_registry_stats(const struct ms_plugin_entry *entry)
{
	struct ms_plugin_emit emit = { .numbers = json_array() };

	if (emit.numbers && entry->state == MS_PLUGIN_LOADED && entry->plugin.stats) {
		ms_plugin_note_set(entry->host_state.page, entry->name, MS_PLUGIN_CALLBACK_STATS);
		entry->plugin.stats(entry->self, &emit);
		ms_plugin_note_set(entry->host_state.page, NULL, NULL);
	}
	return emit.numbers;
}

bool ms_plugin_registry_has_action(const struct ms_plugin_entry *entry, const char *action)
{
	return ms_plugin_registry_action(entry, action) != NULL;
}

bool ms_plugin_registry_reconfigures(const struct ms_plugin_entry *entry)
{
	return entry->plugin.reconfigure != NULL;
}
