/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which rules name which action, and what actions are told of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/callback.h"
#include "core/plugin/note.h"
#include "core/plugin/registry_private.h"

static int by_number(uintptr_t a, uintptr_t b)
{
	return (a > b) - (a < b);
}

/* Rules of one number lie together. */
static int by_rule(const void *a, const void *b)
{
	const struct ms_plugin_registry_named *left = a, *right = b;
	int order = by_number(left->rule, right->rule);

	return order ? order : by_number((uintptr_t)left->action, (uintptr_t)right->action);
}

static size_t sort(struct ms_plugin_registry_named *named, size_t count)
{
	size_t kept = 0;

	qsort(named, count, sizeof(*named), by_rule);
	/* A list may have an action twice. */
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || by_rule(&named[kept - 1], &named[i]) != 0)
			named[kept++] = named[i];
	}
	return kept;
}

static void tell_gone(struct ms_plugin_registry *registry,
		      const struct ms_plugin_registry_named *gone)
{
	if (!gone->action->rule_gone)
		return;
	ms_plugin_note_set(registry->page, gone->entry->name, MS_PLUGIN_CALLBACK_RULE_GONE);
	gone->action->rule_gone(gone->entry->self, gone->rule);
	ms_plugin_note_set(registry->page, NULL, NULL);
}

static int by_value(const void *a, const void *b)
{
	return by_number(*(const uint32_t *)a, *(const uint32_t *)b);
}

/* A plugin that comes later, or again, may have kept state of any of them. */
static int remember(struct ms_plugin_registry *registry,
		    const struct ms_plugin_registry_named *named, size_t count)
{
	uint32_t *known =
		reallocarray(registry->known, registry->n_known + count + 1, sizeof(*known));
	size_t n_all = registry->n_known, kept = 0;

	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		known[n_all++] = named[i].rule;
	qsort(known, n_all, sizeof(*known), by_value);
	for (size_t i = 0; i < n_all; i++) {
		if (kept == 0 || known[kept - 1] != known[i])
			known[kept++] = known[i];
	}
	registry->known = known;
	registry->n_known = kept;
	return 0;
}

static int tell_in_force(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry,
			 const struct ms_plugin_action *action,
			 const struct ms_plugin_registry_use *uses, size_t count)
{
	ms_cleanup(ms_free) struct ms_plugin_in_force *rules = calloc(count + 1, sizeof(*rules));
	size_t n_rules = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(uses[i].action->name, action->name) != 0 || !uses[i].args)
			continue;
		rules[n_rules].rule = uses[i].rule;
		memcpy(rules[n_rules++].args, uses[i].args->bytes, sizeof(uses[i].args->bytes));
	}
	ms_plugin_note_set(registry->page, entry->name, MS_PLUGIN_CALLBACK_IN_FORCE);
	action->in_force(entry->self, rules, n_rules);
	ms_plugin_note_set(registry->page, NULL, NULL);
	return 0;
}

static int tell_all_in_force(struct ms_plugin_registry *registry,
			     const struct ms_plugin_registry_use *uses, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < registry->n_entries; i++) {
		struct ms_plugin_entry *entry = registry->entries[i];

		if (entry->state != MS_PLUGIN_LOADED)
			continue;
		for (uint32_t j = 0; r == 0 && j < entry->plugin.action_count; j++) {
			const struct ms_plugin_action *action = &entry->plugin.actions[j];

			if (action->in_force)
				r = tell_in_force(registry, entry, action, uses, count);
		}
	}
	return r;
}

int ms_plugin_registry_use(struct ms_plugin_registry *registry,
			   const struct ms_plugin_registry_use *uses, size_t count)
{
	struct ms_plugin_registry_named *before = registry->named;
	struct ms_plugin_registry_named *now = calloc(count + 1, sizeof(*now));
	size_t n_before = registry->n_named, n_now = 0;

	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct ms_plugin_entry *entry =
			ms_plugin_registry_owner(registry, uses[i].action->name);

		if (entry)
			now[n_now++] = (struct ms_plugin_registry_named) {
				.rule = uses[i].rule,
				.entry = entry,
				.action = ms_plugin_registry_action(entry, uses[i].action->name),
			};
	}
	n_now = sort(now, n_now);
	if (remember(registry, now, n_now) < 0) {
		free(now);
		return -ENOMEM;
	}
	registry->named = now;
	registry->n_named = n_now;
	for (size_t i = 0; i < n_before; i++) {
		if (!bsearch(&before[i], now, n_now, sizeof(*now), by_rule))
			tell_gone(registry, &before[i]);
	}
	free(before);
	return tell_all_in_force(registry, uses, count);
}

int ms_plugin_registry_expect(struct ms_plugin_registry *registry, struct ms_plugin_entry *entry)
{
	size_t n_known = registry->n_known, count = registry->n_named;
	struct ms_plugin_registry_named *named = reallocarray(
		registry->named, count + entry->plugin.action_count * n_known + 1, sizeof(*named));

	if (!named)
		return -ENOMEM;
	for (uint32_t i = 0; i < entry->plugin.action_count; i++) {
		for (size_t j = 0; entry->plugin.actions[i].rule_gone && j < n_known; j++)
			named[count++] = (struct ms_plugin_registry_named) {
				.rule = registry->known[j],
				.entry = entry,
				.action = &entry->plugin.actions[i],
			};
	}
	registry->named = named;
	registry->n_named = sort(named, count);
	return 0;
}

void ms_plugin_registry_unname(struct ms_plugin_registry *registry,
			       const struct ms_plugin_entry *entry)
{
	size_t kept = 0;

	for (size_t i = 0; i < registry->n_named; i++) {
		if (registry->named[i].entry != entry)
			registry->named[kept++] = registry->named[i];
	}
	registry->n_named = kept;
}

/* The first of this rule; n_named = none. */
static size_t find_rule(const struct ms_plugin_registry *registry, uint32_t rule)
{
	size_t low = 0, high = registry->n_named;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (registry->named[middle].rule < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ms_plugin_registry_listens(const struct ms_plugin_registry *registry, uint32_t rule)
{
	for (size_t i = find_rule(registry, rule);
	     i < registry->n_named && registry->named[i].rule == rule; i++) {
		if (registry->named[i].action->on_event)
			return true;
	}
	return false;
}

void ms_plugin_registry_tell(struct ms_plugin_registry *registry, uint32_t rule,
			     const struct ms_plugin_event *event)
{
	for (size_t i = find_rule(registry, rule);
	     i < registry->n_named && registry->named[i].rule == rule; i++) {
		const struct ms_plugin_registry_named *named = &registry->named[i];

		if (!named->action->on_event)
			continue;
		ms_plugin_note_set(registry->page, named->entry->name, MS_PLUGIN_CALLBACK_EVENT);
		named->action->on_event(named->entry->self, event);
		ms_plugin_note_set(registry->page, NULL, NULL);
	}
}
