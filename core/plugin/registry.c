/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/library.h"
#include "core/plugin/note.h"
#include "core/plugin/place.h"
#include "core/plugin/probe.h"
#include "core/plugin/registry_private.h"
#include "core/plugin/registry_values.h"
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
		r = ms_plugin_note_open(state_dir, &registry->page, err);
	if (r < 0) {
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

/* ---- callbacks, each with its name noted ---- */

static void note(void *registry, const char *callback)
{
	struct ms_plugin_registry *of = registry;

	ms_plugin_note_set(of->page, callback ? of->loading : NULL, callback);
}

static void stop(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry)
{
	ms_plugin_registry_unname(registry, entry);
	if (entry->is_started && entry->plugin.stop) {
		ms_plugin_note_set(registry->page, entry->name, "stop()");
		entry->plugin.stop(entry->self);
		ms_plugin_note_set(registry->page, NULL, NULL);
	}
	if (entry->is_served)
		registry->services->quiet(&entry->host);
	if (entry->is_created) {
		ms_plugin_note_set(registry->page, entry->name, "destroy()");
		entry->plugin.destroy(entry->self);
		ms_plugin_note_set(registry->page, NULL, NULL);
		ms_close_fd(&entry->env.pin_dir_fd);
	}
	if (entry->is_served)
		registry->services->end(&entry->host);
	entry->is_served = entry->is_started = entry->is_created = false;
	entry->self = NULL;
	ms_plugin_descriptor_free(&entry->plugin);
}

static int create(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		  const struct ms_plugin_values *values, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	int r = 0;

	entry->host_state = (struct ms_plugin_host_state) {
		.name = entry->name,
		.page = registry->page,
		.woken = entry->plugin.woken,
	};
	ms_plugin_host_init(&entry->host, &entry->host_state);
	if (registry->services)
		r = registry->services->begin(registry->services->user, &entry->host);
	if (r < 0)
		return r;
	entry->is_served = registry->services != NULL;
	ms_plugin_note_set(registry->page, entry->name, "create()");
	r = entry->plugin.create(&entry->host, values, &entry->self, &error);
	ms_plugin_note_set(registry->page, NULL, NULL);
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, "create()", r, &error, err);
	entry->is_created = true;
	entry->host_state.self = entry->self;
	entry->env = (struct ms_plugin_env) {
		.struct_size = sizeof(entry->env),
		.map_count = MS_DATAPLANE_SHARED_MAPS,
		.maps = registry->maps,
		.pin_dir_fd = -1,
	};
	r = ms_dataplane_action_folder(registry->dp, entry->name, &entry->env.pin_dir_fd);
	if (r < 0)
		return ms_error_set(err, r, "%s: cannot make a folder for its pins: %s",
				    entry->name, strerror(-r));
	return 0;
}

static int start(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		 struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	int r = 0;

	if (entry->plugin.start) {
		ms_plugin_note_set(registry->page, entry->name, "start()");
		r = entry->plugin.start(entry->self, &error);
		ms_plugin_note_set(registry->page, NULL, NULL);
	}
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, "start()", r, &error, err);
	entry->is_started = true;
	return 0;
}

/* ---- slots ---- */

/* The slot of this name; failing that, the first that is nobody's. -ENOSPC */
static int find_slot(const struct ms_plugin_registry *registry, const char *action,
		     uint32_t *ret_slot)
{
	struct ms_dataplane_action there;
	bool has_free = false;

	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		int r = ms_dataplane_action_get(registry->dp, slot, &there);

		if (r == 0 && strcmp(there.name, action) == 0) {
			*ret_slot = slot;
			return 0;
		}
		if (r == -ENOENT && !has_free) {
			*ret_slot = slot;
			has_free = true;
		}
	}
	return has_free ? 0 : -ENOSPC;
}

static int load_action(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		       const struct ms_plugin_action *action, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	uint32_t slot = 0;
	char callback[96];
	int fd = -1, r = find_slot(registry, action->name, &slot);

	if (r < 0)
		return ms_error_set(err, r,
				    "%s: all %d slots for actions are taken; those of plugins that "
				    "are gone are free after `microsegd --cleanup`",
				    entry->name, MS_ACTION_SLOTS);
	snprintf(callback, sizeof(callback), "load() of action %s", action->name);
	ms_plugin_note_set(registry->page, entry->name, callback);
	r = action->load(entry->self, &entry->env, &fd, &error);
	ms_plugin_note_set(registry->page, NULL, NULL);
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, callback, r, &error, err);
	r = ms_dataplane_action_set(registry->dp, slot, action->name, fd, err);
	if (r == 0)
		entry->slots[action - entry->plugin.actions] = (uint8_t)slot;
	return r;
}

static int load_actions(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
			struct ms_error *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < entry->plugin.action_count; i++)
		r = load_action(registry, entry, &entry->plugin.actions[i], err);
	return r;
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

void ms_plugin_registry_settle(struct ms_plugin_registry *registry)
{
	struct ms_dataplane_action there;

	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		if (ms_dataplane_action_get(registry->dp, slot, &there) == 0 && there.program_id &&
		    !ms_plugin_registry_owner(registry, there.name))
			ms_dataplane_action_clear(registry->dp, slot);
	}
}

/* ---- load ---- */

static struct ms_plugin_entry *find(const struct ms_plugin_registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		if (strcmp(registry->entries[i]->name, name) == 0)
			return registry->entries[i];
	}
	return NULL;
}

static int refuse_taken(const struct ms_plugin_registry *registry,
			const struct ms_plugin_entry *entry, struct ms_error *err)
{
	for (uint32_t i = 0; i < entry->plugin.action_count; i++) {
		const char *action = entry->plugin.actions[i].name;
		const struct ms_plugin_entry *owner = ms_plugin_registry_owner(registry, action);

		if (owner && owner != entry)
			return ms_error_set(err, -EEXIST, "%s: plugin %s has an action %s already",
					    entry->name, owner->name, action);
	}
	return 0;
}

/* The plugin's code in this process; nobody has seen anything of it if this fails. */
static int open_library(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
			struct ms_error *err)
{
	int r;

	registry->loading = entry->name;
	r = ms_plugin_library_open(registry->folder, entry->name, note, registry, &entry->plugin,
				   err);

	return r < 0 ? r : refuse_taken(registry, entry, err);
}

static int configure(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		     const struct ms_rule_action *config, const char *file, struct ms_error *err)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	int r = ms_plugin_values_new(entry->plugin.config, entry->plugin.config_count, &values);

	if (r == 0)
		r = ms_plugin_registry_values_read(config, file, NULL, values, err);
	return r < 0 ? r : create(registry, entry, values, err);
}

/* The refusal of a configuration, at the item that is its word. */
static int place_refusal(const struct ms_rule_action *config, const char *file, int r,
			 const struct ms_error *why, struct ms_error *err)
{
	struct ms_place place = config->place;

	for (size_t i = 0; i < config->n_args; i++) {
		if (config->args[i].name && strcmp(config->args[i].name, why->word) == 0)
			place = config->args[i].place;
	}
	return ms_error_set_at(err, r, file, place.line, place.column, why->word, "%s",
			       why->message);
}

/* In a process of its own, which may crash; `values` is what its configuration says. */
static int try_it(const char *folder, const struct ms_rule_action *config, const char *file,
		  const json_t *values, json_t **ret_description, struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	json_t *answer;
	int r = ms_plugin_probe(folder, config->name, values, true, &answer, &why);

	if (r < 0)
		return place_refusal(config, file, r, &why, err);
	*ret_description = json_incref(json_object_get(answer, "plugin"));
	json_decref(answer);
	return 0;
}

int ms_plugin_registry_check(const char *folder, const struct ms_rule_action *config,
			     const char *file, struct ms_error *err)
{
	json_auto_t *values = ms_plugin_registry_values_shape(config);
	json_t *description;
	int r = values ? try_it(folder, config, file, values, &description, err) : -ENOMEM;

	if (r == 0)
		json_decref(description);
	return r;
}

static bool provides(const struct ms_plugin_entry *entry, const char *what)
{
	const json_t *word;
	size_t i;

	json_array_foreach (json_object_get(entry->description, "provides"), i, word) {
		if (strcmp(json_string_value(word), what) == 0)
			return true;
	}
	return false;
}

/* Nothing of its code comes into this process. */
static int begin_source(const struct ms_plugin_registry *registry,
			const struct ms_plugin_entry *entry, const json_t *values,
			struct ms_error *err)
{
	const struct ms_plugin_services *services = registry->services;
	uint32_t what = (provides(entry, "source") ? MS_PLUGIN_SOURCE : 0) |
			(provides(entry, "sink") ? MS_PLUGIN_SINK : 0);

	return services->begin_source(services->user, entry->name, what, values, err);
}

static int load_code(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		     const struct ms_rule_action *config, const char *file, struct ms_error *err)
{
	int r = open_library(registry, entry, err);

	if (r == 0)
		r = configure(registry, entry, config, file, err);
	if (r == 0)
		r = load_actions(registry, entry, err);
	return r < 0 ? r : start(registry, entry, err);
}

static int load(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		const struct ms_rule_action *config, const char *file, bool is_start,
		struct ms_error *err)
{
	json_auto_t *values = ms_plugin_registry_values_shape(config);
	const char *callback;
	json_t *description;
	int r;

	if (!values)
		return -ENOMEM;
	if (is_start && strcmp(ms_plugin_note_last(registry->page, &callback), entry->name) == 0)
		return ms_error_set(err, -EFAULT,
				    "%s: the last daemon ended in its %s; `microsegctl plugin load "
				    "%s` tries it again",
				    entry->name, callback, entry->name);
	r = try_it(registry->folder, config, file, values, &description, err);
	if (r < 0)
		return r;
	json_decref(entry->description);
	entry->description = description;
	return provides(entry, "action") ? load_code(registry, entry, config, file, err)
					 : begin_source(registry, entry, values, err);
}

/* NULL = `err` says why. */
static struct ms_plugin_entry *add_entry(struct ms_plugin_registry *registry, const char *name,
					 struct ms_error *err)
{
	struct ms_plugin_entry *entry = NULL;

	if (registry->n_entries == MS_PLUGIN_REGISTRY_MAX)
		ms_error_set(err, -ENOSPC, "more than %d plugins", MS_PLUGIN_REGISTRY_MAX);
	else if (!(entry = calloc(1, sizeof(*entry))))
		ms_error_set(err, -ENOMEM, "%s: out of memory", name);
	if (!entry)
		return NULL;
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->state = MS_PLUGIN_FAILED;
	registry->entries[registry->n_entries++] = entry;
	return entry;
}

int ms_plugin_registry_load(struct ms_plugin_registry *registry,
			    const struct ms_rule_action *config, const char *file, bool is_start,
			    struct ms_error *err)
{
	struct ms_plugin_entry *entry = find(registry, config->name);
	struct ms_error why = MS_ERROR_INIT;
	int r;

	if (entry && entry->state == MS_PLUGIN_LOADED)
		return ms_error_set(err, -EEXIST, "%s is loaded already", config->name);
	if (!entry)
		entry = add_entry(registry, config->name, err);
	if (!entry)
		return -ENOSPC;
	r = load(registry, entry, config, file, is_start, &why);
	if (r == 0) {
		entry->state = MS_PLUGIN_LOADED;
		entry->reason[0] = '\0';
		return 0;
	}
	stop(registry, entry);
	ms_plugin_registry_settle(registry);
	ms_error_set(&why, r, "%s: %s", entry->name, strerror(-r));
	ms_error_format(&why, entry->reason, sizeof(entry->reason));
	if (err)
		*err = why;
	return r;
}

int ms_plugin_registry_unload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct ms_plugin_entry *entry = registry->entries[i];

		if (strcmp(entry->name, name) != 0)
			continue;
		registry->entries[i] = registry->entries[--registry->n_entries];
		ms_plugin_registry_settle(registry);
		stop(registry, entry);
		json_decref(entry->description);
		free(entry);
		return 0;
	}
	return ms_error_set(err, -ENOENT, "no plugin '%s' is loaded", name);
}

int ms_plugin_registry_reload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err)
{
	struct ms_plugin_entry *entry = find(registry, name);

	if (!entry || entry->state != MS_PLUGIN_LOADED)
		return ms_error_set(err, -ENOENT, "no plugin '%s' is loaded", name);
	return load_actions(registry, entry, err);
}

struct ms_plugin_registry *ms_plugin_registry_free(struct ms_plugin_registry *registry)
{
	if (!registry)
		return NULL;
	for (size_t i = 0; i < registry->n_entries; i++) {
		stop(registry, registry->entries[i]);
		json_decref(registry->entries[i]->description);
		free(registry->entries[i]);
	}
	ms_plugin_note_close(registry->page);
	free(registry->named);
	free(registry);
	return NULL;
}

/* ---- what rules ask ---- */

int ms_plugin_registry_encode(struct ms_plugin_registry *registry, const struct ms_policy *policy,
			      const struct ms_rule_action *action, uint8_t *ret_slot,
			      struct ms_action_args *ret_args, struct ms_error *err)
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
		r = ms_plugin_registry_values_read(action, NULL, what->short_arg, values, err);
	if (r == 0)
		r = ms_plugin_registry_values_check_sets(action, what, policy, err);
	if (r == 0 && what->encode_args) {
		ms_plugin_note_set(registry->page, entry->name, "encode_args()");
		r = what->encode_args(entry->self, values, ret_args->bytes, &error);
		ms_plugin_note_set(registry->page, NULL, NULL);
		if (r != 0) {
			struct ms_error why = MS_ERROR_INIT;

			r = ms_plugin_host_failed(&entry->host_state, "encode_args()", r, &error,
						  &why);
			r = ms_plugin_registry_values_refuse(NULL, action->place, action->name,
							     &why, r, err);
		}
	}
	if (r == 0)
		*ret_slot = entry->slots[what - entry->plugin.actions];
	return r;
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
	return find(registry, name);
}

const char *ms_plugin_registry_name(const struct ms_plugin_entry *entry)
{
	return entry->name;
}

enum ms_plugin_state ms_plugin_registry_state(const struct ms_plugin_entry *entry)
{
	return entry->state;
}

const char *ms_plugin_registry_reason(const struct ms_plugin_entry *entry)
{
	return entry->reason;
}

json_t *ms_plugin_registry_description(const struct ms_plugin_entry *entry)
{
	return entry->description;
}

json_t *ms_plugin_registry_stats(const struct ms_plugin_entry *entry)
{
	struct ms_plugin_emit emit = { .numbers = json_array() };

	if (emit.numbers && entry->state == MS_PLUGIN_LOADED && entry->plugin.stats) {
		ms_plugin_note_set(entry->host_state.page, entry->name, "stats()");
		entry->plugin.stats(entry->self, &emit);
		ms_plugin_note_set(entry->host_state.page, NULL, NULL);
	}
	return emit.numbers;
}

bool ms_plugin_registry_has_action(const struct ms_plugin_entry *entry, const char *action)
{
	return ms_plugin_registry_action(entry, action) != NULL;
}
