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

static void put_asked(struct ms_set_table *table)
{
	ms_dataplane_asked_put(table->dp, &table->asked);
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

static enum ms_set_table_both *both(struct ms_set_table *table, const uint32_t *place)
{
	return &table->both[place - table->asked.sets];
}

static bool ask(struct ms_set_table *table, uint32_t set)
{
	uint32_t *place = find_asked(table, 0);

	if (!place)
		return false;
	*place = set;
	if (table->asked.count <= place - table->asked.sets)
		table->asked.count = (uint32_t)(place - table->asked.sets) + 1;
	put_asked(table);
	return true;
}

static void ask_no_more(struct ms_set_table *table, uint32_t *place)
{
	*place = 0;
	*both(table, place) = MS_SET_TABLE_ASKED_ONLY;
	put_asked(table);
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

static bool is_told(struct ms_set_table *table, uint32_t set)
{
	const uint32_t *place = find_asked(table, set);

	return !place || *both(table, place) != MS_SET_TABLE_ASKED_ONLY;
}

/* What lies within it is told by rounds. */
static bool is_wide(const struct ms_set_table *table, const struct ms_cidr *cidr)
{
	return table->is_late &&
	       ms_member_tree_within(table->tree, cidr, MS_SET_TABLE_WIDE) == MS_SET_TABLE_WIDE;
}

/* Who has not been told is to ask. */
static bool ask_meanwhile(struct ms_set_table *table, uint32_t set)
{
	if (find_asked(table, set))
		return true;
	if (!ask(table, set))
		return false;
	*both(table, find_asked(table, set)) = MS_SET_TABLE_STILL_ASKED;
	return true;
}

void ms_set_table_tell(struct ms_set_table *table, uint32_t set, const struct ms_member *member)
{
	int r;

	if (!is_told(table, set))
		return;
	if (is_wide(table, &member->cidr)) {
		table->is_awaited |= !ask_meanwhile(table, set);
		r = ms_member_tree_put_late(table->tree, set, &member->cidr, member->until_tick);
	} else {
		r = ms_member_tree_put(table->tree, set, &member->cidr, member->until_tick);
	}
	if (r < 0)
		break_off(table, r);
}

static void untell(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr)
{
	int r;

	if (is_wide(table, cidr)) {
		table->is_awaited = true;
		r = ms_member_tree_remove_late(table->tree, set, cidr);
	} else {
		r = ms_member_tree_remove(table->tree, set, cidr);
	}
	if (r < 0 && r != -ENOENT)
		break_off(table, r);
}

void ms_set_table_untell(struct ms_set_table *table, uint32_t set, const struct ms_cidr *cidr)
{
	if (is_told(table, set))
		untell(table, set, cidr);
}

bool ms_set_table_tell_some(struct ms_set_table *table, size_t most)
{
	bool is_more;
	int r;

	ms_set_table_enter(table);
	/* A worker that has held it goes on holding. */
	ms_member_tree_hurry(table->tree, true);
	is_more = ms_member_tree_release_some(table->tree, most, &r);
	ms_member_tree_hurry(table->tree, false);
	if (r < 0)
		break_off(table, r);
	ms_set_table_exit(table);
	return is_more;
}

void ms_set_table_tell_held(struct ms_set_table *table)
{
	int r = ms_set_table_release(table);

	if (r < 0)
		break_off(table, r);
}

bool ms_set_table_is_told(const struct ms_set_table *table)
{
	return !table->is_untold;
}

/* ---- those that are asked of ---- */

/* By a generation, or still by packets that began under the last one. */
static bool is_used(const struct ms_set_table *table, uint32_t set)
{
	return ms_set_table_find_id(&table->live, set) ||
	       ms_set_table_find_id(&table->pending, set) ||
	       (!table->is_left && ms_set_table_is_stale(table, set));
}

void ms_set_table_forget_asked(struct ms_set_table *table)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		uint32_t *place = &table->asked.sets[i];

		if (*place && !is_used(table, *place))
			ask_no_more(table, place);
	}
}

void ms_set_table_choose_early(struct ms_set_table *table, const struct ms_membership *set,
			       size_t count)
{
	uint32_t *place;

	if (set == &table->host || count <= MS_SET_TABLE_TOLD_MAX ||
	    !ask_meanwhile(table, set->set))
		return;
	place = find_asked(table, set->set);
	if (*both(table, place) == MS_SET_TABLE_STILL_ASKED)
		*both(table, place) = MS_SET_TABLE_STILL_TOLD;
}

static bool is_any_both(const struct ms_set_table *table)
{
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		if (table->both[i] != MS_SET_TABLE_ASKED_ONLY)
			return true;
	}
	return false;
}

static void tell_no_more(struct ms_set_table *table, const struct ms_membership *set)
{
	for (size_t m = 0; m < set->count; m++)
		untell(table, set->set, &set->members[m].cidr);
}

void ms_set_table_tell_less(struct ms_set_table *table)
{
	if (!is_any_both(table))
		return;
	ms_set_table_tell_held(table); /* what was late */
	/* Who did not see yet that one is asked of still finds it the other way, and who did not
	 * see yet what is told of one still asks. */
	if (ms_dataplane_wait_grace() < 0)
		return;
	ms_member_tree_hold(table->tree);
	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		uint32_t *place = &table->asked.sets[i];
		const struct ms_membership *set = ms_set_table_find_id(&table->live, *place);

		/* One that is gone is told no more as it is dropped. */
		if (table->both[i] == MS_SET_TABLE_ASKED_ONLY || !set)
			continue;
		if (table->both[i] == MS_SET_TABLE_STILL_TOLD)
			tell_no_more(table, set);
		else
			ask_no_more(table, place);
		table->both[i] = MS_SET_TABLE_ASKED_ONLY;
	}
	ms_set_table_tell_held(table);
}

void ms_set_table_choose_late(struct ms_set_table *table)
{
	for (size_t i = 0; i < table->live.count; i++)
		ms_set_table_choose_early(table, &table->live.items[i], table->live.items[i].count);
}

void ms_set_table_choose(struct ms_set_table *table, const struct ms_membership *set, size_t count)
{
	uint32_t *place;

	ms_set_table_choose_early(table, set, count);
	place = find_asked(table, set->set);
	if (!place || *both(table, place) != MS_SET_TABLE_STILL_TOLD)
		return;
	if (ms_set_table_find_id(&table->live, set->set))
		ms_set_table_tell_less(table);
	else
		*both(table, place) = MS_SET_TABLE_ASKED_ONLY; /* it is told by nobody yet */
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
		uint32_t *place = find_asked(table, set->set);

		/* Of one that was asked only until it is told, or has become smaller. */
		if (place && set->count <= MS_SET_TABLE_TOLD_MAX) {
			ask_no_more(table, place);
			place = NULL;
		}
		if (!place && (set->count <= MS_SET_TABLE_TOLD_MAX || !ask(table, set->set)))
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
	memset(table->both, 0, sizeof(table->both));
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
