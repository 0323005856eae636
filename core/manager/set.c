/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of sets: added, taken out, ended by their own time. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/manager/internal.h"
#include "core/policy/document.h"

#define NS_PER_MS 1000000ULL

static int refuse_set_name(const char *set, struct ms_error *err)
{
	if (strcmp(set, MS_SET_HOST) == 0)
		return ms_error_set(err, -EPERM,
				    "set host is built in: it follows this machine's addresses");
	return 0;
}

static int name_place(void *user, const struct ms_set_member *member)
{
	*(const struct ms_set_member **)user = member;
	return 1;
}

/* A member that a document holds cannot be taken out here: the next reload would bring it back. */
static int refuse_file_member(const struct ms_manager *manager, const char *name,
			      const struct ms_cidr *member, struct ms_error *err)
{
	char text[MS_CIDR_TEXT], origin[MS_ORIGIN_MAX];
	const struct ms_set_member *written;

	if (!ms_sources_places_foreach(ms_sources_places(manager->sources), name, member,
				       name_place, &written))
		return 0;
	ms_origin_format(&written->origin, origin, sizeof(origin));
	return ms_error_set(err, -EPERM, "%s stands in %s: take it out there",
			    ms_cidr_format(member, text, sizeof(text)), origin);
}

static int name_offer(void *user, const char *source, const struct ms_set_member *member)
{
	if (ms_sources_is_over(member))
		return 0;
	*(const char **)user = source;
	return 1;
}

/* Nor one that a source offers: it would stay. */
static int refuse_offered_member(const struct ms_manager *manager, const char *name,
				 const struct ms_cidr *member, struct ms_error *err)
{
	char text[MS_CIDR_TEXT];
	const char *source;

	if (!ms_sources_offers_foreach(ms_sources_offers(manager->sources), name, member,
				       name_offer, &source))
		return 0;
	return ms_error_set(err, -EPERM, "source %s offers %s: it stays as long as that does",
			    source, ms_cidr_format(member, text, sizeof(text)));
}

static bool is_in_force(struct ms_manager *manager, const char *set)
{
	return ms_policy_find_set(ms_sources_merged(manager->sources), set) != NULL;
}

/* Which sets there are changes with a generation, since rules may name them. */
static int commit_runtime(struct ms_manager *manager, struct ms_runtime *runtime, bool dry_run,
			  struct ms_error *err)
{
	struct ms_sources_next next;
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	ms_runtime_fini(&next.runtime);
	next.runtime = *runtime;
	*runtime = (struct ms_runtime) { 0 };
	next.runtime_changed = true;
	return ms_manager_commit(manager, &next, dry_run, NULL, err);
}

/* After the CLI or a plugin has put a member in or let it go: what is in force of it is what all
 * who hold it now say. */
static int settle_member(struct ms_manager *manager, const char *set, const struct ms_cidr *member)
{
	ms_cleanup(ms_free) struct ms_set_member *members = NULL;
	size_t count;
	int r = ms_sources_holders(manager->sources, set, member, &members, &count);
	const struct ms_set_def held = {
		.name = (char *)set,
		.members = members,
		.n_members = r < 0 ? 0 : count,
	};

	return r < 0 ? r : ms_set_table_hold(ms_committer_sets(manager->committer), &held, member);
}

/* So many members are written beside the loop, where it may be; one that is in the set already
 * counts twice. A thread costs as much as a hundred. */
#define LONG_CHANGE 512
/* Members that come while a worker has the set table, between two of its turns. */
#define EARLY_AT_ONCE 32

struct changing {
	struct ms_manager *manager;
	const struct ms_runtime_change *change;
	size_t tried;  /* members */
	bool is_early; /* a worker is at its work */
	bool is_long;
};

/* Members that lie within another one may end with it. */
static bool is_long(const struct ms_manager *manager, const struct ms_runtime_change *change)
{
	const struct ms_set_table *table = ms_committer_sets(manager->committer);
	size_t left = LONG_CHANGE;

	for (size_t i = 0; i < change->count && left; i++) {
		size_t within = ms_set_table_within(table, change->set, &change->members[i], left);

		left -= within < left ? within + 1 : left;
	}
	return left == 0;
}

static int settle_changing(struct changing *changing, int (*work)(void *arg))
{
	return changing->is_long ? ms_manager_away(changing->manager, work, changing)
				 : work(changing);
}

/* So many members, or those that are left. 1 = in force when all is told. */
static int settle_some(struct changing *changing, size_t most)
{
	const struct ms_runtime_change *change = changing->change;
	int result = 0;

	while (result >= 0 && changing->tried < change->count && most-- > 0) {
		int r = settle_member(changing->manager, change->set,
				      &change->members[changing->tried++]);

		result = r < 0 ? r : result | r;
	}
	return result;
}

/* Not a turn for each, which a worker's would come between, and interfaces do not wait for all. */
static int settle_early(struct changing *changing)
{
	struct ms_set_table *table = ms_committer_sets(changing->manager->committer);
	int result = 0;

	while (result >= 0 && changing->tried < changing->change->count) {
		int r;

		ms_set_table_take_turn(table);
		r = settle_some(changing, EARLY_AT_ONCE);
		ms_set_table_end_turn(table);
		result = r < 0 ? r : result | r;
		/* Never in a plugin's callback, which puts in one. */
		if (changing->tried < changing->change->count)
			ms_manager_follow_some(changing->manager);
	}
	return result;
}

static int settle_members(void *arg)
{
	struct changing *changing = arg;

	return changing->is_early ? settle_early(changing) : settle_some(changing, SIZE_MAX);
}

/* Those that were tried, as all who hold them say. What cannot be put back is mended later, see
 * ms_manager_mend_sets(). Of what was to be told by rounds nothing has been, so it is as it was. */
static int put_back(void *arg)
{
	const struct changing *changing = arg;
	const struct ms_runtime_change *change = changing->change;
	int result = 0;

	for (size_t i = 0; i < changing->tried; i++) {
		int r = settle_member(changing->manager, change->set, &change->members[i]);

		if (r < 0 && result == 0)
			result = r;
	}
	changing->manager->is_torn |= result < 0;
	return result;
}

/*
 * In the datapath, and then on disk, which may take long: packets do not wait for a disk, and what
 * the datapath cannot take is never saved, so that a start can load what is. Where either fails all
 * is as it was. 1 = in force when all is told. `may_wait`: no callback of a plugin is under way,
 * which would find others in the middle of something, and has to answer for what it did.
 */
static int change_members(struct ms_manager *manager, const struct ms_runtime_change *change,
			  bool may_wait, struct ms_error *err)
{
	struct changing changing = {
		.manager = manager,
		.change = change,
		.is_early = manager->is_away,
		/* Who is away already has the one worker. */
		.is_long = may_wait && !manager->is_away && is_long(manager, change),
	};
	ms_cleanup(ms_free) struct ms_runtime_member *before =
		calloc(change->count + 1, sizeof(*before));
	size_t n_early = manager->n_early;
	int r = before ? ms_manager_early_note(manager, change) : -ENOMEM;
	bool is_awaited;

	if (r == 0)
		r = ms_sources_hold_members(manager->sources, change, before);
	if (r < 0) {
		ms_manager_early_forget(manager, n_early);
		return r;
	}
	r = settle_changing(&changing, settle_members);
	if (r < 0)
		ms_error_set(err, r, "set %s: the datapath cannot take the change (%s)",
			     change->set, strerror(-r));
	is_awaited = r > 0;
	/* What it takes out it may be late with, as whoever does so by hand. */
	if (is_awaited && !may_wait && !change->is_removal) {
		ms_manager_tell_all(manager);
		is_awaited = false;
	}
	ms_manager_touch(manager);
	if (r >= 0)
		r = ms_sources_save_members(manager->sources, change, err);
	if (r < 0) {
		ms_manager_early_forget(manager, n_early);
		ms_sources_release_members(manager->sources, change, before);
		if (settle_changing(&changing, put_back) < 0)
			ms_log_error("policy",
				     "set %s: not all members are as they were before what was "
				     "refused; it is tried again every 10 s",
				     change->set);
		if (!may_wait)
			ms_manager_tell_all(manager);
		ms_manager_touch(manager);
	}
	ms_manager_plan_telling(manager, is_awaited);
	return r < 0 ? r : is_awaited;
}

/* A set that is not in force yet. */
static int add_set(struct ms_manager *manager, const struct ms_runtime_change *change, bool dry_run,
		   struct ms_error *err)
{
	struct ms_runtime runtime = { 0 };
	int r = ms_runtime_copy(ms_sources_runtime(manager->sources), &runtime);

	for (size_t i = 0; r == 0 && i < change->count; i++)
		r = ms_runtime_set_add(&runtime, change->set, &change->members[i],
				       change->expires_ms, change->plugin);
	if (r == 0)
		r = commit_runtime(manager, &runtime, dry_run, err);
	if (runtime.rules)
		ms_runtime_fini(&runtime);
	return r;
}

/* Milliseconds since 1970, 0 = never. */
static int64_t end_of(uint64_t timeout_ns)
{
	return timeout_ns ? ms_sources_wall_ms() + (int64_t)(timeout_ns / NS_PER_MS) : 0;
}

int ms_manager_set_add(struct ms_manager *manager, const char *set, const struct ms_cidr *members,
		       size_t count, uint64_t timeout_ns, bool dry_run, struct ms_error *err)
{
	const struct ms_runtime_change change = {
		.set = set,
		.members = members,
		.count = count,
		.expires_ms = end_of(timeout_ns),
	};
	int r = refuse_set_name(set, err);

	/* `policy show` prints it for a file, where it must be read again. */
	if (r == 0 && !ms_document_is_set_name(set))
		r = ms_error_set_at(err, -EINVAL, NULL, 0, 0, set,
				    "'%s' is not a set's name: lower-case letters, digits and ._/-",
				    set);
	if (r < 0)
		return r;
	if (!is_in_force(manager, set))
		return add_set(manager, &change, dry_run, err);
	if (dry_run)
		return 0;
	r = change_members(manager, &change, true, err);
	if (timeout_ns)
		ms_manager_plan_expiry(manager);
	return r;
}

int ms_manager_set_put_in(struct ms_manager *manager, const char *set, const struct ms_cidr *member,
			  uint64_t timeout_ns, const char *plugin)
{
	const struct ms_runtime_change change = {
		.set = set,
		.members = member,
		.count = 1,
		.expires_ms = end_of(timeout_ns),
		.plugin = plugin,
	};
	int r = change_members(manager, &change, false, NULL);

	if (timeout_ns)
		ms_manager_plan_expiry(manager);
	return r;
}

bool ms_manager_takes_early(struct ms_manager *manager, const char *set)
{
	return strcmp(set, MS_SET_HOST) != 0 && is_in_force(manager, set);
}

size_t ms_manager_set_count(const struct ms_manager *manager, const char *set)
{
	return ms_set_table_count(ms_committer_sets(manager->committer), set);
}

static int refuse_removal(struct ms_manager *manager, const struct ms_runtime_change *change,
			  struct ms_error *err)
{
	const struct ms_runtime *runtime = ms_sources_runtime(manager->sources);
	char text[MS_CIDR_TEXT];
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->count; i++) {
		const struct ms_cidr *member = &change->members[i];

		r = refuse_file_member(manager, change->set, member, err);
		if (r == 0)
			r = refuse_offered_member(manager, change->set, member, err);
		if (r == 0 && !ms_runtime_find_member(runtime, change->set, member))
			r = ms_error_set(err, -ENOENT, "%s is no member of set %s",
					 ms_cidr_format(member, text, sizeof(text)), change->set);
	}
	return r;
}

int ms_manager_set_take_out(struct ms_manager *manager, const char *set,
			    const struct ms_cidr *member)
{
	const struct ms_runtime_change change = {
		.set = set,
		.is_removal = true,
		.members = member,
		.count = 1,
	};

	return change_members(manager, &change, false, NULL);
}

static int by_cidr(const void *a, const void *b)
{
	return ms_cidr_compare(a, b);
}

/* All that is named is a member: do so many go as there are? */
static bool is_emptied(const struct ms_runtime_set *set, const struct ms_runtime_change *change)
{
	ms_cleanup(ms_free) struct ms_cidr *sorted = NULL;
	size_t distinct = 1;

	if (!set || change->count == 0 || set->n_members > change->count)
		return false;
	sorted = calloc(change->count, sizeof(*sorted));
	if (!sorted)
		return false; /* it stays, empty */
	memcpy(sorted, change->members, change->count * sizeof(*sorted));
	qsort(sorted, change->count, sizeof(*sorted), by_cidr);
	for (size_t i = 1; i < change->count; i++)
		distinct += by_cidr(&sorted[i - 1], &sorted[i]) != 0;
	return distinct == set->n_members;
}

static bool is_named(const struct ms_manager *manager, const struct ms_policy *policy,
		     const char *set)
{
	const struct ms_rule_action_known known = ms_plugin_registry_known(manager->plugins);

	return ms_policy_count_naming(policy, set, &known) > 0;
}

/* Emptied by the change, known to no file and named by no rule: nobody would miss it. */
static bool is_left_over(struct ms_manager *manager, const struct ms_runtime_change *change)
{
	const struct ms_policy *files = ms_sources_policy(manager->sources, MS_SOURCE_FILE);

	return is_emptied(ms_runtime_find_set(ms_sources_runtime(manager->sources), change->set),
			  change) &&
	       !(files && ms_policy_find_set(files, change->set)) &&
	       !is_named(manager, ms_sources_merged(manager->sources), change->set);
}

static bool is_over(const struct ms_runtime_set *set, int64_t now)
{
	for (size_t i = 0; i < set->n_members; i++) {
		if (!set->members[i].expires_ms || set->members[i].expires_ms > now)
			return false;
	}
	return true;
}

bool ms_manager_forget_sets(const struct ms_manager *manager, struct ms_runtime *runtime,
			    const struct ms_policy *policy)
{
	int64_t now = ms_sources_wall_ms();
	size_t before = runtime->n_sets;

	/* The last one takes the place of one that goes. */
	for (size_t i = before; i-- > 0;) {
		const struct ms_runtime_set *set = &runtime->sets[i];

		if (is_over(set, now) && !is_named(manager, policy, set->name))
			ms_runtime_forget_set(runtime, set->name);
	}
	return runtime->n_sets < before;
}

static int remove_set(struct ms_manager *manager, const char *set, bool dry_run,
		      struct ms_error *err)
{
	struct ms_runtime runtime = { 0 };
	int r = ms_runtime_copy(ms_sources_runtime(manager->sources), &runtime);

	if (r < 0)
		return r;
	ms_runtime_forget_set(&runtime, set);
	r = commit_runtime(manager, &runtime, dry_run, err);
	if (runtime.rules)
		ms_runtime_fini(&runtime);
	return r;
}

int ms_manager_set_remove(struct ms_manager *manager, const char *set,
			  const struct ms_cidr *members, size_t count, bool dry_run,
			  struct ms_error *err)
{
	const struct ms_runtime_change change = {
		.set = set,
		.is_removal = true,
		.members = members,
		.count = count,
	};
	int r = refuse_set_name(set, err);

	if (r == 0 && !is_in_force(manager, set))
		r = ms_error_set(err, -ENOENT, "no set %s", set);
	if (r == 0)
		r = refuse_removal(manager, &change, err);
	if (r < 0)
		return r;
	if (is_left_over(manager, &change))
		return remove_set(manager, set, dry_run, err);
	if (dry_run)
		return 0;
	return change_members(manager, &change, true, err);
}

static void forget_ended(struct ms_manager *manager, const struct ms_runtime *runtime, int64_t now)
{
	for (size_t i = 0; i < runtime->n_sets; i++) {
		const struct ms_runtime_set *set = &runtime->sets[i];

		for (size_t m = 0; m < set->n_members; m++) {
			const struct ms_runtime_member *member = &set->members[m];

			if (member->expires_ms && member->expires_ms <= now)
				settle_member(manager, set->name, &member->cidr);
		}
	}
}

/* A set of the CLI's or a plugin's alone that has no member any more, and no rule. */
static bool has_left_over(const struct ms_manager *manager)
{
	const struct ms_runtime *runtime = ms_sources_runtime(manager->sources);
	const struct ms_policy *policy = ms_sources_merged(manager->sources);

	for (size_t i = 0; i < runtime->n_sets; i++) {
		const char *name = runtime->sets[i].name;
		const struct ms_set_def *set = ms_policy_find_set(policy, name);

		if (runtime->sets[i].n_members == 0 && set &&
		    set->origin.source == MS_SOURCE_RUNTIME && !is_named(manager, policy, name))
			return true;
	}
	return false;
}

/* What cannot be committed now goes with the next commit. */
static void drop_left_over(struct ms_manager *manager)
{
	struct ms_error why = MS_ERROR_INIT;

	if (ms_manager_commit_again(manager, &why) < 0)
		ms_log_warn("policy", "a set whose members are over cannot be taken out: %s",
			    why.message);
	else
		ms_log_info("policy",
			    "generation %u: a set whose members are over, and which no rule "
			    "names, was taken out",
			    manager->generation);
}

/* 1 = some of the CLI's have ended. */
static int clear_members(void *arg)
{
	struct ms_manager *manager = arg;
	int64_t now = ms_sources_wall_ms(), next;
	struct ms_runtime before = { 0 }, after = { 0 };
	int r = -ENOMEM;

	ms_set_table_clear_ended(ms_committer_sets(manager->committer));
	next = ms_runtime_next_member_expiry(ms_sources_runtime(manager->sources));
	if (!next || next > now ||
	    ms_runtime_copy(ms_sources_runtime(manager->sources), &before) < 0)
		return 0;
	if (ms_runtime_copy(&before, &after) == 0) {
		ms_runtime_expire_members(&after, now);
		/* On a full disk they stay, and are tried again the next time. */
		r = ms_sources_replace_runtime(manager->sources, &after, NULL);
	}
	if (r == 0)
		forget_ended(manager, &before, now);
	ms_manager_tell_all(manager);
	if (after.rules)
		ms_runtime_fini(&after);
	ms_runtime_fini(&before);
	return r == 0;
}

/* Ended members go from the datapath, and those of the CLI from disk, else both would fill for
 * ever. They may be many, and so may be what a generation left behind. */
void ms_manager_clear_members(struct ms_manager *manager)
{
	if (ms_manager_away(manager, clear_members, manager) > 0 && has_left_over(manager))
		drop_left_over(manager);
}

void ms_manager_follow_addresses(struct ms_manager *manager)
{
	size_t count;
	const struct ms_addr *addresses = ms_monitor_addresses(manager->monitor, &count);
	bool changed;
	int r = ms_set_table_set_host(ms_committer_sets(manager->committer), addresses, count,
				      &changed);

	if (changed)
		ms_manager_touch(manager);
	if (r < 0 && !manager->host_problem[0]) {
		snprintf(manager->host_problem, sizeof(manager->host_problem),
			 "set host lacks addresses of this machine, there is no room for more "
			 "members of sets (%s): tried again every second",
			 strerror(-r));
		ms_log_error("policy", "%s", manager->host_problem);
	} else if (r == 0 && manager->host_problem[0]) {
		manager->host_problem[0] = '\0';
		ms_log_notice("policy", "set host has all addresses of this machine again");
	}
}
