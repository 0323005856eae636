/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a plugin comes into the daemon, changes while it is there, and goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "core/plugin/callback.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/library.h"
#include "core/plugin/note.h"
#include "core/plugin/registry_private.h"
#include "core/plugin/values.h"
#include "core/policy/rule_action.h"

static void free_values(struct ms_plugin_values **values)
{
	ms_plugin_values_free(*values);
}

/* ---- callbacks, each with its name noted ---- */

static void note(void *registry, const char *callback)
{
	struct ms_plugin_registry *of = registry;

	ms_plugin_note_set(of->page, callback ? of->loading : NULL, callback);
}

void ms_plugin_registry_stop(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry)
{
	ms_plugin_registry_unname(registry, entry);
	if (entry->is_started && entry->plugin.stop) {
		ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_STOP);
		entry->plugin.stop(entry->self);
		ms_plugin_note_set(registry->page, NULL, NULL);
	}
	if (entry->is_served)
		registry->services->quiet(&entry->host);
	if (entry->is_created) {
		ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_DESTROY);
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
	ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_CREATE);
	r = entry->plugin.create(&entry->host, values, &entry->self, &error);
	ms_plugin_note_set(registry->page, NULL, NULL);
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, MS_PLUGIN_CALLBACK_CREATE, r,
					     &error, err);
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
		ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_START);
		r = entry->plugin.start(entry->self, &error);
		ms_plugin_note_set(registry->page, NULL, NULL);
	}
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, MS_PLUGIN_CALLBACK_START, r,
					     &error, err);
	entry->is_started = true;
	return 0;
}

/* ---- slots ---- */

/* -ENOENT: none has this name, and `*ret_free` is the first that is nobody's, MS_ACTION_SLOTS =
 * none is. */
static int find_name(const struct ms_plugin_registry *registry, const char *action,
		     uint32_t *ret_slot, uint32_t *ret_free)
{
	struct ms_dataplane_action there;

	*ret_free = MS_ACTION_SLOTS;
	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		int r = ms_dataplane_action_get(registry->dp, slot, &there);

		if (r == 0 && strcmp(there.name, action) == 0) {
			*ret_slot = slot;
			return 0;
		}
		if (r == -ENOENT && *ret_free == MS_ACTION_SLOTS)
			*ret_free = slot;
	}
	return -ENOENT;
}

/* The first whose plugin is gone, or failed, and that no list calls: it is nobody's then. `entry`
 * is about to be loaded. -ENOSPC */
static int take_back(const struct ms_plugin_registry *registry, const struct ms_plugin_entry *entry,
		     uint32_t *ret_slot)
{
	struct ms_dataplane_action there;
	uint64_t called;
	int r = ms_dataplane_action_called(registry->dp, &called);

	for (uint32_t slot = 0; r == 0 && slot < MS_ACTION_SLOTS; slot++) {
		if (called & 1ull << slot ||
		    ms_dataplane_action_get(registry->dp, slot, &there) < 0 ||
		    ms_plugin_registry_owner(registry, there.name) ||
		    ms_plugin_registry_action(entry, there.name))
			continue;
		*ret_slot = slot;
		return ms_dataplane_action_forget(registry->dp, slot);
	}
	return r < 0 ? r : -ENOSPC;
}

/* The slot of this name; failing that, one that is nobody's. -ENOSPC */
static int find_slot(const struct ms_plugin_registry *registry, const struct ms_plugin_entry *entry,
		     const char *action, uint32_t *ret_slot)
{
	uint32_t nobodys;
	int r = find_name(registry, action, ret_slot, &nobodys);

	if (r == 0)
		return 0;
	*ret_slot = nobodys;
	return nobodys < MS_ACTION_SLOTS ? 0 : take_back(registry, entry, ret_slot);
}

static int refuse_without_slot(const struct ms_plugin_entry *entry, const char *action, int r,
			       struct ms_error *err)
{
	if (r != -ENOSPC)
		return ms_error_set(err, r, "%s: no slot is found for action %s: %s", entry->name,
				    action, strerror(-r));
	return ms_error_set(err, r,
			    "%s: all %d slots for actions are taken, by plugins that are loaded "
			    "and by rules; what a rule called is free after two changes of the "
			    "policy without it",
			    entry->name, MS_ACTION_SLOTS);
}

static int load_action(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		       const struct ms_plugin_action *action, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	uint32_t slot = 0;
	char callback[96];
	int fd = -1, r = find_slot(registry, entry, action->name, &slot);

	if (r < 0)
		return refuse_without_slot(entry, action->name, r, err);
	snprintf(callback, sizeof(callback), MS_PLUGIN_CALLBACK_LOAD " %s", action->name);
	ms_plugin_note_set(registry->page, entry->name, callback);
	r = action->load(entry->self, &entry->env, &fd, &error);
	ms_plugin_note_set(registry->page, NULL, NULL);
	if (r != 0)
		return ms_plugin_host_failed(&entry->host_state, callback, r, &error, err);
	r = ms_dataplane_action_set(registry->dp, slot, action->name,
				    action->flags & MS_PLUGIN_ACTION_OBSERVES, fd, err);
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

void ms_plugin_registry_settle(struct ms_plugin_registry *registry)
{
	struct ms_dataplane_action there;

	registry->is_settled = true;
	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		if (ms_dataplane_action_get(registry->dp, slot, &there) == 0 && there.program_id &&
		    !ms_plugin_registry_owner(registry, there.name))
			ms_dataplane_action_clear(registry->dp, slot);
	}
}

/* ---- load ---- */

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
			int copy, struct ms_error *err)
{
	int r;

	registry->loading = entry->name;
	r = ms_plugin_library_open(copy, entry->name, note, registry, &entry->plugin, &entry->copy,
				   err);
	return r < 0 ? r : refuse_taken(registry, entry, err);
}

static int read_config(const struct ms_plugin_entry *entry, const struct ms_rule_action *config,
		       const char *file, struct ms_plugin_values **ret_values, struct ms_error *err)
{
	int r = ms_plugin_values_new(entry->plugin.config, entry->plugin.config_count, ret_values);

	return r < 0 ? r : ms_plugin_arguments_read(config, file, NULL, *ret_values, err);
}

static int configure(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		     const struct ms_rule_action *config, const char *file, struct ms_error *err)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	int r = read_config(entry, config, file, &values, err);

	return r < 0 ? r : create(registry, entry, values, err);
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
			const struct ms_plugin_entry *entry, const struct ms_rule_action *config,
			struct ms_error *err)
{
	const struct ms_plugin_services *services = registry->services;
	json_auto_t *values = ms_plugin_arguments_shape(config, NULL);
	uint32_t what = (provides(entry, "source") ? MS_PLUGIN_SOURCE : 0) |
			(provides(entry, "sink") ? MS_PLUGIN_SINK : 0);

	if (!values)
		return -ENOMEM;
	return services->begin_source(services->user, entry->name, what, values, err);
}

static int load_code(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		     const struct ms_rule_action *config, const char *file, int copy,
		     struct ms_error *err)
{
	int r = open_library(registry, entry, copy, err);

	if (r == 0)
		r = configure(registry, entry, config, file, err);
	if (r == 0)
		r = load_actions(registry, entry, err);
	return r < 0 ? r : start(registry, entry, err);
}

static int load(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		const struct ms_rule_action *config, const char *file, int copy,
		struct ms_error *err)
{
	int r = provides(entry, "action") ? load_code(registry, entry, config, file, copy, err)
					  : begin_source(registry, entry, config, err);

	return r < 0 ? r : ms_plugin_registry_expect(registry, entry);
}

/* What it is configured by from now on. */
static int keep_config(struct ms_plugin_entry *entry, const struct ms_rule_action *config,
		       const char *file)
{
	struct ms_rule_action *copy = NULL;
	size_t count = 0;
	char *name = file ? strdup(file) : NULL;
	int r = ms_rule_action_copy(config, 1, &copy, &count);

	if (r < 0 || (file && !name)) {
		ms_rule_action_free(copy, count);
		free(name);
		return -ENOMEM;
	}
	ms_rule_action_free(entry->config, entry->config ? 1 : 0);
	free(entry->config_file);
	entry->config = copy;
	entry->config_file = name;
	return 0;
}

static void describe(struct ms_plugin_entry *entry, json_t *description)
{
	/* A failed trial says nothing new: what is known of its actions stays. */
	if (!description)
		return;
	json_decref(entry->description);
	entry->description = json_incref(description);
}

static void set_state(struct ms_plugin_entry *entry, enum ms_plugin_state state,
		      const struct ms_error *why)
{
	entry->state = state;
	entry->since = (int64_t)time(NULL);
	entry->reason[0] = '\0';
	if (why)
		ms_error_format(why, entry->reason, sizeof(entry->reason));
}

/* Its slots are empty from here on, and its rules on their fallback. At a start not yet: the slots
 * of those whose turn is still to come have no owner either, and packets meet them. */
static void fail(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		 const struct ms_error *why)
{
	ms_plugin_registry_stop(registry, entry);
	set_state(entry, MS_PLUGIN_FAILED, why);
	if (registry->is_settled)
		ms_plugin_registry_settle(registry);
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
	entry->copy = -1;
	registry->entries[registry->n_entries++] = entry;
	return entry;
}

/* In the place of a failed one, which is kept until the next load; what is known of its actions
 * stays known. NULL = out of memory. */
static struct ms_plugin_entry *replace_entry(struct ms_plugin_registry *registry,
					     struct ms_plugin_entry *failed)
{
	struct ms_plugin_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	memcpy(entry->name, failed->name, sizeof(entry->name));
	entry->state = MS_PLUGIN_FAILED;
	entry->copy = -1;
	entry->description = json_incref(failed->description);
	if (failed->before)
		failed->before = ms_plugin_registry_free_entry(failed->before);
	entry->before = failed;
	for (size_t i = 0; i < registry->n_entries; i++) {
		if (registry->entries[i] == failed)
			registry->entries[i] = entry;
	}
	return entry;
}

struct ms_plugin_entry *ms_plugin_registry_free_entry(struct ms_plugin_entry *entry)
{
	if (entry->before)
		ms_plugin_registry_free_entry(entry->before);
	json_decref(entry->description);
	ms_rule_action_free(entry->config, entry->config ? 1 : 0);
	free(entry->config_file);
	free(entry);
	return NULL;
}

int ms_plugin_registry_suspect(const struct ms_plugin_registry *registry, const char *name,
			       struct ms_error *err)
{
	const char *callback;

	if (strcmp(ms_plugin_note_last(registry->page, &callback), name) != 0)
		return 0;
	return ms_error_set(
		err, -EFAULT,
		"%s: the last daemon ended while this plugin %s; `microsegctl plugin load %s` "
		"tries it again",
		name, callback, name);
}

int ms_plugin_registry_load(struct ms_plugin_registry *registry,
			    const struct ms_plugin_trial *trial, struct ms_error *err)
{
	const struct ms_rule_action *config = ms_plugin_trial_config(trial);
	struct ms_plugin_entry *entry = ms_plugin_registry_entry(registry, config->name);
	struct ms_error why = MS_ERROR_INIT;
	int r;

	if (entry && entry->state == MS_PLUGIN_LOADED)
		return ms_error_set(err, -EEXIST, "%s is loaded already", config->name);
	entry = entry ? replace_entry(registry, entry) : add_entry(registry, config->name, err);
	if (!entry)
		return ms_error_set(err, -ENOSPC, "%s: out of memory", config->name);
	describe(entry, ms_plugin_trial_description(trial));
	r = keep_config(entry, config, ms_plugin_trial_file(trial));
	if (r == 0)
		r = ms_plugin_trial_result(trial, &why);
	if (r == 0)
		r = load(registry, entry, config, ms_plugin_trial_file(trial),
			 ms_plugin_trial_copy(trial), &why);
	if (r == 0) {
		set_state(entry, MS_PLUGIN_LOADED, NULL);
		return 0;
	}
	ms_error_set(&why, r, "%s: %s", entry->name, strerror(-r));
	fail(registry, entry, &why);
	if (err)
		*err = why;
	return r;
}

/* ---- another configuration ---- */

static int reconfigure(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		       const struct ms_rule_action *config, const char *file, struct ms_error *err)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	struct ms_plugin_error error = { "" };
	struct ms_error why = MS_ERROR_INIT;
	int r = read_config(entry, config, file, &values, err);

	if (r < 0)
		return r;
	ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_RECONFIGURE);
	r = entry->plugin.reconfigure(entry->self, values, &error);
	ms_plugin_note_set(registry->page, NULL, NULL);
	if (r == 0)
		return 0;
	r = ms_plugin_host_failed(&entry->host_state, MS_PLUGIN_CALLBACK_RECONFIGURE, r, &error,
				  &why);
	return ms_plugin_arguments_refuse(file, ms_plugin_arguments_place(config, why.message),
					  entry->name, &why, r, err);
}

/* Its programs stay in their slots until those of the new instance take their place, and go on with
 * the maps that it keeps: no packet meets neither. */
static int replace(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
		   const struct ms_rule_action *config, const char *file, int copy,
		   struct ms_error *err)
{
	struct ms_error again = MS_ERROR_INIT;
	int before = entry->copy, r;

	ms_plugin_registry_stop(registry, entry);
	r = load(registry, entry, config, file, copy, err);
	if (r == 0)
		return 0;
	ms_error_set(err, r, "%s: %s", entry->name, strerror(-r));
	ms_plugin_registry_stop(registry, entry);
	if (load(registry, entry, entry->config, entry->config_file, before, &again) < 0)
		fail(registry, entry, &again);
	return r;
}

int ms_plugin_registry_change(struct ms_plugin_registry *registry,
			      const struct ms_rule_action *config, const char *file, int copy,
			      json_t *description, struct ms_error *err)
{
	struct ms_plugin_entry *entry = ms_plugin_registry_entry(registry, config->name);
	int r;

	if (!entry || entry->state != MS_PLUGIN_LOADED)
		return ms_error_set(err, -ENOENT, "no plugin '%s' is loaded", config->name);
	if (entry->plugin.reconfigure) {
		r = reconfigure(registry, entry, config, file, err);
	} else {
		r = replace(registry, entry, config, file, copy, err);
		if (r == 0)
			describe(entry, description);
	}
	return r < 0 ? r : keep_config(entry, config, file);
}

/* `put_back`: whom it took the place of is there again. False: there is none of that name. */
static bool take_out(struct ms_plugin_registry *registry, const char *name, bool put_back)
{
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct ms_plugin_entry *entry = registry->entries[i];

		if (strcmp(entry->name, name) != 0)
			continue;
		if (put_back && entry->before) {
			registry->entries[i] = entry->before;
			entry->before = NULL;
		} else {
			registry->entries[i] = registry->entries[--registry->n_entries];
		}
		ms_plugin_registry_settle(registry);
		ms_plugin_registry_stop(registry, entry);
		ms_plugin_registry_free_entry(entry);
		return true;
	}
	return false;
}

int ms_plugin_registry_unload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err)
{
	return take_out(registry, name, false)
		       ? 0
		       : ms_error_set(err, -ENOENT, "no plugin '%s' is loaded", name);
}

void ms_plugin_registry_undo_load(struct ms_plugin_registry *registry, const char *name)
{
	take_out(registry, name, true);
}

int ms_plugin_registry_reload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err)
{
	struct ms_plugin_entry *entry = ms_plugin_registry_entry(registry, name);

	if (!entry || entry->state != MS_PLUGIN_LOADED)
		return ms_plugin_registry_refuse_absent(registry, name, err);
	return load_actions(registry, entry, err);
}
