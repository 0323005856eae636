/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told of wide prefixes that came or went by hand, by rounds: interfaces, events and
 * commands have their turn between two of them.
 */
#include "core/manager/internal.h"

/* Prefixes, 1 to 2 us each: less than an interface takes to be attached. */
#define ROUND 512

void ms_manager_tell_all(struct ms_manager *manager)
{
	ms_set_table_tell_some(ms_committer_sets(manager->committer), SIZE_MAX);
}

void ms_manager_plan_telling(struct ms_manager *manager, bool is_awaited)
{
	manager->is_awaited |= is_awaited;
	if (is_awaited || ms_set_table_tell_some(ms_committer_sets(manager->committer), 0))
		ms_watch_arm(manager->tell, 0, false);
}

void ms_manager_on_tell(void *user)
{
	struct ms_manager *manager = user;
	struct ms_manager_waiter *waiter;

	if (ms_set_table_tell_some(ms_committer_sets(manager->committer), ROUND)) {
		ms_watch_arm(manager->tell, 0, false);
		return;
	}
	/* Flows may have been judged by what was not told yet. */
	if (manager->is_awaited)
		ms_manager_touch(manager);
	manager->is_awaited = false;
	ms_list_foreach (&manager->waiters, waiter, struct ms_manager_waiter, link) {
		ms_list_remove(&waiter->link);
		waiter->on_told(waiter->user);
	}
}

void ms_manager_await_told(struct ms_manager *manager, struct ms_manager_waiter *waiter)
{
	ms_list_append(&manager->waiters, &waiter->link);
}

void ms_manager_await_no_more(struct ms_manager_waiter *waiter)
{
	ms_list_remove(&waiter->link);
}
