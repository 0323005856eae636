/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy sources that are plugins: what they offer comes in force here. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/manager_internal.h"
#include "core/policy/array.h"

/* ---- an offer comes in force ---- */

bool ms_manager_source_is_before(const struct ms_manager *manager, const char *name)
{
	return ms_config_plugins_is_before(&manager->named, name);
}

/* Times of members begin anew, whatever else changed. */
static bool has_times(const struct ms_set_def *set)
{
	for (size_t i = 0; i < set->n_members; i++) {
		if (set->members[i].timeout_ns)
			return true;
	}
	return false;
}

/* The generation is in force by now: what cannot be renewed ends sooner, which is said. */
static void renew_times(struct ms_manager *manager, const char *name,
			const struct ms_policy *offered)
{
	const struct ms_policy *merged = ms_sources_merged(manager->sources);
	struct ms_error why = MS_ERROR_INIT;
	bool any = false;

	for (size_t i = 0; i < offered->n_sets; i++) {
		const struct ms_set_def *set = ms_policy_find_set(merged, offered->sets[i].name);

		if (!set || !has_times(&offered->sets[i]))
			continue;
		any = true;
		ms_set_table_replace(ms_committer_sets(manager->committer), set, true, &why);
	}
	if (ms_error_is_set(&why))
		ms_log_error("source", "%s: times of members go on as they were: %s", name,
			     why.message);
	if (any) {
		ms_manager_touch(manager);
		ms_manager_plan_expiry(manager);
	}
}

/* Which sets there are, groups or rules have changed: a generation. `*policy` is taken. */
static int commit_policy(struct ms_manager *manager, const char *name, struct ms_policy **policy,
			 struct ms_error *err)
{
	const struct ms_policy *offered = *policy;
	struct ms_sources_next next;
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	r = ms_sources_offers_put(&next.offers, name, ms_manager_source_is_before(manager, name),
				  *policy);
	if (r < 0) {
		ms_manager_give_up(manager, &next);
		return r;
	}
	*policy = NULL;
	r = ms_manager_commit(manager, &next, false, NULL, err);
	if (r == 0)
		renew_times(manager, name, offered);
	return r;
}

static int refuse_unknown_groups(const struct ms_manager *manager,
				 const struct ms_source_offer *offer,
				 const struct ms_policy *policy, struct ms_error *err)
{
	for (size_t i = 0; i < offer->n_binds; i++) {
		const char *group = offer->binds[i].group;

		if (!ms_policy_find_group(policy, group) &&
		    !ms_policy_find_group(ms_sources_merged(manager->sources), group))
			return ms_error_set_at(
				err, -EINVAL, NULL, 0, 0, group,
				"it puts a workload into group '%s', and there is no "
				"group '%s'",
				group, group);
	}
	return 0;
}

/* The lines of interfaces are written for the next generation as the new binds want them. */
static int commit_offer(struct ms_manager *manager, const char *name,
			const struct ms_source_offer *offer, const struct ms_source_offer *before,
			struct ms_policy **policy, struct ms_error *err)
{
	int r = refuse_unknown_groups(manager, offer, *policy, err);

	if (r < 0)
		return r;
	r = ms_manager_bind(manager, name, offer);
	if (r == 0)
		r = commit_policy(manager, name, policy, err);
	if (r < 0) {
		ms_manager_bind(manager, name, before);
		ms_keeper_rebind(manager->keeper);
	}
	return r;
}

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

/* The sets named by `offer` as the merged policy has them now; the first failure counts. */
static int replace_sets(struct ms_manager *manager, const struct ms_source_offer *offer,
			const struct ms_source_offer *before, struct ms_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_sets; i++) {
		const struct ms_set_def *set = ms_policy_find_set(
			ms_sources_merged(manager->sources), offer->sets[i].name);

		if (set && !same_members(&offer->sets[i], &before->sets[i]))
			r = ms_set_table_replace(ms_committer_sets(manager->committer), set, true,
						 err);
	}
	return r;
}

static int swap_offer(struct ms_manager *manager, const char *name, struct ms_policy *policy,
		      struct ms_error *err)
{
	int r = ms_sources_offers_put(ms_sources_offers(manager->sources), name,
				      ms_manager_source_is_before(manager, name), policy);

	if (r < 0) {
		ms_policy_free(policy);
		return r;
	}
	return ms_sources_refresh_sets(manager->sources, err);
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

/* A line for each change; times that begin anew are none. */
static void log_changes(const char *name, const struct ms_source_offer *offer,
			const struct ms_source_offer *before)
{
	size_t added = 0, removed = 0;

	for (size_t i = 0; i < offer->n_sets; i++)
		count_changes(&offer->sets[i], &before->sets[i], &added, &removed);
	if (added || removed)
		ms_log_info("source", "%s: %zu members added, %zu removed, %zu in all", name, added,
			    removed, offer->n_members);
}

/* Members alone: no generation, and no more of the datapath is touched than what differs. */
static int change_members(struct ms_manager *manager, const char *name,
			  const struct ms_source_offer *offer, const struct ms_source_offer *before,
			  struct ms_policy **policy, struct ms_error *err)
{
	struct ms_policy *old;
	int r = ms_source_offer_policy(before, name, &old, err);

	if (r < 0)
		return r;
	r = swap_offer(manager, name, *policy, err);
	*policy = NULL;
	if (r == 0)
		r = replace_sets(manager, offer, before, err);
	if (r < 0) {
		if (swap_offer(manager, name, old, NULL) == 0)
			replace_sets(manager, before, offer, NULL);
	} else {
		ms_policy_free(old);
	}
	ms_manager_touch(manager);
	ms_manager_plan_expiry(manager);
	return r;
}

static int apply(void *user, const struct ms_source_follower *follower,
		 const struct ms_source_offer *offer, const struct ms_source_offer *before,
		 struct ms_error *err)
{
	struct ms_manager *manager = user;
	const char *name = ms_source_follower_name(follower);
	struct ms_policy *policy;
	int r = ms_source_offer_policy(offer, name, &policy, err);

	if (r < 0)
		return r;
	if (before && ms_source_offer_equal_but_members(before, offer)) {
		r = change_members(manager, name, offer, before, &policy, err);
		if (r == 0)
			log_changes(name, offer, before);
	} else {
		r = commit_offer(manager, name, offer, before, &policy, err);
		if (r == 0)
			ms_log_info("source", "%s: generation %u: %zu rules, %zu sets, %zu members",
				    name, manager->generation, offer->n_texts, offer->n_sets,
				    offer->n_members);
	}
	ms_policy_free(policy);
	return r;
}

/* ---- coming and going ---- */

/* What is on disk of it is in force with the first policy, or with the commit after a load. */
static int seed(struct ms_manager *manager, const struct ms_source_follower *follower,
		struct ms_error *err)
{
	const struct ms_source_offer *offer = ms_source_follower_offer(follower);
	const char *name = ms_source_follower_name(follower);
	struct ms_policy *policy = NULL;
	int r = 0;

	if (offer)
		r = ms_source_offer_policy(offer, name, &policy, err);
	else if (!(policy = ms_policy_new()))
		r = -ENOMEM;
	if (r == 0)
		r = ms_sources_offers_put(ms_sources_offers(manager->sources), name,
					  ms_manager_source_is_before(manager, name), policy);
	if (r < 0)
		ms_policy_free(policy);
	return r;
}

static int new_follower(struct ms_manager *manager, const char *name, uint32_t provides,
			const json_t *values, struct ms_source_follower **ret_follower,
			struct ms_error *err)
{
	const struct ms_source_follower_config config = {
		.loop = manager->loop,
		.state = manager->state,
		.folder = manager->config->plugin_dir,
		.name = name,
		.config = values,
		.apply = apply,
		.user = manager,
		.is_source = provides & MS_PLUGIN_SOURCE,
		.is_sink = provides & MS_PLUGIN_SINK,
	};

	return ms_source_follower_new(&config, ret_follower, err);
}

/* `follower` is taken, whatever comes of it. */
static int take_in(struct ms_manager *manager, struct ms_source_follower *follower, bool is_source,
		   struct ms_error *err)
{
	const char *name = ms_source_follower_name(follower);
	int r = is_source ? seed(manager, follower, err) : 0;

	if (r == 0)
		r = ms_array_append(&manager->followers, &manager->n_followers, follower);
	if (r < 0) {
		ms_sources_offers_remove(ms_sources_offers(manager->sources), name);
		ms_source_follower_free(follower);
		return r;
	}
	r = ms_manager_bind(manager, "", NULL);
	if (r < 0)
		ms_manager_leave_source(manager, name, false);
	return r;
}

static struct ms_source_follower **find(const struct ms_manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->n_followers; i++) {
		if (strcmp(ms_source_follower_name(manager->followers[i]), name) == 0)
			return &manager->followers[i];
	}
	return NULL;
}

/* What it bound stays as it is until ms_manager_bind(). False = there is none of that name. */
static bool drop(struct ms_manager *manager, const char *name, bool forget)
{
	struct ms_source_follower **at = find(manager, name);

	if (!at)
		return false;
	if (forget)
		ms_source_follower_forget(*at);
	ms_source_follower_free(*at);
	ms_sources_offers_remove(ms_sources_offers(manager->sources), name);
	*at = manager->followers[--manager->n_followers];
	return true;
}

int ms_manager_follow_source(void *user, const char *name, uint32_t provides, const json_t *values,
			     struct ms_error *err)
{
	struct ms_manager *manager = user;
	struct ms_source_follower *follower;
	/* It was kept without its plugin, see below, or is configured otherwise. Its workloads are
	 * not without their group in between. */
	bool was_there = drop(manager, name, false);
	int r = new_follower(manager, name, provides, values, &follower, err);

	if (r == 0)
		r = take_in(manager, follower, provides & MS_PLUGIN_SOURCE, err);
	if (r == 0)
		ms_source_follower_start(follower);
	else if (was_there && ms_manager_bind(manager, "", NULL) == 0)
		ms_keeper_rebind(manager->keeper);
	return r;
}

void ms_manager_keep_source(struct ms_manager *manager, const char *name,
			    const struct ms_error *why)
{
	struct ms_error problem = MS_ERROR_INIT;
	struct ms_source_follower *follower;
	char text[640];

	if (new_follower(manager, name, MS_PLUGIN_SOURCE, NULL, &follower, &problem) == 0) {
		if (!ms_source_follower_offer(follower)) {
			ms_source_follower_free(follower);
			return;
		}
		ms_source_follower_disable(follower, why);
		take_in(manager, follower, true, &problem);
	}
	if (ms_error_is_set(&problem))
		ms_log_error("source", "%s: %s", name,
			     ms_error_format(&problem, text, sizeof(text)));
}

bool ms_manager_leave_offers_out(struct ms_manager *manager, const struct ms_error *why)
{
	bool any = false;

	for (size_t i = 0; i < manager->n_followers; i++) {
		struct ms_policy *empty;

		if (!ms_source_follower_offer(manager->followers[i]) || !(empty = ms_policy_new()))
			continue;
		ms_source_follower_leave_out(manager->followers[i], why);
		if (ms_sources_offers_put(
			    ms_sources_offers(manager->sources),
			    ms_source_follower_name(manager->followers[i]),
			    ms_manager_source_is_before(
				    manager, ms_source_follower_name(manager->followers[i])),
			    empty) < 0)
			ms_policy_free(empty);
		any = true;
	}
	ms_manager_bind(manager, "", NULL);
	return any;
}

void ms_manager_leave_source(struct ms_manager *manager, const char *name, bool forget)
{
	if (!drop(manager, name, forget))
		return;
	ms_manager_bind(manager, "", NULL);
	ms_keeper_rebind(manager->keeper);
}

int ms_manager_withdraw_source(struct ms_manager *manager, const char *name, struct ms_error *err)
{
	struct ms_sources_next next;
	struct ms_error why = MS_ERROR_INIT;
	char text[640];
	int r;

	/* A sink offers nothing that there could be less of. */
	if (!ms_manager_offered(manager, name)) {
		ms_manager_leave_source(manager, name, true);
		return 0;
	}
	r = ms_manager_begin(manager, &next);
	if (r < 0)
		return r;
	ms_sources_offers_remove(&next.offers, name);
	ms_manager_bind(manager, name, NULL);
	r = ms_manager_commit(manager, &next, false, NULL, &why);
	if (r < 0) {
		ms_manager_bind(manager, "", NULL);
		ms_keeper_rebind(manager->keeper);
		return ms_error_set(err, r == -EINVAL ? -EBUSY : r,
				    "%s is in use: without what it offers the policy is refused: "
				    "%.300s",
				    name, ms_error_format(&why, text, sizeof(text)));
	}
	ms_manager_leave_source(manager, name, true);
	return 0;
}

int ms_manager_restart_source(struct ms_manager *manager, const char *name)
{
	struct ms_source_follower **at = find(manager, name);

	if (!at)
		return -ENOENT;
	ms_source_follower_restart(*at);
	return 0;
}

void ms_manager_free_sources(struct ms_manager *manager)
{
	for (size_t i = 0; i < manager->n_followers; i++)
		ms_source_follower_free(manager->followers[i]);
	free(manager->followers);
	manager->followers = NULL;
	manager->n_followers = 0;
}

/* ---- what is ---- */

const struct ms_source_follower *ms_manager_follower_at(const struct ms_manager *manager,
							size_t index)
{
	return index < manager->n_followers ? manager->followers[index] : NULL;
}

const struct ms_source_follower *ms_manager_follower(const struct ms_manager *manager,
						     const char *name)
{
	struct ms_source_follower **at = find(manager, name);

	return at ? *at : NULL;
}

bool ms_manager_is_plugin(const struct ms_manager *manager, pid_t pid)
{
	for (size_t i = 0; i < manager->n_followers; i++) {
		struct ms_source_status status;

		ms_source_follower_status(manager->followers[i], &status);
		if (status.pid && status.pid == pid)
			return true;
	}
	return false;
}

const struct ms_policy *ms_manager_offered(const struct ms_manager *manager, const char *name)
{
	return ms_sources_offers_find(ms_sources_offers(manager->sources), name);
}

void ms_manager_source_problem(const struct ms_manager *manager, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < manager->n_followers && !buf[0]; i++) {
		struct ms_source_status status;

		ms_source_follower_status(manager->followers[i], &status);
		if (status.last_error[0] || status.trouble[0])
			snprintf(buf, size, "%s %s: %s", status.is_source ? "source" : "sink",
				 ms_source_follower_name(manager->followers[i]),
				 status.last_error[0] ? status.last_error : status.trouble);
	}
}
