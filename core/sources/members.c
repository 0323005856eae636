/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of sets in force, changed without a merge: only what changes is saved and looked at. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/sources/private.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL

/* ---- from when times count ---- */

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void ms_sources_begin_times(struct ms_policy *policy)
{
	uint64_t now = monotonic_ns();

	for (size_t i = 0; i < policy->n_sets; i++) {
		struct ms_set_def *set = &policy->sets[i];

		for (size_t m = 0; m < set->n_members; m++)
			set->members[m].began_ns = set->members[m].timeout_ns ? now : 0;
	}
}

static int by_member(const void *a, const void *b)
{
	const struct ms_set_member *one = *(const struct ms_set_member *const *)a;
	const struct ms_set_member *other = *(const struct ms_set_member *const *)b;
	int order = ms_cidr_compare(&one->cidr, &other->cidr);

	if (order == 0)
		order = (one->timeout_ns > other->timeout_ns) -
			(one->timeout_ns < other->timeout_ns);
	return order;
}

static int carry_set(struct ms_set_def *set, const struct ms_set_def *before)
{
	ms_cleanup(ms_free) const struct ms_set_member **timed =
		calloc(before->n_members + 1, sizeof(*timed));
	size_t count = 0;

	if (!timed)
		return -ENOMEM;
	for (size_t i = 0; i < before->n_members; i++) {
		if (before->members[i].timeout_ns)
			timed[count++] = &before->members[i];
	}
	qsort(timed, count, sizeof(*timed), by_member);
	for (size_t i = 0; count && i < set->n_members; i++) {
		const struct ms_set_member *key = &set->members[i];
		const struct ms_set_member **found =
			bsearch(&key, timed, count, sizeof(*timed), by_member);

		if (found)
			set->members[i].began_ns = (*found)->began_ns;
	}
	return 0;
}

int ms_sources_carry_times(struct ms_policy *policy, const struct ms_policy *before)
{
	int r = 0;

	ms_sources_begin_times(policy);
	for (size_t i = 0; r == 0 && before && i < policy->n_sets; i++) {
		const struct ms_set_def *set = ms_policy_find_set(before, policy->sets[i].name);

		if (set)
			r = carry_set(&policy->sets[i], set);
	}
	return r;
}

int ms_sources_runtime_policy(const struct ms_runtime *runtime, struct ms_policy **ret_policy)
{
	int r = ms_runtime_policy(runtime, ms_sources_wall_ms(), ret_policy);

	if (r == 0)
		ms_sources_begin_times(*ret_policy);
	return r;
}

/* ---- who holds a member ---- */

bool ms_sources_is_over(const struct ms_set_member *member)
{
	return member->timeout_ns && monotonic_ns() - member->began_ns >= member->timeout_ns;
}

struct holding {
	const struct ms_cidr *cidr;
	struct ms_set_member *members;
	size_t count;
};

static int note(struct holding *holding, const struct ms_set_member *member)
{
	return ms_array_append(&holding->members, &holding->count, *member);
}

static int look_at_runtime(struct holding *holding, const struct ms_runtime *runtime,
			   const char *set)
{
	const struct ms_runtime_member *held = ms_runtime_find_member(runtime, set, holding->cidr);
	struct ms_set_member member = { .cidr = *holding->cidr,
					.origin = { .source = MS_SOURCE_RUNTIME } };
	int64_t left_ms;

	if (!held)
		return 0;
	if (held->expires_ms) {
		left_ms = held->expires_ms - ms_sources_wall_ms();
		if (left_ms <= 0)
			return 0;
		member.timeout_ns = (uint64_t)left_ms * NS_PER_MS;
		member.began_ns = monotonic_ns();
	}
	return note(holding, &member);
}

static int note_written(void *user, const struct ms_set_member *member)
{
	return note(user, member);
}

static int note_offered(void *user, const char *source, const struct ms_set_member *member)
{
	(void)source;
	return note(user, member);
}

int ms_sources_next_holders(const struct ms_sources_next *next, const char *set,
			    const struct ms_cidr *cidr, struct ms_set_member **ret_members,
			    size_t *ret_count)
{
	struct holding holding = { .cidr = cidr };
	int r = look_at_runtime(&holding, &next->runtime, set);

	/* What one holds for ever needs nobody else, and files may have many. */
	if (r == 0 && !(holding.count && holding.members[0].timeout_ns == 0)) {
		r = ms_sources_offers_foreach(&next->offers, set, cidr, note_offered, &holding);
		if (r == 0)
			r = ms_sources_places_foreach(&next->places, set, cidr, note_written,
						      &holding);
	}
	if (r < 0) {
		free(holding.members);
		return r;
	}
	*ret_members = holding.members;
	*ret_count = holding.count;
	return 0;
}

int ms_sources_holders(const struct ms_sources *sources, const char *set,
		       const struct ms_cidr *cidr, struct ms_set_member **ret_members,
		       size_t *ret_count)
{
	return ms_sources_next_holders(&sources->now, set, cidr, ret_members, ret_count);
}

/* ---- what is merged follows ---- */

/* The merged set follows its runtime members: those go, `def`'s come, a document's stay. */
static int refresh_set(struct ms_set_def *merged, const struct ms_set_def *def)
{
	size_t kept = 0, room = merged->n_members + def->n_members + 1;
	struct ms_set_member *members = reallocarray(merged->members, room, sizeof(*members));

	if (!members)
		return -ENOMEM;
	merged->members = members;
	for (size_t i = 0; i < merged->n_members; i++) {
		if (members[i].origin.source != MS_SOURCE_RUNTIME)
			members[kept++] = members[i];
		else
			free(members[i].origin.file);
	}
	for (size_t i = 0; i < def->n_members; i++) {
		members[kept] = def->members[i];
		members[kept++].origin.file = NULL;
	}
	merged->n_members = kept;
	return 0;
}

int ms_sources_refresh_runtime_sets(struct ms_policy *merged, const struct ms_policy *runtime)
{
	for (size_t i = 0; i < runtime->n_sets; i++) {
		struct ms_set_def *set = ms_policy_find_set(merged, runtime->sets[i].name);
		int r = set ? refresh_set(set, &runtime->sets[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int ms_sources_follow_members(struct ms_sources *sources)
{
	int r;

	if (!sources->now.members_behind)
		return 0;
	r = ms_runtime_export_sets(&sources->now.runtime, ms_sources_wall_ms(),
				   sources->now.runtime_policy);
	if (r == 0)
		ms_sources_begin_times(sources->now.runtime_policy);
	if (r == 0)
		r = ms_sources_refresh_runtime_sets(sources->now.merged,
						    sources->now.runtime_policy);
	sources->now.members_behind = r < 0;
	return r;
}

/* The first `count` members are again what they were. */
static void restore_members(struct ms_runtime *runtime, const struct ms_runtime_change *change,
			    const struct ms_runtime_member *before, size_t count)
{
	/* Backwards: one may be named twice. What is put back has its room still. */
	while (count-- > 0) {
		if (before[count].expires_ms == MS_SOURCES_NO_MEMBER)
			ms_runtime_set_remove(runtime, change->set, &change->members[count]);
		else
			ms_runtime_set_add(runtime, change->set, &change->members[count],
					   before[count].expires_ms,
					   ms_runtime_put_by(runtime, &before[count]));
	}
}

static int make_change(struct ms_runtime *runtime, const struct ms_runtime_change *change,
		       struct ms_runtime_member *before)
{
	for (size_t i = 0; i < change->count; i++) {
		const struct ms_cidr *cidr = &change->members[i];
		const struct ms_runtime_member *held =
			ms_runtime_find_member(runtime, change->set, cidr);
		int r = 0;

		before[i] =
			held ? *held
			     : (struct ms_runtime_member) { .expires_ms = MS_SOURCES_NO_MEMBER };
		if (!change->is_removal)
			r = ms_runtime_set_add(runtime, change->set, cidr, change->expires_ms,
					       change->plugin);
		else if (held)
			r = ms_runtime_set_remove(runtime, change->set, cidr);
		if (r < 0) {
			restore_members(runtime, change, before, i);
			return r;
		}
	}
	return 0;
}

static int save_change(struct ms_sources *sources, const struct ms_runtime_change *change)
{
	int r;

	if (!sources->now.runtime_changed && !ms_state_wants_runtime(sources->state))
		return ms_state_append_runtime(sources->state, change);
	r = ms_state_save_runtime(sources->state, &sources->now.runtime);
	if (r == 0)
		sources->now.runtime_changed = false;
	return r;
}

int ms_sources_hold_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			    struct ms_runtime_member *ret_before)
{
	int r = make_change(&sources->now.runtime, change, ret_before);

	if (r == 0)
		sources->now.members_behind = true;
	return r;
}

int ms_sources_next_add(struct ms_sources_next *next, const struct ms_runtime_change *change)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->count; i++)
		r = ms_runtime_set_add(&next->runtime, change->set, &change->members[i],
				       change->expires_ms, change->plugin);
	next->members_behind = true;
	return r;
}

int ms_sources_save_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			    struct ms_error *err)
{
	int r = save_change(sources, change);

	return r < 0 ? ms_error_set(err, r, "cannot save to %s: %s; nothing was changed",
				    sources->config->state_dir, strerror(-r))
		     : 0;
}

void ms_sources_release_members(struct ms_sources *sources, const struct ms_runtime_change *change,
				const struct ms_runtime_member *before)
{
	restore_members(&sources->now.runtime, change, before, change->count);
}
