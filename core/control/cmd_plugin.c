/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin list, show, load, unload, reload. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "core/control/awaited.h"
#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/plugin/registry.h"
#include "core/source/follower.h"

#define USERS_SHOWN 16

/* A source that crashed too often is as failed as a plugin that could not be loaded. */
static const char *state_name(const struct ms_source_status *source,
			      const struct ms_plugin_entry *entry)
{
	return ms_plugin_registry_state(entry) == MS_PLUGIN_LOADED &&
			       source->state != MS_SOURCE_DISABLED
		       ? "loaded"
		       : "failed";
}

/* Zeroes for a plugin with actions. */
static struct ms_source_status source_of(struct ms_manager *manager,
					 const struct ms_plugin_entry *entry)
{
	const struct ms_source_follower *follower =
		ms_manager_follower(manager, ms_plugin_registry_name(entry));
	struct ms_source_status status = { .trouble = "", .last_error = "" };

	if (follower)
		ms_source_follower_status(follower, &status);
	return status;
}

/* A policy may name it a hundred thousand times. */
static json_t *shape_users(struct ms_manager *manager, const char *name, json_int_t *ret_total)
{
	const char *ids[USERS_SHOWN];
	json_t *list = json_array();
	size_t total = ms_manager_plugin_users(manager, name, ids, USERS_SHOWN);

	for (size_t i = 0; list && i < total && i < USERS_SHOWN; i++) {
		if (json_array_append_new(list, json_string(ids[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	*ret_total = (json_int_t)total;
	return list;
}

/* What a list says of it; `reason` is null for one that does its work. */
static json_t *shape_entry(struct ms_manager *manager, const struct ms_plugin_entry *entry)
{
	const char *name = ms_plugin_registry_name(entry),
		   *reason = ms_plugin_registry_reason(entry);
	json_t *plugin = ms_plugin_registry_description(entry);
	struct ms_source_status source = source_of(manager, entry);
	int64_t since = ms_plugin_registry_since(entry);
	json_int_t n_users = 0;
	json_t *users = shape_users(manager, name, &n_users);

	if (*source.last_error) {
		reason = source.last_error;
		since = source.error_since;
	} else if (*source.trouble) {
		reason = source.trouble;
		since = source.trouble_since;
	}
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:b, s:O?, s:O?, s:o, s:I, s:o}", "name", name, "state",
		state_name(&source, entry), "reason",
		*reason ? ms_message_text(reason) : json_null(), "since",
		ms_control_shape_time(since), "by_hand", ms_plugin_registry_is_by_hand(entry),
		"version", json_object_get(plugin, "version"), "provides",
		json_object_get(plugin, "provides"), "used_by", users, "used_by_total", n_users,
		"events_lost",
		source.is_sink ? json_integer((json_int_t)source.events_lost) : json_null());
}

int ms_control_cmd_plugin_list(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	const struct ms_plugin_entry *entry;
	json_auto_t *list = json_array();
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r < 0)
		return r;
	for (size_t i = 0; (entry = ms_plugin_registry_at(ms_manager_plugins(manager), i)); i++) {
		if (json_array_append_new(list, shape_entry(manager, entry)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O}", "plugins", list);
	return *ret_reply ? 0 : -ENOMEM;
}

/* `plugin` is null if nobody could describe it. */
static int answer(struct ms_manager *manager, const char *name, json_t **ret_reply,
		  struct ms_error *err)
{
	const struct ms_plugin_entry *entry =
		ms_plugin_registry_find(ms_manager_plugins(manager), name);
	struct ms_source_status source;

	if (!entry)
		return ms_plugin_registry_refuse_absent(ms_manager_plugins(manager), name, err);
	source = source_of(manager, entry);
	*ret_reply = json_pack("{s:o, s:O?, s:o, s:o}", "entry", shape_entry(manager, entry),
			       "plugin", ms_plugin_registry_description(entry), "config",
			       ms_plugin_registry_in_force(entry), "stats",
			       source.stats ? json_incref((json_t *)source.stats)
					    : ms_plugin_registry_stats(entry));
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_plugin_show(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	return r < 0 ? r : answer(manager, name, ret_reply, err);
}

static json_t *shape_loaded(struct ms_control_awaited *awaited, const struct ms_manager_done *done)
{
	json_t *reply = NULL;

	(void)done;
	snprintf(awaited->stream.audit, sizeof(awaited->stream.audit), "plugin %s loaded",
		 awaited->name);
	return answer(awaited->manager, awaited->name, &reply, NULL) < 0 ? NULL : reply;
}

int ms_control_cmd_plugin_load(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	struct ms_control_awaited *awaited;
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	(void)ret_reply;
	if (r < 0)
		return r;
	awaited = ms_control_awaited_new(manager, shape_loaded);
	if (!awaited)
		return -ENOMEM;
	snprintf(awaited->name, sizeof(awaited->name), "%s", name);
	r = ms_manager_plugin_load(manager, name, ms_control_awaited_done, awaited, err);
	if (r < 0) {
		ms_control_awaited_free(awaited);
		return r;
	}
	call->stream = &awaited->stream;
	return 0;
}

int ms_control_cmd_plugin_unload(struct ms_manager *manager, struct ms_control_call *call,
				 json_t **ret_reply, struct ms_error *err)
{
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	if (r == 0)
		r = ms_manager_plugin_unload(manager, name, err);
	if (r < 0)
		return r;
	snprintf(call->audit, sizeof(call->audit), "plugin %s unloaded", name);
	*ret_reply = json_pack("{s:s}", "name", name);
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_plugin_reload(struct ms_manager *manager, struct ms_control_call *call,
				 json_t **ret_reply, struct ms_error *err)
{
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	if (r == 0)
		r = ms_manager_plugin_reload(manager, name, err);
	if (r < 0)
		return r;
	snprintf(call->audit, sizeof(call->audit), "plugin %s reloaded", name);
	return answer(manager, name, ret_reply, err);
}
