/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a source offers differs from what it offered in members of its sets alone. */
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/manager/internal.h"

static bool same_members(const struct ms_source_set *a, const struct ms_source_set *b)
{
	if (a->n_members != b->n_members)
		return false;
	for (size_t i = 0; i < a->n_members; i++) {
		if (ms_cidr_compare(&a->members[i].cidr, &b->members[i].cidr) != 0 ||
		    a->members[i].timeout_ns != b->members[i].timeout_ns ||
		    a->members[i].timeout_ns)
			return false;
	}
	return true;
}

struct changing {
	struct ms_manager *manager;
	const char *name;
	const struct ms_source_offer *offer, *before;
	struct ms_policy **policy; /* taken */
	struct ms_error *err;
	size_t added, removed; /* members, afterwards */
};

/* The sets of the offer as the merged policy has them now; the first failure counts, and ends it
 * unless all that can be put back is to be. */
static int replace_sets(const struct changing *changing, bool go_on, struct ms_error *err)
{
	const struct ms_policy *merged = ms_sources_merged(changing->manager->sources);
	struct ms_set_table *table = ms_committer_sets(changing->manager->committer);
	int result = 0;

	for (size_t i = 0; (result == 0 || go_on) && i < changing->offer->n_sets; i++) {
		const struct ms_source_set *said = &changing->offer->sets[i];
		const struct ms_set_def *set = ms_policy_find_set(merged, said->name);
		int r = 0;

		if (set &&
		    (changing->manager->is_torn || !same_members(said, &changing->before->sets[i])))
			r = ms_set_table_replace(table, set, err);
		if (result == 0)
			result = r;
	}
	return result;
}

static int swap_offer(const struct changing *changing)
{
	struct ms_sources *sources = changing->manager->sources;
	int r = ms_sources_offers_put(
		ms_sources_offers(sources), changing->name,
		ms_manager_source_is_before(changing->manager, changing->name), *changing->policy);

	if (r < 0)
		return r;
	*changing->policy = NULL;
	return ms_sources_refresh_sets(sources, changing->err);
}

/* What was offered before is what counts again. A set that cannot be put back is mended later, see
 * ms_manager_mend_sets(). */
static void change_back(const struct changing *changing, struct ms_sources_offers *before)
{
	struct ms_sources *sources = changing->manager->sources;
	struct ms_sources_offers refused = *ms_sources_offers(sources);

	*ms_sources_offers(sources) = *before;
	*before = refused;
	changing->manager->is_torn = ms_sources_refresh_sets(sources, NULL) < 0 ||
				     replace_sets(changing, true, NULL) < 0;
}

/* Both are sorted. */
static void count_changes(const struct ms_source_set *set, const struct ms_source_set *before,
			  size_t *added, size_t *removed)
{
	size_t i = 0, j = 0;

	while (i < set->n_members || j < before->n_members) {
		int order = i == set->n_members      ? 1
			    : j == before->n_members ? -1
						     : ms_cidr_compare(&set->members[i].cidr,
								       &before->members[j].cidr);

		*added += order < 0;
		*removed += order > 0;
		i += order <= 0;
		j += order >= 0;
	}
}

/* On another thread. */
static int change_members(void *arg)
{
	struct changing *changing = arg;
	struct ms_sources_offers before;
	int r = ms_sources_offers_copy(ms_sources_offers(changing->manager->sources), &before);

	if (r < 0)
		return r;
	r = swap_offer(changing);
	if (r == 0)
		r = replace_sets(changing, false, changing->err);
	if (r < 0)
		change_back(changing, &before);
	for (size_t i = 0; r == 0 && i < changing->offer->n_sets; i++)
		count_changes(&changing->offer->sets[i], &changing->before->sets[i],
			      &changing->added, &changing->removed);
	ms_sources_offers_fini(&before);
	return r;
}

/* Members alone: no generation, and no more of the datapath is touched than what differs. */
int ms_manager_change_source_sets(struct ms_manager *manager, struct ms_source_follower *follower,
				  struct ms_source_prepared *prepared,
				  const struct ms_source_offer *before, struct ms_error *err)
{
	struct changing changing = {
		.manager = manager,
		.name = ms_source_follower_name(follower),
		.offer = &prepared->offer,
		.before = before,
		.policy = &prepared->policy,
		.err = err,
	};
	int r = ms_manager_away(manager, change_members, &changing);

	if (manager->is_torn)
		ms_log_error("source",
			     "%s: not all members are as they were before what was refused; it is "
			     "tried again every 10 s",
			     changing.name);
	/* Times that begin anew are no change. */
	if (r == 0 && (changing.added || changing.removed))
		ms_source_follower_say(follower, MS_LOG_INFO, "source",
				       "%s: %zu member%s added, %zu removed, %zu in all",
				       changing.name, changing.added,
				       ms_plural((long long)changing.added), changing.removed,
				       changing.offer->n_members);
	ms_manager_touch(manager);
	ms_manager_plan_expiry(manager);
	return r;
}

static int mend_each(void *arg)
{
	const struct ms_manager *manager = arg;
	const struct ms_policy *merged = ms_sources_merged(manager->sources);
	int r = ms_sources_refresh_sets(manager->sources, NULL);

	for (size_t i = 0; r == 0 && i < merged->n_sets; i++)
		r = ms_set_table_replace(ms_committer_sets(manager->committer), &merged->sets[i],
					 NULL);
	return r;
}

void ms_manager_mend_sets(struct ms_manager *manager)
{
	if (!manager->is_torn)
		return;
	manager->is_torn = ms_manager_away(manager, mend_each, manager) < 0;
	if (!manager->is_torn)
		ms_log_notice("source", "all members are as they should be again");
	ms_manager_touch(manager);
	ms_manager_plan_expiry(manager);
}
