/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/describe.h"

#include <string.h>

#include "core/base/cleanup.h"

static const char *const type_names[] = {
	[MS_PLUGIN_BOOL] = "bool", [MS_PLUGIN_UINT] = "uint",   [MS_PLUGIN_DURATION] = "duration",
	[MS_PLUGIN_RATE] = "rate", [MS_PLUGIN_BYTES] = "bytes", [MS_PLUGIN_STRING] = "string",
	[MS_PLUGIN_ENUM] = "enum", [MS_PLUGIN_CIDR] = "cidr",   [MS_PLUGIN_IFNAME] = "ifname",
	[MS_PLUGIN_SET] = "set",   [MS_PLUGIN_GROUP] = "group",
};

bool ms_plugin_describe_type(const char *name, uint32_t *ret_type)
{
	for (uint32_t i = 0; name && i < ms_array_size(type_names); i++) {
		if (type_names[i] && strcmp(type_names[i], name) == 0) {
			*ret_type = i;
			return true;
		}
	}
	return false;
}

static json_t *describe_words(const char *const *words)
{
	json_t *list;

	if (!words)
		return json_null();
	list = json_array();
	for (size_t i = 0; list && words[i]; i++) {
		if (json_array_append_new(list, json_string(words[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Numbers beyond JSON's are said as the largest of them. */
static json_int_t number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static json_t *describe_item(const struct ms_plugin_item *item)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:s?}", "name",
			 item->name, "help", item->help, "type", type_names[item->type], "required",
			 !!(item->flags & MS_PLUGIN_REQUIRED), "list",
			 !!(item->flags & MS_PLUGIN_LIST), "secret",
			 !!(item->flags & MS_PLUGIN_SECRET), "file",
			 !!(item->flags & MS_PLUGIN_FILE), "min", number(item->min), "max",
			 item->max ? json_integer(number(item->max)) : json_null(), "words",
			 describe_words(item->words), "default", item->def);
}

static json_t *describe_items(const struct ms_plugin_item *items, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < count; i++) {
		if (json_array_append_new(list, describe_item(&items[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *describe_action(const struct ms_plugin_action *action)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:o, s:s?}", "name", action->name, "help",
			 action->help, "ends", !!(action->flags & MS_PLUGIN_ACTION_ENDS), "takes",
			 !!(action->flags & MS_PLUGIN_ACTION_TAKES), "modifies",
			 !!(action->flags & MS_PLUGIN_ACTION_MODIFY), "observes",
			 !!(action->flags & MS_PLUGIN_ACTION_OBSERVES), "args",
			 describe_items(action->args, action->arg_count), "short_arg",
			 action->short_arg);
}

static json_t *describe_actions(const struct ms_plugin *plugin)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < plugin->action_count; i++) {
		if (json_array_append_new(list, describe_action(&plugin->actions[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The names of the bits that are set. */
static json_t *describe_bits(uint32_t bits, const char *const *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		if ((bits & (1u << i)) && json_array_append_new(list, json_string(names[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *ms_plugin_describe(const struct ms_plugin *plugin)
{
	static const char *const kinds[] = { "action", "source", "sink" };
	static const char *const needs[] = {
		"unix", "inet", "listen", "files", "write", "threads"
	};
	char abi[32];

	snprintf(abi, sizeof(abi), "%u.%u", plugin->abi_major, plugin->abi_minor);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s?, s:s?}", "name",
			 plugin->name, "version", plugin->version, "summary", plugin->summary,
			 "license", plugin->license, "abi", abi, "provides",
			 describe_bits(plugin->provides, kinds, ms_array_size(kinds)), "needs",
			 describe_bits(plugin->needs, needs, ms_array_size(needs)), "config",
			 describe_items(plugin->config, plugin->config_count), "actions",
			 describe_actions(plugin), "source",
			 plugin->source ? plugin->source->help : NULL, "sink",
			 plugin->sink ? plugin->sink->help : NULL);
}
