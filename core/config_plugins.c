/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/config_plugins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/config.h"
#include "core/policy/array.h"
#include "core/policy/rule_action.h"

int ms_config_plugins_read(const struct ms_config *config, struct ms_config_plugins *ret_plugins,
			   struct ms_error *err)
{
	ms_cleanup(ms_config_fini) struct ms_config now = { 0 };
	int r = ms_config_init(&now);

	if (r == 0 && config->file)
		r = ms_config_read(&now, config->file, err);
	if (r == -ENOENT && !config->file_must_be) {
		if (err)
			*err = (struct ms_error)MS_ERROR_INIT;
		r = 0;
	}
	if (r < 0)
		return ms_error_set(err, r, "cannot read %s: %s",
				    config->file ? config->file : "the configuration",
				    strerror(-r));
	*ret_plugins = now.plugins;
	now.plugins = (struct ms_config_plugins) { 0 };
	return 0;
}

int ms_config_plugins_copy(const struct ms_config_plugins *from,
			   struct ms_config_plugins *ret_plugins)
{
	struct ms_config_plugins copy = { .before = from->before };
	int r = ms_rule_action_copy(from->list, from->count, &copy.list, &copy.count);

	if (r == 0 && from->file && !(copy.file = strdup(from->file)))
		r = -ENOMEM;
	if (r < 0) {
		ms_config_plugins_fini(&copy);
		return r;
	}
	*ret_plugins = copy;
	return 0;
}

void ms_config_plugins_fini(struct ms_config_plugins *plugins)
{
	ms_rule_action_free(plugins->list, plugins->count);
	free(plugins->file);
	*plugins = (struct ms_config_plugins) { 0 };
}

/* -ENOENT */
static int find(const struct ms_config_plugins *plugins, const char *name)
{
	for (size_t i = 0; i < plugins->count; i++) {
		if (strcmp(plugins->list[i].name, name) == 0)
			return (int)i;
	}
	return -ENOENT;
}

static void set_before(struct ms_config_plugins *plugins, int at, bool is_before)
{
	if (is_before)
		plugins->before |= 1ull << at;
	else
		plugins->before &= ~(1ull << at);
}

/* The last one, to its place among those of `order`; the others are behind all that it has. */
static int move_up(struct ms_config_plugins *plugins, const struct ms_config_plugins *order)
{
	size_t at = plugins->count - 1;
	struct ms_rule_action moved = plugins->list[at];
	size_t rank = ms_config_plugins_rank(order, moved.name);

	for (; at > 0 && ms_config_plugins_rank(order, plugins->list[at - 1].name) > rank; at--) {
		plugins->list[at] = plugins->list[at - 1];
		set_before(plugins, (int)at, plugins->before >> (at - 1) & 1);
	}
	plugins->list[at] = moved;
	return (int)at;
}

int ms_config_plugins_put(struct ms_config_plugins *into, const struct ms_config_plugins *from,
			  const char *name)
{
	const struct ms_rule_action *what = ms_config_plugins_find(from, name);
	struct ms_rule_action *copy = NULL;
	size_t count = 0;
	int at = find(into, name), r;

	if (!what)
		return 0;
	if (at < 0 && into->count == MS_CONFIG_PLUGINS_MAX)
		return -ENOSPC;
	r = ms_rule_action_copy(what, 1, &copy, &count);
	if (r == 0 && at >= 0) {
		ms_rule_action_fini(&into->list[at]);
		into->list[at] = *copy;
	} else if (r == 0) {
		r = ms_array_append(&into->list, &into->count, *copy);
		if (r == 0)
			at = move_up(into, from);
	}
	if (r < 0) {
		ms_rule_action_free(copy, count);
		return r;
	}
	free(copy);
	set_before(into, at, ms_config_plugins_is_before(from, name));
	return 0;
}

const struct ms_rule_action *ms_config_plugins_find(const struct ms_config_plugins *plugins,
						    const char *name)
{
	int at = find(plugins, name);

	return at < 0 ? NULL : &plugins->list[at];
}

size_t ms_config_plugins_rank(const struct ms_config_plugins *plugins, const char *name)
{
	int at = find(plugins, name);

	return at < 0 ? plugins->count : (size_t)at;
}

bool ms_config_plugins_is_before(const struct ms_config_plugins *plugins, const char *name)
{
	int at = find(plugins, name);

	return at >= 0 && plugins->before >> at & 1;
}

bool ms_config_plugins_same_order(const struct ms_config_plugins *a,
				  const struct ms_config_plugins *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (strcmp(a->list[i].name, b->list[i].name) != 0)
			return false;
	}
	return a->count == b->count;
}
