/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members that come while a policy is on its way. They are in force at once, in the sets in force,
 * and saved as always; what is noted of them here has the policy that comes take them over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/manager/internal.h"
#include "core/policy/array.h"

struct ms_manager_early {
	char *set;
	struct ms_cidr member;
	int64_t expires_ms;
	char *plugin; /* NULL = the CLI */
};

static struct ms_runtime_change change_of(const struct ms_manager_early *early)
{
	return (struct ms_runtime_change) {
		.set = early->set,
		.members = &early->member,
		.count = 1,
		.expires_ms = early->expires_ms,
		.plugin = early->plugin,
	};
}

void ms_manager_early_forget(struct ms_manager *manager, size_t kept)
{
	while (manager->n_early > kept) {
		struct ms_manager_early *last = &manager->early[--manager->n_early];

		free(last->set);
		free(last->plugin);
	}
	if (kept == 0)
		free(ms_take_ptr(manager->early));
}

static int note_one(struct ms_manager *manager, const struct ms_runtime_change *change,
		    const struct ms_cidr *member)
{
	struct ms_manager_early early = {
		.set = strdup(change->set),
		.member = *member,
		.expires_ms = change->expires_ms,
		.plugin = change->plugin ? strdup(change->plugin) : NULL,
	};

	if (early.set && (early.plugin || !change->plugin) &&
	    ms_array_append(&manager->early, &manager->n_early, early) == 0)
		return 0;
	free(early.set);
	free(early.plugin);
	return -ENOMEM;
}

int ms_manager_early_note(struct ms_manager *manager, const struct ms_runtime_change *change)
{
	int r = 0;

	for (size_t i = 0; r == 0 && manager->is_coming && i < change->count; i++)
		r = note_one(manager, change, &change->members[i]);
	return r;
}

/* In the datapath, by what all who hold it say then. A set that `next` has not is named by none of
 * its rules. */
static int hold_next(struct ms_manager *manager, const struct ms_sources_next *next,
		     const struct ms_manager_early *early)
{
	ms_cleanup(ms_free) struct ms_set_member *members = NULL;
	size_t count;
	int r = ms_sources_next_holders(next, early->set, &early->member, &members, &count);
	const struct ms_set_def held = {
		.name = early->set,
		.members = members,
		.n_members = r < 0 ? 0 : count,
	};

	if (r == 0)
		r = ms_set_table_hold_next(ms_committer_sets(manager->committer), &held,
					   &early->member);
	return r == -ENOENT ? 0 : r;
}

int ms_manager_early_carry(struct ms_manager *manager, struct ms_sources_next *next, bool is_late,
			   struct ms_error *err)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < manager->n_early; i++) {
		const struct ms_runtime_change change = change_of(&manager->early[i]);
		int r = ms_sources_next_add(next, &change);

		/* Late rules come to the sets in force. */
		if (r == 0 && !is_late)
			r = hold_next(manager, next, &manager->early[i]);
		result = r < 0 ? r : result | r;
		if (r < 0)
			ms_error_set(err, r,
				     "set %s: the datapath cannot take a member over that came "
				     "meanwhile (%s)",
				     change.set, strerror(-r));
	}
	return result;
}

static bool misses_set(const struct ms_manager *manager)
{
	for (size_t i = 0; i < manager->n_early; i++) {
		if (!ms_policy_find_set(ms_sources_merged(manager->sources), manager->early[i].set))
			return true;
	}
	return false;
}

void ms_manager_early_settle(struct ms_manager *manager)
{
	struct ms_error why = MS_ERROR_INIT;
	bool misses = misses_set(manager);

	ms_manager_early_forget(manager, 0);
	if (misses && ms_manager_commit_again(manager, &why) < 0)
		ms_log_warn("policy",
			    "a set that the policy no longer has got a member meanwhile, and is "
			    "not there before the next one: %s",
			    why.message);
}
