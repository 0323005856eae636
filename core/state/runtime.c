/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define NS_PER_MS 1000000ULL

int ms_runtime_init(struct ms_runtime *runtime)
{
	*runtime = (struct ms_runtime) { .next_rule = 1 };
	runtime->rules = ms_policy_new();
	return runtime->rules ? 0 : -ENOMEM;
}

void ms_runtime_fini(struct ms_runtime *runtime)
{
	runtime->rules = ms_policy_free(runtime->rules);
	for (size_t i = 0; i < runtime->n_sets; i++) {
		free(runtime->sets[i].name);
		free(runtime->sets[i].members);
	}
	free(runtime->sets);
	for (size_t i = 0; i < runtime->n_plugins; i++)
		free(runtime->plugins[i]);
	free(runtime->plugins);
	for (size_t i = 0; i < runtime->n_overrides; i++)
		free(runtime->overrides[i].group);
	free(runtime->overrides);
	*runtime = (struct ms_runtime) { .next_rule = 1 };
}

static int copy_set(const struct ms_runtime_set *set, struct ms_runtime_set *ret_copy)
{
	struct ms_runtime_set copy = { .name = strdup(set->name) };

	copy.members = calloc(set->n_members + 1, sizeof(*copy.members));
	if (!copy.name || !copy.members) {
		free(copy.name);
		free(copy.members);
		return -ENOMEM;
	}
	if (set->n_members)
		memcpy(copy.members, set->members, set->n_members * sizeof(*copy.members));
	copy.n_members = set->n_members;
	*ret_copy = copy;
	return 0;
}

static int copy_into(const struct ms_runtime *runtime, struct ms_runtime *copy)
{
	copy->next_rule = runtime->next_rule;
	copy->rules = ms_policy_copy(runtime->rules);
	copy->sets = calloc(runtime->n_sets + 1, sizeof(*copy->sets));
	copy->plugins = calloc(runtime->n_plugins + 1, sizeof(*copy->plugins));
	copy->overrides = calloc(runtime->n_overrides + 1, sizeof(*copy->overrides));
	if (!copy->rules || !copy->sets || !copy->plugins || !copy->overrides)
		return -ENOMEM;
	for (size_t i = 0; i < runtime->n_sets; i++) {
		int r = copy_set(&runtime->sets[i], &copy->sets[i]);

		if (r < 0)
			return r;
		copy->n_sets++;
	}
	for (size_t i = 0; i < runtime->n_plugins; i++) {
		copy->plugins[i] = strdup(runtime->plugins[i]);
		if (!copy->plugins[i])
			return -ENOMEM;
		copy->n_plugins++;
	}
	for (size_t i = 0; i < runtime->n_overrides; i++) {
		copy->overrides[i] = runtime->overrides[i];
		copy->overrides[i].group = strdup(runtime->overrides[i].group);
		if (!copy->overrides[i].group)
			return -ENOMEM;
		copy->n_overrides++;
	}
	return 0;
}

int ms_runtime_copy(const struct ms_runtime *runtime, struct ms_runtime *ret_copy)
{
	struct ms_runtime copy = { 0 };
	int r = copy_into(runtime, &copy);

	if (r < 0) {
		ms_runtime_fini(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}

struct ms_runtime_set *ms_runtime_find_set(const struct ms_runtime *runtime, const char *name)
{
	for (size_t i = 0; i < runtime->n_sets; i++) {
		if (strcmp(runtime->sets[i].name, name) == 0)
			return &runtime->sets[i];
	}
	return NULL;
}

static struct ms_runtime_set *make_set(struct ms_runtime *runtime, const char *name)
{
	struct ms_runtime_set *sets =
		reallocarray(runtime->sets, runtime->n_sets + 1, sizeof(*sets));
	struct ms_runtime_set set = { .name = strdup(name) };

	if (sets)
		runtime->sets = sets;
	if (!sets || !set.name) {
		free(set.name);
		return NULL;
	}
	sets[runtime->n_sets] = set;
	return &sets[runtime->n_sets++];
}

/* The index of `member`, or where it belongs. */
static size_t position(const struct ms_runtime_set *set, const struct ms_cidr *member,
		       bool *ret_found)
{
	size_t low = 0, high = set->n_members;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = ms_cidr_compare(&set->members[middle].cidr, member);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Names are few and members many: a member has its plugin's place among the names, from 1 on. */
static int find_plugin(struct ms_runtime *runtime, const char *plugin, uint16_t *ret_plugin)
{
	char **plugins, *name;
	size_t at = 0;

	while (plugin && at < runtime->n_plugins && strcmp(runtime->plugins[at], plugin) != 0)
		at++;
	if (!plugin || at < runtime->n_plugins) {
		*ret_plugin = plugin ? (uint16_t)(at + 1) : 0;
		return 0;
	}
	if (at == UINT16_MAX)
		return -ENOSPC;
	plugins = reallocarray(runtime->plugins, at + 1, sizeof(*plugins));
	if (plugins)
		runtime->plugins = plugins;
	name = strdup(plugin);
	if (!plugins || !name) {
		free(name);
		return -ENOMEM;
	}
	plugins[runtime->n_plugins++] = name;
	*ret_plugin = (uint16_t)runtime->n_plugins;
	return 0;
}

const char *ms_runtime_put_by(const struct ms_runtime *runtime,
			      const struct ms_runtime_member *member)
{
	return member->plugin ? runtime->plugins[member->plugin - 1] : NULL;
}

int ms_runtime_set_add(struct ms_runtime *runtime, const char *name, const struct ms_cidr *member,
		       int64_t expires_ms, const char *plugin)
{
	struct ms_runtime_set *set = ms_runtime_find_set(runtime, name);
	struct ms_runtime_member *members;
	uint16_t put_by;
	bool found;
	size_t at;
	int r = find_plugin(runtime, plugin, &put_by);

	if (r < 0)
		return r;
	if (!set)
		set = make_set(runtime, name);
	if (!set)
		return -ENOMEM;
	at = position(set, member, &found);
	if (!found) {
		members = reallocarray(set->members, set->n_members + 1, sizeof(*members));
		if (!members)
			return -ENOMEM;
		set->members = members;
		memmove(&members[at + 1], &members[at], (set->n_members - at) * sizeof(*members));
		set->n_members++;
	}
	set->members[at] = (struct ms_runtime_member) {
		.cidr = *member,
		.plugin = put_by,
		.expires_ms = expires_ms,
	};
	return 0;
}

static void drop_member(struct ms_runtime_set *set, size_t at)
{
	set->n_members--;
	memmove(&set->members[at], &set->members[at + 1],
		(set->n_members - at) * sizeof(*set->members));
}

const struct ms_runtime_member *ms_runtime_find_member(const struct ms_runtime *runtime,
						       const char *name,
						       const struct ms_cidr *member)
{
	const struct ms_runtime_set *set = ms_runtime_find_set(runtime, name);
	bool found = false;
	size_t at = set ? position(set, member, &found) : 0;

	return found ? &set->members[at] : NULL;
}

int ms_runtime_set_remove(struct ms_runtime *runtime, const char *name,
			  const struct ms_cidr *member)
{
	struct ms_runtime_set *set = ms_runtime_find_set(runtime, name);
	bool found = false;
	size_t at;

	if (!set)
		return -ENOENT;
	at = position(set, member, &found);
	if (!found)
		return -ENOENT;
	drop_member(set, at);
	return 0;
}

void ms_runtime_forget_set(struct ms_runtime *runtime, const char *name)
{
	struct ms_runtime_set *set = ms_runtime_find_set(runtime, name);

	if (!set)
		return;
	free(set->name);
	free(set->members);
	*set = runtime->sets[--runtime->n_sets];
}

size_t ms_runtime_expire_members(struct ms_runtime *runtime, int64_t now_ms)
{
	size_t expired = 0;

	for (size_t i = 0; i < runtime->n_sets; i++) {
		struct ms_runtime_set *set = &runtime->sets[i];
		size_t kept = 0;

		for (size_t m = 0; m < set->n_members; m++) {
			if (set->members[m].expires_ms && set->members[m].expires_ms <= now_ms)
				expired++;
			else
				set->members[kept++] = set->members[m];
		}
		set->n_members = kept;
	}
	return expired;
}

int64_t ms_runtime_next_member_expiry(const struct ms_runtime *runtime)
{
	int64_t next = 0;

	for (size_t i = 0; i < runtime->n_sets; i++) {
		for (size_t m = 0; m < runtime->sets[i].n_members; m++) {
			int64_t expires = runtime->sets[i].members[m].expires_ms;

			if (expires && (!next || expires < next))
				next = expires;
		}
	}
	return next;
}

size_t ms_runtime_expire_rules(struct ms_runtime *runtime, int64_t now)
{
	struct ms_policy *rules = runtime->rules;
	size_t kept = 0, expired;

	for (size_t i = 0; i < rules->n_rules; i++) {
		if (rules->rules[i].expires && rules->rules[i].expires <= now)
			ms_rule_fini(&rules->rules[i]);
		else
			rules->rules[kept++] = rules->rules[i];
	}
	expired = rules->n_rules - kept;
	rules->n_rules = kept;
	return expired;
}

const struct ms_runtime_override *ms_runtime_find_override(const struct ms_runtime *runtime,
							   const char *group)
{
	for (size_t i = 0; i < runtime->n_overrides; i++) {
		if (strcmp(runtime->overrides[i].group, group) == 0)
			return &runtime->overrides[i];
	}
	return NULL;
}

static int override(struct ms_runtime *runtime, const char *group,
		    struct ms_runtime_override **ret_override)
{
	struct ms_runtime_override *overrides;
	char *name;

	*ret_override = (struct ms_runtime_override *)ms_runtime_find_override(runtime, group);
	if (*ret_override)
		return 0;
	overrides = reallocarray(runtime->overrides, runtime->n_overrides + 1, sizeof(*overrides));
	if (overrides)
		runtime->overrides = overrides;
	name = strdup(group);
	if (!overrides || !name) {
		free(name);
		return -ENOMEM;
	}
	*ret_override = &overrides[runtime->n_overrides++];
	**ret_override = (struct ms_runtime_override) { .group = name, .mode = MS_MODE_INHERIT };
	return 0;
}

int ms_runtime_set_mode(struct ms_runtime *runtime, const char *group, enum ms_mode mode)
{
	struct ms_runtime_override *of;
	int r = override(runtime, group, &of);

	if (r == 0)
		of->mode = mode;
	return r;
}

int ms_runtime_set_panic(struct ms_runtime *runtime, const char *group, enum ms_panic panic)
{
	struct ms_runtime_override *of;
	int r = override(runtime, group, &of);

	if (r < 0)
		return r;
	for (size_t i = 0; !*group && i < runtime->n_overrides; i++)
		runtime->overrides[i].panic = MS_PANIC_OFF;
	of->panic = panic;
	return 0;
}

static int export_set(const struct ms_runtime_set *set, int64_t now_ms, struct ms_set_def *def)
{
	def->origin = (struct ms_origin) { .source = MS_SOURCE_RUNTIME };
	def->name = strdup(set->name);
	def->members = calloc(set->n_members + 1, sizeof(*def->members));
	if (!def->name || !def->members)
		return -ENOMEM;
	for (size_t m = 0; m < set->n_members; m++) {
		int64_t left_ms = set->members[m].expires_ms - now_ms;

		if (set->members[m].expires_ms && left_ms <= 0)
			continue;
		def->members[def->n_members++] = (struct ms_set_member) {
			.cidr = set->members[m].cidr,
			.timeout_ns =
				set->members[m].expires_ms ? (uint64_t)left_ms * NS_PER_MS : 0,
			.origin = { .source = MS_SOURCE_RUNTIME },
		};
	}
	return 0;
}

static void free_sets(struct ms_set_def *sets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ms_set_def_fini(&sets[i]);
	free(sets);
}

int ms_runtime_export_sets(const struct ms_runtime *runtime, int64_t now_ms,
			   struct ms_policy *policy)
{
	struct ms_set_def *sets = calloc(runtime->n_sets + 1, sizeof(*sets));
	int r = sets ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < runtime->n_sets; i++)
		r = export_set(&runtime->sets[i], now_ms, &sets[i]);
	if (r < 0) {
		free_sets(sets, sets ? runtime->n_sets : 0);
		return r;
	}
	free_sets(policy->sets, policy->n_sets);
	policy->sets = sets;
	policy->n_sets = runtime->n_sets;
	return 0;
}

int ms_runtime_policy(const struct ms_runtime *runtime, int64_t now_ms,
		      struct ms_policy **ret_policy)
{
	struct ms_policy *policy = ms_policy_copy(runtime->rules);
	int r = policy ? ms_runtime_export_sets(runtime, now_ms, policy) : -ENOMEM;

	if (r < 0) {
		ms_policy_free(policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}
