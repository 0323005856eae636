/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct ms_plugin_registry, shared by the files registry*.c and nobody else. */
#ifndef MS_CORE_PLUGIN_REGISTRY_PRIVATE_H
#define MS_CORE_PLUGIN_REGISTRY_PRIVATE_H

#include "core/plugin/descriptor.h"
#include "core/plugin/registry.h"

#define MS_PLUGIN_REGISTRY_MAX 64

struct ms_plugin_entry {
	char name[MS_PLUGIN_NAME_MAX + 1];
	enum ms_plugin_state state;
	int64_t since; /* it is in that state; seconds since 1970 */
	char reason[512];
	json_t *description;
	struct ms_rule_action *config; /* one; NULL = out of memory */
	char *config_file;             /* where it stands */
	/* The failed one that the last load put this in the place of, NULL = none. */
	struct ms_plugin_entry *before;

	/* Of a loaded one. */
	int copy; /* of its code, open for life; -1 = its code is not in this process */
	struct ms_plugin plugin;
	struct ms_plugin_host host;
	struct ms_plugin_host_state host_state;
	struct ms_plugin_env env; /* its pin_dir_fd is ours */
	void *self;
	uint8_t slots[MS_PLUGIN_DESCRIPTOR_ACTIONS_MAX]; /* of its actions */
	bool is_served, is_created, is_started;
};

/* A rule in force names an action of a loaded plugin. */
struct ms_plugin_registry_named {
	uint32_t rule;
	struct ms_plugin_entry *entry;
	const struct ms_plugin_action *action;
};

struct ms_plugin_registry {
	char folder[512];
	struct ms_dataplane *dp;
	struct ms_plugin_page *page;
	struct ms_dataplane_shared_map shared[MS_DATAPLANE_SHARED_MAPS];
	struct ms_plugin_map maps[MS_DATAPLANE_SHARED_MAPS];
	struct ms_plugin_entry *entries[MS_PLUGIN_REGISTRY_MAX];
	size_t n_entries;
	const struct ms_plugin_services *services; /* NULL = none */
	const char *loading;                       /* the plugin whose library is being opened */
	struct ms_plugin_registry_named *named;    /* sorted */
	size_t n_named;
	uint32_t *known; /* rules that had actions when the daemon started, or since */
	size_t n_known;
	bool is_settled; /* the plugins of the start are all there, or failed */
};

/* NULL = there is none. */
struct ms_plugin_entry *ms_plugin_registry_entry(const struct ms_plugin_registry *registry,
						 const char *name);
/* The loaded plugin that has the action. NULL = none */
struct ms_plugin_entry *ms_plugin_registry_owner(const struct ms_plugin_registry *registry,
						 const char *action);
/* NULL = it has none of that name. */
const struct ms_plugin_action *ms_plugin_registry_action(const struct ms_plugin_entry *entry,
							 const char *name);
/* registry_load.c: ends what of it is there; its programs stay in their slots. */
void ms_plugin_registry_stop(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry);
/* Of one that is stopped. Returns NULL. */
struct ms_plugin_entry *ms_plugin_registry_free_entry(struct ms_plugin_entry *entry);
/* registry_use.c, of one that is loaded: it may have kept state of the rules that had actions when
 * the daemon started, or since, so with the next use it is told of those that do not name it. */
int ms_plugin_registry_expect(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry);
/* Of a plugin that ends: no rule names what it had. */
void ms_plugin_registry_unname(struct ms_plugin_registry *registry,
			       const struct ms_plugin_entry *entry);

#endif
