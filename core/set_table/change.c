/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets in force, changed in place, and their time. */
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/set_table/private.h"

struct writing {
	struct ms_set_table *table;
	uint32_t set;
};

static int write_member(void *user, const struct ms_member *member)
{
	struct writing *writing = user;

	return ms_set_table_put_entry(writing->table, writing->set, member);
}

/* What lies within `cidr` and ends otherwise now. */
static int write_changed(struct ms_set_table *table, struct ms_membership *set,
			 const struct ms_cidr *cidr)
{
	struct writing writing = { table, set->set };

	return ms_membership_settle(set, cidr, write_member, &writing);
}

static bool has_room(const struct ms_set_table *table, const struct ms_membership *set,
		     unsigned int family)
{
	return set == &table->host ? table->used[family] < table->limit + MS_SET_HOST_MEMBERS
				   : ms_set_table_room(table, family) > 0;
}

/* Entries of sets that have gone are room, too: where the table is full, one goes for each that
 * comes. */
static bool make_room(struct ms_set_table *table, const struct ms_membership *set,
		      unsigned int family)
{
	unsigned int most = MS_SET_TABLE_DROPPED_AT_ONCE;

	if (has_room(table, set, family))
		return true;
	if (!ms_set_table_stale_is_idle(table))
		return false;
	while (most-- > 0 && ms_set_table_drop_one(table, family)) {
		if (has_room(table, set, family))
			return true;
	}
	return false;
}

static int put_member(struct ms_set_table *table, struct ms_membership *set,
		      const struct ms_member *member)
{
	const struct ms_member *held = ms_membership_find(set, &member->cidr);
	const struct ms_member *entry = ms_set_table_shared_entry(table, set, &member->cidr);
	struct ms_member before = held ? *held : (struct ms_member) { 0 };
	struct ms_member stored = entry ? *entry : (struct ms_member) { 0 };
	bool is_new = !entry;
	int r;

	if (is_new && !make_room(table, set, ms_set_table_family(&member->cidr)))
		return -ENOSPC;
	ms_set_table_choose_early(table, set, set->count + !held);
	r = ms_membership_put(set, member);
	if (r < 0)
		return r;
	r = write_changed(table, set, &member->cidr);
	if (r == 0)
		r = ms_set_table_put_entry(table, set->set, ms_membership_find(set, &member->cidr));
	if (r == 0) {
		table->used[ms_set_table_family(&member->cidr)] += is_new;
		return 0;
	}
	if (held)
		ms_membership_put(set, &before);
	else
		ms_membership_remove(set, &member->cidr);
	if (is_new) {
		ms_dataplane_set_remove(table->dp, set->set, &member->cidr);
		ms_set_table_untell(table, set->set, &member->cidr);
	} else {
		ms_set_table_tell(table, set->set, &stored);
	}
	write_changed(table, set, &member->cidr);
	return r;
}

/* An entry that the other generation has as well stays for that. */
static int remove_member(struct ms_set_table *table, struct ms_membership *set,
			 const struct ms_cidr *cidr)
{
	bool is_stored = ms_set_table_has_entry(set, cidr);

	if (!ms_membership_remove(set, cidr))
		return -ENOENT;
	if (is_stored && !ms_set_table_shared_entry(table, set, cidr))
		ms_set_table_erase_entry(table, set->set, cidr);
	return write_changed(table, set, cidr);
}

static int hold(struct ms_set_table *table, const struct ms_set_table_sets *sets,
		const struct ms_set_def *held, const struct ms_cidr *cidr)
{
	struct ms_membership *set = ms_set_table_find_name(sets, held->name), one;
	int r;

	if (!set)
		return -ENOENT;
	r = ms_set_table_build(table, held, &one);
	if (r < 0)
		return r;
	table->is_late = true;
	table->is_awaited = false;
	/* A worker may have held it, who loads a generation. */
	ms_member_tree_hurry(table->tree, true);
	if (one.count)
		r = put_member(table, set, &one.members[0]);
	else if (ms_membership_find(set, cidr))
		r = remove_member(table, set, cidr);
	ms_member_tree_hurry(table->tree, false);
	table->is_late = false;
	ms_membership_fini(&one);
	return r < 0 ? r : table->is_awaited;
}

size_t ms_set_table_within(const struct ms_set_table *table, const char *name,
			   const struct ms_cidr *cidr, size_t most)
{
	const struct ms_membership *set = ms_set_table_find_name(&table->live, name);

	return set ? ms_membership_within(set, cidr, most) : 0;
}

int ms_set_table_hold(struct ms_set_table *table, const struct ms_set_def *held,
		      const struct ms_cidr *cidr)
{
	bool is_taken = table->is_taken;
	int r;

	if (!is_taken)
		ms_set_table_enter(table);
	r = hold(table, &table->live, held, cidr);
	if (!is_taken)
		ms_set_table_exit(table);
	return r;
}

int ms_set_table_hold_next(struct ms_set_table *table, const struct ms_set_def *held,
			   const struct ms_cidr *cidr)
{
	int r;

	ms_set_table_enter(table);
	r = hold(table, &table->pending, held, cidr);
	ms_set_table_exit(table);
	return r;
}

size_t ms_set_table_count(const struct ms_set_table *table, const char *name)
{
	const struct ms_membership *set = ms_set_table_find_name(&table->live, name);

	return set ? set->count : 0;
}

static bool is_address(const struct ms_cidr *cidr, const struct ms_addr *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ms_addr_compare(&cidr->addr, &addresses[i]) == 0)
			return true;
	}
	return false;
}

int ms_set_table_set_host(struct ms_set_table *table, const struct ms_addr *addresses, size_t count,
			  bool *ret_changed)
{
	struct ms_membership *host = &table->host;
	int result = 0;

	*ret_changed = false;
	ms_set_table_enter(table);
	for (size_t i = host->count; i-- > 0;) {
		struct ms_cidr gone = host->members[i].cidr;

		if (is_address(&gone, addresses, count))
			continue;
		remove_member(table, host, &gone);
		*ret_changed = true;
	}
	for (size_t i = 0; i < count; i++) {
		struct ms_member member = {
			.cidr = { .addr = addresses[i],
				  .len = addresses[i].family == 4 ? 32 : 128 },
		};
		int r;

		if (ms_membership_find(host, &member.cidr))
			continue;
		r = put_member(table, host, &member);
		if (r < 0)
			result = r;
		else
			*ret_changed = true;
	}
	ms_set_table_exit(table);
	return result;
}

/* ---- time ---- */

int ms_set_table_left(const struct ms_set_table *table, const char *name,
		      const struct ms_cidr *cidr, uint64_t *ret_left_ns)
{
	const struct ms_membership *set = ms_set_table_find_name(&table->live, name);
	const struct ms_member *member = set ? ms_membership_find(set, cidr) : NULL;
	int32_t left;

	if (!member)
		return -ENOENT;
	left = (int32_t)(member->expires_tick - ms_dataplane_tick_now(table->dp));
	if (member->expires_tick == 0)
		*ret_left_ns = UINT64_MAX;
	else
		*ret_left_ns = left > 0 ? ms_dataplane_ticks_to_ns(table->dp, (uint32_t)left) : 0;
	return 0;
}

bool ms_set_table_meets(const struct ms_set_table *table, const char *name,
			const struct ms_cidr *cidr)
{
	const struct ms_membership *set = strcmp(name, MS_SET_HOST) == 0
						  ? &table->host
						  : ms_set_table_find_name(&table->live, name);

	return set && ms_membership_meets(set, cidr, ms_dataplane_tick_now(table->dp));
}

uint64_t ms_set_table_next_expiry(struct ms_set_table *table)
{
	uint32_t now = ms_dataplane_tick_now(table->dp), nearest = UINT32_MAX, tick;

	ms_set_table_enter(table);
	for (size_t i = 0; i < table->live.count; i++) {
		if (ms_membership_next_end(&table->live.items[i], now, &tick) &&
		    tick - now < nearest)
			nearest = tick - now;
	}
	ms_set_table_exit(table);
	if (nearest == UINT32_MAX)
		return UINT64_MAX;
	return ms_dataplane_ticks_to_ns(table->dp, nearest);
}

/* What a generation left behind is said of addresses until it is gone, and would be too much. */
static void tidy(struct ms_set_table *table)
{
	ms_set_table_wait_stale(table);
	if (ms_set_table_stale_is_idle(table))
		ms_set_table_drop_stale(table, MS_SET_TABLE_DROPPED_MAX);
	ms_set_table_tell_less(table);
	ms_set_table_choose_late(table);
	if (table->is_untold && ms_set_table_tell_anew(table) == 0)
		ms_log_notice("policy", "addresses are told again what sets they are members of");
}

void ms_set_table_clear_ended(struct ms_set_table *table)
{
	uint32_t now = ms_dataplane_tick_now(table->dp);

	ms_set_table_enter(table);
	if (!table->pending.items)
		tidy(table);
	for (size_t i = 0; i < table->live.count; i++) {
		const struct ms_membership *set = &table->live.items[i];

		for (size_t m = 0; m < set->count; m++) {
			struct ms_member *member = &set->members[m];

			if (member->is_cleared || !ms_set_table_is_over(member, now))
				continue;
			ms_set_table_erase_entry(table, set->set, &member->cidr);
			member->is_cleared = true;
		}
	}
	ms_set_table_exit(table);
}
