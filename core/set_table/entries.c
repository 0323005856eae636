/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of the datapath's tables, and how many of them there are. */
#include <string.h>
#include <time.h>

#include "core/set_table/private.h"

#define NS_PER_S 1000000000ULL

unsigned int ms_set_table_family(const struct ms_cidr *cidr)
{
	return cidr->addr.family == 6;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint32_t find_deadline(void *user, const struct ms_set_member *member)
{
	struct ms_dataplane *dp = user;
	uint64_t now = monotonic_ns(), passed = member->began_ns ? now - member->began_ns : 0;
	uint32_t tick = ms_dataplane_tick_now(dp);

	if (passed < member->timeout_ns)
		tick += ms_dataplane_ns_to_ticks(dp, member->timeout_ns - passed);
	else
		tick -= ms_dataplane_ns_to_ticks(dp, passed - member->timeout_ns);
	return tick ? tick : 1; /* 0 means never */
}

int ms_set_table_build(const struct ms_set_table *table, const struct ms_set_def *def,
		       struct ms_membership *ret_set)
{
	return ms_membership_build(def, ms_dataplane_tick_now(table->dp), find_deadline, table->dp,
				   ret_set);
}

bool ms_set_table_is_over(const struct ms_member *member, uint32_t now)
{
	return member->expires_tick && (int32_t)(member->expires_tick - now) <= 0;
}

bool ms_set_table_has_entry(const struct ms_membership *set, const struct ms_cidr *cidr)
{
	const struct ms_member *member = set ? ms_membership_find(set, cidr) : NULL;

	return member && !member->is_cleared;
}

const struct ms_member *ms_set_table_next_entry(const struct ms_membership *set, size_t *at,
						const struct ms_cidr *cidr)
{
	const struct ms_member *member = set ? ms_membership_find_next(set, at, cidr) : NULL;

	return member && !member->is_cleared ? member : NULL;
}

static const struct ms_member *find_entry(const struct ms_set_table_sets *sets, uint32_t set,
					  const struct ms_cidr *cidr)
{
	const struct ms_membership *of = ms_set_table_find_id(sets, set);

	return ms_set_table_has_entry(of, cidr) ? ms_membership_find(of, cidr) : NULL;
}

const struct ms_member *ms_set_table_shared_entry(const struct ms_set_table *table,
						  const struct ms_membership *set,
						  const struct ms_cidr *cidr)
{
	const struct ms_member *entry;

	if (ms_set_table_has_entry(set, cidr))
		return ms_membership_find(set, cidr);
	entry = find_entry(&table->live, set->set, cidr);
	if (!entry)
		entry = find_entry(&table->pending, set->set, cidr);
	return entry ? entry : find_entry(&table->before, set->set, cidr);
}

/* ---- entries of the datapath ---- */

int ms_set_table_put_entry(struct ms_set_table *table, uint32_t set, const struct ms_member *member)
{
	if (member->is_cleared)
		return 0;
	ms_set_table_tell(table, set, member);
	return ms_dataplane_set_add(table->dp, set, &member->cidr, member->expires_tick,
				    member->until_tick);
}

void ms_set_table_erase_entry(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr)
{
	ms_dataplane_set_remove(table->dp, set, cidr);
	ms_set_table_untell(table, set, cidr);
	table->used[ms_set_table_family(cidr)]--;
}

uint32_t ms_set_table_room(const struct ms_set_table *table, unsigned int family)
{
	/* What set:host uses of its room is no other set's loss. */
	uint32_t host = 0, limit = table->limit;

	for (size_t i = 0; i < table->host.count; i++)
		host += ms_set_table_family(&table->host.members[i].cidr) == family;
	if (host > MS_SET_HOST_MEMBERS)
		host = MS_SET_HOST_MEMBERS;
	limit += host;
	return table->used[family] < limit ? limit - table->used[family] : 0;
}

/* ---- sets ---- */

struct ms_membership *ms_set_table_find_name(const struct ms_set_table_sets *sets, const char *name)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].name && strcmp(sets->items[i].name, name) == 0)
			return &sets->items[i];
	}
	return NULL;
}

struct ms_membership *ms_set_table_find_id(const struct ms_set_table_sets *sets, uint32_t set)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].set == set)
			return &sets->items[i];
	}
	return NULL;
}
