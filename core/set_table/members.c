/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the datapath is told of each address: the sets it is a member of, but for the largest ones,
 * of which it is asked. Where it cannot be told all, it asks of every set, so nothing here is a
 * failure to those who change members: packets are judged right in any case.
 */
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/set_table/private.h"

/* A set with more members costs one look-up of each new flow, and not as much memory again. */
#define TOLD_MEMBERS_MAX 4096

static int store(void *user, const struct ms_cidr *cidr, const struct ms_member_sets *sets)
{
	return ms_dataplane_member_put(user, cidr, sets);
}

static int drop(void *user, const struct ms_cidr *cidr)
{
	int r = ms_dataplane_member_remove(user, cidr);

	return r == -ENOENT ? 0 : r;
}

static int put_asked(struct ms_set_table *table)
{
	return ms_dataplane_asked_put(table->dp, &table->asked);
}

static void say_ready(struct ms_set_table *table, bool is_ready)
{
	table->asked.is_ready = is_ready;
	put_asked(table);
}

/* ---- those that are asked of ---- */

static uint32_t *find_asked(struct ms_set_table *table, uint32_t set)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		if (table->asked.sets[i] == set)
			return &table->asked.sets[i];
	}
	return NULL;
}

/* Packets see its place before `count` says that there is one. */
static bool ask(struct ms_set_table *table, uint32_t set)
{
	uint32_t *place = find_asked(table, 0);

	if (!place)
		return false;
	*place = set;
	put_asked(table);
	if (table->asked.count <= place - table->asked.sets) {
		table->asked.count = (uint32_t)(place - table->asked.sets) + 1;
		put_asked(table);
	}
	return true;
}

static bool is_used(const struct ms_set_table_sets *sets, uint32_t set)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].set == set)
			return true;
	}
	return false;
}

void ms_set_table_forget_asked(struct ms_set_table *table)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		uint32_t *place = &table->asked.sets[i];

		if (*place && !is_used(&table->live, *place) && !is_used(&table->pending, *place)) {
			*place = 0;
			put_asked(table);
		}
	}
}

void ms_set_table_choose(struct ms_set_table *table, const struct ms_membership *set, size_t count)
{
	if (set == &table->host || count <= TOLD_MEMBERS_MAX || find_asked(table, set->set) ||
	    !ask(table, set->set))
		return;
	/* Who did not see yet that it is asked of still finds it the other way. */
	ms_dataplane_wait_grace();
	for (size_t i = 0; i < set->count; i++)
		ms_set_table_untell(table, set->set, &set->members[i].cidr);
}

/* ---- those that an address is told of ---- */

static void break_off(struct ms_set_table *table, int r)
{
	if (table->is_untold)
		return;
	table->is_untold = true;
	say_ready(table, false);
	ms_log_warn("policy",
		    "what sets an address is a member of cannot be stored (%s): new flows are "
		    "asked of every set until it can",
		    strerror(-r));
}

void ms_set_table_tell(struct ms_set_table *table, uint32_t set, const struct ms_member *member)
{
	int r;

	if (find_asked(table, set))
		return;
	r = ms_member_tree_put(table->tree, set, &member->cidr, member->until_tick);
	if (r < 0)
		break_off(table, r);
}

void ms_set_table_untell(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr)
{
	int r = ms_member_tree_remove(table->tree, set, cidr);

	if (r < 0 && r != -ENOENT)
		break_off(table, r);
}

static int tell_all(struct ms_set_table *table, const struct ms_membership *set)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->count; i++) {
		if (!set->members[i].is_cleared)
			r = ms_member_tree_put(table->tree, set->set, &set->members[i].cidr,
					       set->members[i].until_tick);
	}
	return r;
}

int ms_set_table_tell_anew(struct ms_set_table *table)
{
	const struct ms_member_tree_hooks hooks = { store, drop, table->dp };
	int r;

	say_ready(table, false);
	/* Of those who may have seen that it was. */
	ms_dataplane_wait_grace();
	ms_member_tree_free(table->tree);
	table->tree = ms_member_tree_new(&hooks);
	if (!table->tree)
		return -ENOMEM;
	r = ms_dataplane_members_clear(table->dp);
	if (r == 0)
		r = tell_all(table, &table->host);
	for (size_t i = 0; r == 0 && i < table->live.count; i++) {
		ms_set_table_choose(table, &table->live.items[i], table->live.items[i].count);
		if (!find_asked(table, table->live.items[i].set))
			r = tell_all(table, &table->live.items[i]);
	}
	table->is_untold = r < 0;
	if (r == 0)
		say_ready(table, true);
	return r;
}
