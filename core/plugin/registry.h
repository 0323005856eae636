/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plugins of the daemon and what became of each: loaded, or failed with the reason. Its
 * actions' programs stand in the datapath's slots by name, so they outlive the daemon, and the next
 * one finds the same slots again.
 *
 * Every plugin is tried in a process of its own first (probe). Before a callback of a loaded one
 * its name is noted in a file that is mapped, which costs no system call and survives a crash: the
 * next daemon finds it and leaves that plugin alone, with its slots empty and its rules on their
 * fallback, until somebody loads it.
 *
 * Runs on the loop's thread, and so do all callbacks. A worker may ask which actions there are
 * while the loop leaves the registry alone.
 */
#ifndef MS_CORE_PLUGIN_REGISTRY_H
#define MS_CORE_PLUGIN_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/plugin/host.h"
#include "core/plugin/trial.h"
#include "core/policy/rule_action.h"
#include "microseg/chain.h"

enum ms_plugin_state { MS_PLUGIN_LOADED, MS_PLUGIN_FAILED };

struct ms_plugin_entry;
struct ms_plugin_registry;

/* `folder` (NULL = the installation's), `dp` are borrowed; `state_dir` has the note. */
int ms_plugin_registry_new(const char *folder, const char *state_dir, struct ms_dataplane *dp,
			   struct ms_plugin_registry **ret_registry, struct ms_error *err);

/* What a plugin may ask of the daemon, filled in by who owns the rest of it. */
struct ms_plugin_services {
	void *user;
	/* A source or sink (`provides` as in struct ms_plugin): it lives in a process of its own,
	 * which begins here. `config` is lent, lists of texts by item. */
	int (*begin_source)(void *user, const char *name, uint32_t provides, const json_t *config,
			    struct ms_error *err);
	/* Before create(): sets functions of the table and host->state->services. 0 or -errno. */
	int (*begin)(void *user, struct ms_plugin_host *host);
	/* After stop(): nothing calls the plugin any more. */
	void (*quiet)(struct ms_plugin_host *host);
	/* After destroy(). */
	void (*end)(struct ms_plugin_host *host);
};
/* Before the first load; `services` is borrowed. */
void ms_plugin_registry_serve(struct ms_plugin_registry *registry,
			      const struct ms_plugin_services *services);
/* Stops and destroys what is loaded; the slots stay as they are. Returns NULL. */
struct ms_plugin_registry *ms_plugin_registry_free(struct ms_plugin_registry *registry);

/* -EFAULT: the last daemon ended in a callback of this plugin, so a start leaves it alone. */
int ms_plugin_registry_suspect(const struct ms_plugin_registry *registry, const char *name,
			       struct ms_error *err);
/*
 * Loads the plugin whose trial is over, as it was configured there. On failure, that of the trial
 * too, there is an entry, failed with the reason, which `err` has too, and its slots are empty, if
 * not yet at a start then by ms_plugin_registry_settle().
 */
int ms_plugin_registry_load(struct ms_plugin_registry *registry,
			    const struct ms_plugin_trial *trial, struct ms_error *err);
/* As if the last load of this plugin had not been: it is failed as it was, or not there. */
void ms_plugin_registry_undo_load(struct ms_plugin_registry *registry, const char *name);
/*
 * Gives a loaded one another configuration, which is copied; `file` is where it stands: by its
 * reconfigure(), or by a new instance of it whose programs take the place of the old. That one is
 * of `copy`, which may be another than before; `description` is what it says of itself (kept). On
 * failure it goes on as it was; if it cannot do even that, it is failed with the reason.
 */
int ms_plugin_registry_change(struct ms_plugin_registry *registry,
			      const struct ms_rule_action *config, const char *file, int copy,
			      json_t *description, struct ms_error *err);
/* Ends it and empties its slots: -ENOENT, no such entry. The caller knows that nobody uses it. */
int ms_plugin_registry_unload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err);
/* New programs in the place of the old without a packet that meets neither. On failure the old ones
 * go on. */
int ms_plugin_registry_reload(struct ms_plugin_registry *registry, const char *name,
			      struct ms_error *err);
/* After the plugins of a start: programs of actions that no plugin has any more go. */
void ms_plugin_registry_settle(struct ms_plugin_registry *registry);

/* For ms_encoding_new(). -ENOENT: no loaded plugin has the action; -EINVAL: with the place of the
 * argument that it does not take, or that names a set which `policy` does not have, or only of a
 * source unless the rule is a source's. */
int ms_plugin_registry_encode(struct ms_plugin_registry *registry, const struct ms_policy *policy,
			      const struct ms_rule *rule, const struct ms_rule_action *action,
			      struct ms_rule_action_call *ret_call, struct ms_error *err);

/* What descriptions of plugins that are there, loaded or failed, say of actions. Valid as long as
 * the registry. */
struct ms_rule_action_known ms_plugin_registry_known(const struct ms_plugin_registry *registry);
/* Whether a file of the plugin of this name lies in the folder. */
bool ms_plugin_registry_has_file(const struct ms_plugin_registry *registry, const char *name);
/* -ENOENT: it is not loaded; and what to do if its file is there. */
int ms_plugin_registry_refuse_absent(const struct ms_plugin_registry *registry, const char *name,
				     struct ms_error *err);

/* A rule in force, by the number that programs know, names an action. */
struct ms_plugin_registry_use {
	uint32_t rule;
	const struct ms_rule_action *action;
	const struct ms_action_args *args; /* as they are in force; NULL = no plugin had it then */
};
/* All that rules in force name, after every change of them; `uses` is lent.
 * Whom a rule named before is told that it is gone, and who has an in_force() what is there. Short
 * of memory: -ENOMEM, and told with the next change. */
int ms_plugin_registry_use(struct ms_plugin_registry *registry,
			   const struct ms_plugin_registry_use *uses, size_t count);
/* Does an action that this rule names want its events? */
bool ms_plugin_registry_listens(const struct ms_plugin_registry *registry, uint32_t rule);
void ms_plugin_registry_tell(struct ms_plugin_registry *registry, uint32_t rule,
			     const struct ms_plugin_event *event);

/* By index, NULL behind the last. */
const struct ms_plugin_entry *ms_plugin_registry_at(const struct ms_plugin_registry *registry,
						    size_t index);
const struct ms_plugin_entry *ms_plugin_registry_find(const struct ms_plugin_registry *registry,
						      const char *name);
const char *ms_plugin_registry_name(const struct ms_plugin_entry *entry);
enum ms_plugin_state ms_plugin_registry_state(const struct ms_plugin_entry *entry);
/* Why it is failed, or, of a loaded one, why it cannot do its work; "" = all is well. */
const char *ms_plugin_registry_reason(const struct ms_plugin_entry *entry);
int64_t ms_plugin_registry_since(const struct ms_plugin_entry *entry); /* seconds since 1970 */
/* What it is configured by, or would be; NULL = out of memory then. */
const struct ms_rule_action *ms_plugin_registry_config(const struct ms_plugin_entry *entry);
/* Somebody loaded it and no file names it: a reload leaves it as it is. */
bool ms_plugin_registry_is_by_hand(const struct ms_plugin_entry *entry);
/* What it is configured by as ms_plugin_arguments_in_force() has it; the caller owns it. */
json_t *ms_plugin_registry_in_force(const struct ms_plugin_entry *entry);
/* What its code was read from, for ms_plugin_registry_change(); -1 = it is not in this process. */
int ms_plugin_registry_copy(const struct ms_plugin_entry *entry);
/* As the probe described it; NULL = nobody could. Borrowed. */
json_t *ms_plugin_registry_description(const struct ms_plugin_entry *entry);
/* Its statistics, an array the caller owns; empty if it has none. NULL = out of memory. */
json_t *ms_plugin_registry_stats(const struct ms_plugin_entry *entry);
/* Whether it says of itself that it has the action, also if it failed. */
bool ms_plugin_registry_describes(const struct ms_plugin_entry *entry, const char *action);
/* Whether it takes another configuration as it is, without another instance of it. */
bool ms_plugin_registry_reconfigures(const struct ms_plugin_entry *entry);
/* Whether it has it in force. */
bool ms_plugin_registry_has_action(const struct ms_plugin_entry *entry, const char *action);

#endif
