/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of sets in force, changed without a merge: only what changes is saved and looked at. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/sources/private.h"

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

	if (!sources->members_behind)
		return 0;
	r = ms_runtime_export_sets(&sources->now.runtime, ms_sources_wall_ms(),
				   sources->now.runtime_policy);
	if (r == 0)
		r = ms_sources_refresh_runtime_sets(sources->now.merged,
						    sources->now.runtime_policy);
	sources->members_behind = r < 0;
	return r;
}

/* The first `count` members are again what they were. */
static void restore_members(struct ms_runtime *runtime, const struct ms_runtime_change *change,
			    const int64_t *before, size_t count)
{
	/* Backwards: one may be named twice. What is put back has its room still. */
	while (count-- > 0) {
		if (before[count] == MS_SOURCES_NO_MEMBER)
			ms_runtime_set_remove(runtime, change->set, &change->members[count]);
		else
			ms_runtime_set_add(runtime, change->set, &change->members[count],
					   before[count]);
	}
}

static int make_change(struct ms_runtime *runtime, const struct ms_runtime_change *change,
		       int64_t *before)
{
	for (size_t i = 0; i < change->count; i++) {
		const struct ms_cidr *cidr = &change->members[i];
		const struct ms_runtime_member *held =
			ms_runtime_find_member(runtime, change->set, cidr);
		int r = 0;

		before[i] = held ? held->expires_ms : MS_SOURCES_NO_MEMBER;
		if (!change->is_removal)
			r = ms_runtime_set_add(runtime, change->set, cidr, change->expires_ms);
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

	sources->appended =
		!sources->now.runtime_changed && !ms_state_wants_runtime(sources->state);
	if (sources->appended)
		return ms_state_append_runtime(sources->state, change);
	r = ms_state_save_runtime(sources->state, &sources->now.runtime);
	if (r == 0)
		sources->now.runtime_changed = false;
	return r;
}

int ms_sources_change_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			      int64_t *ret_before, struct ms_error *err)
{
	struct ms_runtime *runtime = &sources->now.runtime;
	int r = make_change(runtime, change, ret_before);

	if (r < 0)
		return r;
	sources->members_behind = true;
	r = save_change(sources, change);
	if (r < 0) {
		restore_members(runtime, change, ret_before, change->count);
		ms_error_set(err, r, "cannot save to %s: %s; nothing was changed",
			     sources->config->state_dir, strerror(-r));
	}
	return r;
}

void ms_sources_undo_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			     const int64_t *before)
{
	int r;

	restore_members(&sources->now.runtime, change, before, change->count);
	r = sources->appended ? ms_state_retract_runtime(sources->state) : -EAGAIN;
	if (r < 0)
		r = ms_state_save_runtime(sources->state, &sources->now.runtime);
	sources->now.runtime_changed = r < 0;
}
