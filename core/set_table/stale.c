/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of sets that no generation uses any more. Packets that began under the old generation may
 * still ask them: they go when the half they belonged to is idle, some at a time.
 */
#include <stdlib.h>

#include "core/set_table/private.h"

void ms_set_table_leave(struct ms_set_table *table, struct ms_membership *set)
{
	const struct ms_cidr first6 = { .addr.family = 6 };
	struct ms_set_table_stale *stale;
	size_t n4;

	if (set->count == 0)
		return;
	stale = reallocarray(table->stale, table->n_stale + 1, sizeof(*stale));
	/* Without memory for the note they stay: unused ids match nothing. */
	if (!stale)
		return;
	n4 = ms_cidr_first(set->members, set->count, sizeof(*set->members), &first6);
	table->stale = stale;
	stale[table->n_stale++] = (struct ms_set_table_stale) {
		.set = set->set,
		.members = set->members,
		.first = { 0, n4 },
		.end = { n4, set->count },
	};
	table->is_left = false;
	set->members = NULL;
	set->count = 0;
}

/* False = it has none of that family any more. */
static bool drop_entry(struct ms_set_table *table, struct ms_set_table_stale *stale,
		       unsigned int family)
{
	while (stale->end[family] > stale->first[family]) {
		const struct ms_member *last = &stale->members[--stale->end[family]];

		if (last->is_cleared)
			continue;
		ms_set_table_erase_entry(table, stale->set, &last->cidr);
		return true;
	}
	return false;
}

void ms_set_table_wait_stale(struct ms_set_table *table)
{
	bool is_over;

	if (!table->n_stale || table->is_left)
		return;
	/* Who comes meanwhile leaves nothing. */
	ms_set_table_exit(table);
	is_over = ms_dataplane_wait_grace() == 0;
	ms_set_table_enter(table);
	table->is_left = is_over;
	ms_set_table_forget_asked(table);
}

bool ms_set_table_stale_is_idle(const struct ms_set_table *table)
{
	return table->n_stale && table->is_left;
}

bool ms_set_table_drop_one(struct ms_set_table *table, unsigned int family)
{
	for (size_t i = table->n_stale; i-- > 0;) {
		if (drop_entry(table, &table->stale[i], family))
			return true;
	}
	return false;
}

void ms_set_table_drop_stale(struct ms_set_table *table, size_t most)
{
	if (table->n_stale == 0)
		return;
	ms_member_tree_hold(table->tree);
	while (table->n_stale > 0 && most > 0) {
		struct ms_set_table_stale *last = &table->stale[table->n_stale - 1];

		if (drop_entry(table, last, 0) || drop_entry(table, last, 1)) {
			most--;
		} else {
			free(last->members);
			table->n_stale--;
		}
	}
	ms_set_table_tell_held(table);
	ms_set_table_forget_asked(table);
}

bool ms_set_table_is_stale(const struct ms_set_table *table, uint32_t set)
{
	for (size_t i = 0; i < table->n_stale; i++) {
		if (table->stale[i].set == set)
			return true;
	}
	return false;
}

void ms_set_table_free_stale(struct ms_set_table *table)
{
	for (size_t i = 0; i < table->n_stale; i++)
		free(table->stale[i].members);
	free(table->stale);
}
