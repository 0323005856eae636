/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table is one thread's at a time: a worker's that loads a generation, or the loop's that puts
 * a member in meanwhile. Who waits comes next, however often the other one comes back.
 */
#include "core/set_table/private.h"

#define NODES_AT_ONCE 512

void ms_set_table_enter(struct ms_set_table *table)
{
	pthread_mutex_lock(&table->next);
	pthread_mutex_lock(&table->turn);
	pthread_mutex_unlock(&table->next);
}

void ms_set_table_exit(struct ms_set_table *table)
{
	pthread_mutex_unlock(&table->turn);
}

void ms_set_table_pause(struct ms_set_table *table)
{
	ms_set_table_exit(table);
	ms_set_table_enter(table);
}

void ms_set_table_take_turn(struct ms_set_table *table)
{
	ms_set_table_enter(table);
	table->is_taken = true;
}

void ms_set_table_end_turn(struct ms_set_table *table)
{
	table->is_taken = false;
	ms_set_table_exit(table);
}

int ms_set_table_release(struct ms_set_table *table)
{
	int result = 0, r;
	bool more;

	do {
		more = ms_member_tree_release_some(table->tree, NODES_AT_ONCE, &r);
		if (result == 0)
			result = r;
		/* Behind the last one nothing is late before the caller pauses. */
		if (more)
			ms_set_table_pause(table);
	} while (more);
	return result;
}
