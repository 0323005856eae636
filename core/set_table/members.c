/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the datapath is told of each address: the sets it is a member of, but for large ones, of
 * which it is asked as long as there are places for them. Where it cannot be told all, it asks of
 * every set, so nothing here is a failure to those who change members: packets are judged right in
 * any case.
 */
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/set_table/private.h"

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

static uint32_t *find_asked(struct ms_set_table *table, uint32_t set)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		if (table->asked.sets[i] == set)
			return &table->asked.sets[i];
	}
	return NULL;
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

static void untell(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr)
{
	int r = ms_member_tree_remove(table->tree, set, cidr);

	if (r < 0 && r != -ENOENT)
		break_off(table, r);
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
	if (!find_asked(table, set))
		untell(table, set, cidr);
}

void ms_set_table_tell_held(struct ms_set_table *table)
{
	int r = ms_member_tree_release(table->tree);

	if (r < 0)
		break_off(table, r);
}

bool ms_set_table_is_told(const struct ms_set_table *table)
{
	return !table->is_untold;
}

/* ---- those that are asked of ---- */

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

static void ask_no_more(struct ms_set_table *table, uint32_t *place)
{
	*place = 0;
	put_asked(table);
}

static bool is_there(const struct ms_set_table_sets *sets, uint32_t set)
{
	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].set == set)
			return true;
	}
	return false;
}

/* By a generation, or still by packets that began under the last one. */
static bool is_used(const struct ms_set_table *table, uint32_t set)
{
	for (size_t i = 0; i < table->n_stale; i++) {
		if (table->stale[i].set == set)
			return true;
	}
	return is_there(&table->live, set) || is_there(&table->pending, set);
}

void ms_set_table_forget_asked(struct ms_set_table *table)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		uint32_t *place = &table->asked.sets[i];

		if (*place && !is_used(table, *place))
			ask_no_more(table, place);
	}
}

void ms_set_table_choose(struct ms_set_table *table, const struct ms_membership *set, size_t count)
{
	if (set == &table->host || count <= MS_SET_TABLE_TOLD_MAX || find_asked(table, set->set) ||
	    !ask(table, set->set) || !is_there(&table->live, set->set))
		return;
	/* Who did not see yet that it is asked of still finds it the other way. */
	if (ms_dataplane_wait_grace() < 0) {
		ask_no_more(table, find_asked(table, set->set));
		return;
	}
	ms_member_tree_hold(table->tree);
	for (size_t i = 0; i < set->count; i++)
		untell(table, set->set, &set->members[i].cidr);
	ms_set_table_tell_held(table);
}

/* ---- all of it ---- */

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

static int tell_sets(struct ms_set_table *table)
{
	int r = ms_dataplane_members_clear(table->dp);

	if (r == 0)
		r = tell_all(table, &table->host);
	for (size_t i = 0; r == 0 && i < table->live.count; i++) {
		const struct ms_membership *set = &table->live.items[i];

		if (!find_asked(table, set->set) &&
		    (set->count <= MS_SET_TABLE_TOLD_MAX || !ask(table, set->set)))
			r = tell_all(table, set);
	}
	return r;
}

int ms_set_table_tell_anew(struct ms_set_table *table)
{
	const struct ms_member_tree_hooks hooks = { store, drop, table->dp };
	struct ms_member_tree *tree = ms_member_tree_new(&hooks);
	int r, stored;

	if (!tree)
		return -ENOMEM;
	ms_member_tree_free(table->tree);
	table->tree = tree;
	table->is_untold = true;
	say_ready(table, false);
	/* Of those who may have seen that it was. */
	r = ms_dataplane_wait_grace();
	if (r < 0)
		return r;
	ms_member_tree_hold(tree);
	r = tell_sets(table);
	stored = ms_member_tree_release(tree);
	if (r == 0)
		r = stored;
	/* And what was written is seen before that it is ready. */
	if (r == 0)
		r = ms_dataplane_wait_grace();
	if (r < 0)
		return r;
	table->is_untold = false;
	say_ready(table, true);
	return 0;
}
