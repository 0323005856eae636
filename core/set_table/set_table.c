/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/set_table/set_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/plural.h"
#include "core/set_table/private.h"

static void free_sets(struct ms_set_table_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		ms_membership_fini(&sets->items[i]);
	free(sets->items);
	*sets = (struct ms_set_table_sets) { 0 };
}

/* ---- take-over ---- */

struct finding {
	struct ms_set_table *table;
	struct ms_membership *last; /* members of a set come one after the other, mostly */
	int result;
};

static struct ms_membership *found_set(struct ms_set_table *table, uint32_t set)
{
	struct ms_membership *found = set == MS_SET_TABLE_HOST_ID
					      ? &table->host
					      : ms_set_table_find_id(&table->live, set);
	struct ms_membership *items;

	if (found)
		return found;
	items = reallocarray(table->live.items, table->live.count + 1, sizeof(*items));
	if (!items)
		return NULL;
	table->live.items = items;
	items[table->live.count] = (struct ms_membership) {
		.set = set,
		.ends.since = table->host.ends.since,
	};
	return &items[table->live.count++];
}

static bool find_member(void *user, uint32_t set, const struct ms_cidr *cidr, uint32_t expires_tick)
{
	struct finding *finding = user;
	struct ms_set_table *table = finding->table;
	const struct ms_member member = { .cidr = *cidr, .expires_tick = expires_tick };

	if (!finding->last || finding->last->set != set)
		finding->last = found_set(table, set);
	finding->result = finding->last ? ms_membership_append(finding->last, &member) : -ENOMEM;
	if (set >= table->next_id)
		table->next_id = set + 1;
	table->used[ms_set_table_family(cidr)]++;
	return finding->result == 0;
}

static int take_over(struct ms_set_table *table)
{
	struct finding finding = { .table = table };
	int r = ms_dataplane_set_foreach(table->dp, find_member, &finding);

	if (r == 0)
		r = finding.result;
	for (size_t i = 0; r == 0 && i < table->live.count; i++)
		r = ms_membership_sort(&table->live.items[i]);
	return r < 0 ? r : ms_membership_sort(&table->host);
}

int ms_set_table_new(struct ms_dataplane *dp, uint32_t limit, struct ms_set_table **ret_table)
{
	struct ms_set_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	pthread_mutex_init(&table->next, NULL);
	pthread_mutex_init(&table->turn, NULL);
	table->dp = dp;
	table->limit = limit;
	table->is_found = true;
	table->host.set = MS_SET_TABLE_HOST_ID;
	table->host.ends.since = ms_dataplane_tick_now(dp);
	table->next_id = MS_SET_TABLE_HOST_ID + 1;
	r = take_over(table);
	ms_dataplane_asked_get(dp, &table->asked);
	if (r == 0 && table->asked.next_set > table->next_id)
		table->next_id = table->asked.next_set;
	/* If they cannot be told all, they are asked, and told later. */
	if (r == 0 && ms_set_table_tell_anew(table) < 0 && !table->tree)
		r = -ENOMEM;
	if (r < 0) {
		ms_set_table_free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

struct ms_set_table *ms_set_table_free(struct ms_set_table *table)
{
	if (!table)
		return NULL;
	free_sets(&table->live);
	free_sets(&table->pending);
	free_sets(&table->before);
	ms_membership_fini(&table->host);
	ms_member_tree_free(table->tree);
	ms_set_table_free_stale(table);
	pthread_mutex_destroy(&table->turn);
	pthread_mutex_destroy(&table->next);
	free(table);
	return NULL;
}

/* ---- a generation ---- */

/* What was in force as `set` before. Found sets have no names: the one that has most in common,
 * which for a set that nobody changed is all of it. */
static const struct ms_membership *find_before(const struct ms_set_table *table,
					       const struct ms_membership *set)
{
	const struct ms_membership *best = NULL;
	size_t most = 0;

	if (!table->is_found)
		return ms_set_table_find_name(&table->live, set->name);
	for (size_t i = 0; i < table->live.count; i++) {
		const struct ms_membership *found = &table->live.items[i];
		size_t common;

		if (ms_set_table_find_id(&table->pending, found->set))
			continue;
		if (ms_membership_equal(found, set))
			return found;
		common = ms_membership_common(found, set);
		if (common > most) {
			most = common;
			best = found;
		}
	}
	return best;
}

/* Entries that `set` needs beyond those of `before` (NULL = none), by family. */
static void count_new(const struct ms_membership *set, const struct ms_membership *before,
		      uint32_t ret_counts[2])
{
	size_t at = 0;

	ret_counts[0] = ret_counts[1] = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct ms_member *member = &set->members[i];

		if (!member->is_cleared && !ms_set_table_next_entry(before, &at, &member->cidr))
			ret_counts[ms_set_table_family(&member->cidr)]++;
	}
}

static int reserve(struct ms_set_table *table, const struct ms_membership *set,
		   const struct ms_membership *before)
{
	uint32_t counts[2];

	count_new(set, before, counts);
	if (counts[0] > ms_set_table_room(table, 0) || counts[1] > ms_set_table_room(table, 1))
		return -ENOSPC;
	table->used[0] += counts[0];
	table->used[1] += counts[1];
	return 0;
}

/* A member whose time was over keeps having no entry. */
static void carry_cleared(struct ms_membership *set, const struct ms_membership *before)
{
	size_t at = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct ms_member *member = &set->members[i];
		const struct ms_member *old = ms_membership_find_next(before, &at, &member->cidr);

		member->is_cleared = member->is_cleared && old && old->is_cleared;
	}
}

static void clear_over(struct ms_set_table *table, struct ms_membership *set)
{
	uint32_t now = ms_dataplane_tick_now(table->dp);

	for (size_t i = 0; i < set->count; i++)
		set->members[i].is_cleared = ms_set_table_is_over(&set->members[i], now);
}

/* Used once, also by daemons to come: a set may have no member by which it would be found, and
 * rules that name it. */
static int take_id(struct ms_set_table *table, uint32_t *ret_set)
{
	if (table->next_id == UINT32_MAX)
		return -EOVERFLOW;
	table->asked.next_set = table->next_id + 1;
	ms_dataplane_asked_put(table->dp, &table->asked);
	*ret_set = table->next_id++;
	return 0;
}

static int put_beside(struct ms_set_table *table, struct ms_membership *set, struct ms_error *err)
{
	int r;

	r = take_id(table, &set->set);
	if (r < 0)
		return ms_error_set(err, r, "set %s has no number: all have been used", set->name);
	ms_set_table_choose(table, set, set->count);
	for (size_t i = 0; i < set->count; i++) {
		if (i % MS_SET_TABLE_PUT_AT_ONCE == 0)
			ms_set_table_pause(table);
		r = ms_set_table_put_entry(table, set->set, &set->members[i]);
		if (r < 0)
			return ms_error_set(err, r, "set %s cannot be stored: %s", set->name,
					    strerror(-r));
	}
	return 0;
}

static int refuse_size(const struct ms_set_table *table, const struct ms_membership *set,
		       struct ms_error *err)
{
	return ms_error_set(err, -ENOSPC,
			    "set %s has %zu member%s: there is room for %u more IPv4 and %u more "
			    "IPv6 members in all sets together, of %u each (limits.set_members)",
			    set->name, set->count, ms_plural((long long)set->count),
			    ms_set_table_room(table, 0), ms_set_table_room(table, 1), table->limit);
}

/* On failure `set` has an id if it has reserved. */
static int load_set(struct ms_set_table *table, struct ms_membership *set, struct ms_error *err)
{
	const struct ms_membership *before = find_before(table, set);
	int r;

	if (before && ms_membership_equal(before, set)) {
		/* But for rounding: what is stored holds. */
		r = ms_membership_carry(set, before);
		set->set = r < 0 ? 0 : before->set;
		return r;
	}
	clear_over(table, set);
	if (reserve(table, set, NULL) == 0)
		return put_beside(table, set, err);
	if (before) {
		carry_cleared(set, before);
		if (reserve(table, set, before) == 0) {
			set->set = before->set;
			return 0;
		}
	}
	return refuse_size(table, set, err);
}

/* Members that `set` shares with what is in force are as they were, all others are gone. Nothing of
 * a set with an id of its own is looked at by others. */
static void unload_set(struct ms_set_table *table, const struct ms_membership *set)
{
	const struct ms_membership *before = ms_set_table_find_id(&table->live, set->set);
	size_t at = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct ms_member *member = &set->members[i], *stored;

		if (!before && i % MS_SET_TABLE_PUT_AT_ONCE == 0)
			ms_set_table_pause(table);
		if (member->is_cleared)
			continue;
		stored = ms_set_table_next_entry(before, &at, &member->cidr);
		if (!stored)
			ms_set_table_erase_entry(table, set->set, &member->cidr);
		else if (!ms_membership_same_end(member, stored))
			ms_set_table_put_entry(table, set->set, stored);
	}
}

static int load_sets(struct ms_set_table *table, const struct ms_policy *policy,
		     struct ms_error *err)
{
	struct ms_set_table_sets *pending = &table->pending;

	for (size_t i = 0; i < policy->n_sets; i++) {
		struct ms_membership set;
		int r;

		ms_set_table_exit(table); /* as a pause: a million members are sorted */
		r = ms_set_table_build(table, &policy->sets[i], &set);
		ms_set_table_enter(table);
		if (r < 0)
			return r;
		r = load_set(table, &set, err);
		if (r == 0 || set.set)
			pending->items[pending->count++] = set;
		else
			ms_membership_fini(&set);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load(struct ms_set_table *table, const struct ms_policy *policy, struct ms_error *err)
{
	int r;

	while (table->n_stale)
		ms_set_table_drop_stale(table, MS_SET_TABLE_DROPPED_MAX);
	table->pending.items = calloc(policy->n_sets + 1, sizeof(*table->pending.items));
	if (!table->pending.items)
		return -ENOMEM;
	ms_member_tree_hold(table->tree);
	r = load_sets(table, policy, err);
	ms_set_table_tell_held(table);
	return r;
}

int ms_set_table_load(struct ms_set_table *table, const struct ms_policy *policy,
		      struct ms_error *err)
{
	int r;

	ms_set_table_enter(table);
	r = load(table, policy, err);
	ms_set_table_exit(table);
	return r;
}

/* What `set` has beyond `before`, under the same id, or with another end. */
static int put_changed(struct ms_set_table *table, const struct ms_membership *set,
		       const struct ms_membership *before, struct ms_error *err)
{
	size_t at = 0;

	for (size_t m = 0; m < set->count; m++) {
		const struct ms_member *member = &set->members[m];
		const struct ms_member *stored =
			ms_set_table_next_entry(before, &at, &member->cidr);
		int r = 0;

		if (!stored || !ms_membership_same_end(member, stored))
			r = ms_set_table_put_entry(table, set->set, member);
		if (r < 0)
			return ms_error_set(err, r, "set %s cannot be changed: %s", set->name,
					    strerror(-r));
	}
	return 0;
}

int ms_set_table_ready(struct ms_set_table *table, struct ms_error *err)
{
	int r = 0;

	ms_set_table_enter(table);
	for (size_t i = 0; r == 0 && i < table->pending.count; i++) {
		const struct ms_membership *set = &table->pending.items[i];
		const struct ms_membership *before = ms_set_table_find_id(&table->live, set->set);

		if (before) {
			ms_set_table_choose(table, before, set->count);
			r = put_changed(table, set, before, err);
		}
	}
	ms_set_table_exit(table);
	return r;
}

void ms_set_table_abandon(struct ms_set_table *table)
{
	struct ms_set_table_sets *pending = &table->pending;

	ms_set_table_enter(table);
	ms_member_tree_hold(table->tree);
	while (pending->count) {
		struct ms_membership *last = &pending->items[pending->count - 1];

		/* Before it is paused: entries that are gone are not taken to be there. */
		unload_set(table, last);
		pending->count--;
		ms_membership_fini(last);
		ms_set_table_pause(table);
	}
	free_sets(pending);
	ms_set_table_forget_asked(table);
	ms_set_table_tell_held(table);
	ms_set_table_exit(table);
}

/* What `old` has beyond `set` of the sets in force, which has its id; false = it has nothing. Who
 * comes in a pause finds what is still stored, and no more, in `old`. */
static bool drop_gone(struct ms_set_table *table, struct ms_membership *old,
		      const struct ms_membership *set)
{
	bool is_any = false;
	size_t at = 0;

	for (size_t m = 0; m < old->count; m++) {
		struct ms_member *member = &old->members[m];

		if (m % MS_SET_TABLE_PUT_AT_ONCE == 0) {
			ms_set_table_pause(table);
			at = ms_cidr_first(set->members, set->count, sizeof(*set->members),
					   &member->cidr);
		}
		if (member->is_cleared || ms_set_table_next_entry(set, &at, &member->cidr))
			continue;
		ms_set_table_erase_entry(table, old->set, &member->cidr);
		member->is_cleared = true;
		is_any = true;
	}
	return is_any;
}

void ms_set_table_publish(struct ms_set_table *table)
{
	ms_set_table_enter(table);
	table->before = table->live;
	table->live = table->pending;
	table->pending = (struct ms_set_table_sets) { 0 };
	table->is_found = false;
	ms_set_table_exit(table);
}

bool ms_set_table_settle(struct ms_set_table *table)
{
	bool is_any = false;

	ms_set_table_enter(table);
	/* What lies within a wide one that goes may be much. */
	ms_member_tree_hold(table->tree);
	for (size_t i = 0; i < table->before.count; i++) {
		struct ms_membership *old = &table->before.items[i];
		const struct ms_membership *set = ms_set_table_find_id(&table->live, old->set);

		if (set)
			is_any |= drop_gone(table, old, set);
		else
			ms_set_table_leave(table, old);
	}
	free_sets(&table->before);
	ms_set_table_tell_held(table);
	ms_set_table_wait_stale(table);
	ms_set_table_exit(table);
	return is_any;
}

static int replace(struct ms_set_table *table, const struct ms_set_def *def, struct ms_error *err)
{
	struct ms_membership *live = ms_set_table_find_name(&table->live, def->name), set, old;
	int r;

	if (!live)
		return ms_error_set(err, -ENOENT, "no set %s", def->name);
	r = ms_set_table_build(table, def, &set);
	if (r < 0)
		return r;
	clear_over(table, &set);
	r = reserve(table, &set, live);
	if (r < 0) {
		refuse_size(table, &set, err);
	} else {
		set.set = live->set;
		ms_set_table_choose(table, live, set.count);
		r = put_changed(table, &set, live, err);
		if (r < 0)
			unload_set(table, &set);
	}
	if (r < 0) {
		ms_membership_fini(&set);
		return r;
	}
	old = *live;
	*live = set;
	drop_gone(table, &old, live);
	ms_membership_fini(&old);
	return 0;
}

int ms_set_table_replace(struct ms_set_table *table, const struct ms_set_def *def,
			 struct ms_error *err)
{
	int r;

	ms_set_table_enter(table);
	r = replace(table, def, err);
	ms_set_table_exit(table);
	return r;
}

static uint32_t find_in(const struct ms_set_table_sets *sets, const char *name)
{
	const struct ms_membership *set = ms_set_table_find_name(sets, name);

	if (set)
		return set->set;
	return strcmp(name, MS_SET_HOST) == 0 ? MS_SET_TABLE_HOST_ID : 0;
}

uint32_t ms_set_table_find(const struct ms_set_table *table, const char *name)
{
	return find_in(&table->pending, name);
}

uint32_t ms_set_table_find_live(const struct ms_set_table *table, const char *name)
{
	return find_in(&table->live, name);
}
