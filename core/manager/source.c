/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy sources that are plugins: what they offer comes in force here. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/parse.h"
#include "core/base/plural.h"
#include "core/manager/internal.h"
#include "core/policy/array.h"

/* ---- an offer comes in force ---- */

bool ms_manager_source_is_before(const struct ms_manager *manager, const char *name)
{
	return ms_config_plugins_is_before(&manager->named, name);
}

/* Which sets there are, groups or rules have changed: a generation. `*policy` is taken. */
static int commit_policy(struct ms_manager *manager, const char *name, struct ms_policy **policy,
			 struct ms_error *err)
{
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
	return ms_manager_commit(manager, &next, false, NULL, err);
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
			struct ms_source_prepared *prepared, const struct ms_source_offer *before,
			struct ms_error *err)
{
	int r = refuse_unknown_groups(manager, &prepared->offer, prepared->policy, err);

	if (r < 0)
		return r;
	r = ms_manager_bind(manager, name, &prepared->offer);
	if (r == 0)
		r = commit_policy(manager, name, &prepared->policy, err);
	if (r < 0) {
		ms_manager_bind(manager, name, before);
		ms_keeper_rebind(manager->keeper);
	}
	return r;
}

static int apply(void *user, struct ms_source_follower *follower,
		 struct ms_source_prepared *prepared, const struct ms_source_offer *before,
		 struct ms_error *err)
{
	struct ms_manager *manager = user;
	const struct ms_source_offer *offer = &prepared->offer;
	int r;

	if (prepared->is_members_alone)
		return ms_manager_change_source_sets(manager, follower, prepared, before, err);
	r = commit_offer(manager, ms_source_follower_name(follower), prepared, before, err);
	if (r < 0)
		ms_source_offer_unplace(offer, ms_source_follower_name(follower), err);
	else
		ms_source_follower_say(follower, MS_LOG_INFO, "source",
				       "%s: generation %u: %zu rule%s, %zu set%s, %zu member%s",
				       ms_source_follower_name(follower), manager->generation,
				       offer->n_texts, ms_plural((long long)offer->n_texts),
				       offer->n_sets, ms_plural((long long)offer->n_sets),
				       offer->n_members, ms_plural((long long)offer->n_members));
	return r;
}

/* ---- coming and going ---- */

static struct ms_source_follower **find(const struct ms_manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->n_followers; i++) {
		if (strcmp(ms_source_follower_name(manager->followers[i]), name) == 0)
			return &manager->followers[i];
	}
	return NULL;
}

struct seeding {
	const struct ms_source_follower *follower;
	struct ms_policy *policy;
	struct ms_error *err;
};

static int parse(void *arg)
{
	struct seeding *seeding = arg;

	return ms_source_offer_policy(ms_source_follower_offer(seeding->follower),
				      ms_source_follower_name(seeding->follower), NULL,
				      &seeding->policy, seeding->err);
}

/* What is on disk of it is in force with the first policy, or with the commit after a load. */
static int seed(struct ms_manager *manager, const struct ms_source_follower *follower,
		struct ms_error *err)
{
	struct seeding seeding = { .follower = follower, .err = err };
	const char *name = ms_source_follower_name(follower);
	int r = 0;

	if (ms_source_follower_offer(follower))
		r = ms_manager_away(manager, parse, &seeding);
	else if (!(seeding.policy = ms_policy_new()))
		r = -ENOMEM;
	if (r == 0)
		r = ms_sources_offers_put(ms_sources_offers(manager->sources), name,
					  ms_manager_source_is_before(manager, name),
					  seeding.policy);
	if (r < 0)
		ms_policy_free(seeding.policy);
	return r;
}

/* Also at the end: those that have left and those that have not. */
static void let_go(struct ms_source_follower **list, size_t *count,
		   struct ms_source_follower *follower)
{
	for (size_t i = 0; i < *count; i++) {
		if (list[i] == follower) {
			list[i] = list[--*count];
			break;
		}
	}
	ms_source_follower_free(follower);
}

static const struct ms_source_follower *find_leaving(const struct ms_manager *manager,
						     const char *name)
{
	for (size_t i = 0; i < manager->n_leaving; i++) {
		if (strcmp(ms_source_follower_name(manager->leaving[i]), name) == 0)
			return manager->leaving[i];
	}
	return NULL;
}

/* Two of one plugin do not run at a time: they would have one folder and one port. */
static void start_unless_leaving(struct ms_manager *manager, struct ms_source_follower *follower)
{
	if (!find_leaving(manager, ms_source_follower_name(follower)))
		ms_source_follower_start(follower);
}

static void on_left(void *user, struct ms_source_follower *follower)
{
	struct ms_manager *manager = user;
	struct ms_source_follower **next = find(manager, ms_source_follower_name(follower));

	let_go(manager->leaving, &manager->n_leaving, follower);
	if (next)
		start_unless_leaving(manager, *next);
}

/* It is freed now, or when nothing of it runs any more. */
static void see_off(struct ms_manager *manager, struct ms_source_follower *follower)
{
	if (ms_source_follower_leave(follower) ||
	    ms_array_append(&manager->leaving, &manager->n_leaving, follower) < 0)
		ms_source_follower_free(follower);
}

static int new_follower(struct ms_manager *manager, const char *name, uint32_t provides,
			const json_t *values, struct ms_source_follower **ret_follower,
			struct ms_error *err)
{
	ms_cleanup(ms_free) char *run_dir = realpath(manager->config->run_dir, NULL);
	char control_socket[PATH_MAX + sizeof("/control.sock")];
	const struct ms_source_follower_config config = {
		.loop = manager->loop,
		.state = manager->state,
		.folder = manager->config->plugin_dir,
		.name = name,
		.control_socket = run_dir ? control_socket : NULL,
		.config = values,
		.apply = apply,
		.away = ms_manager_away,
		.on_left = on_left,
		.user = manager,
		.is_source = provides & MS_PLUGIN_SOURCE,
		.is_sink = provides & MS_PLUGIN_SINK,
	};

	if (run_dir)
		ms_config_control_socket(run_dir, control_socket, sizeof(control_socket));
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

/* What it bound stays as it is until ms_manager_bind(). False = there is none of that name. */
static bool drop(struct ms_manager *manager, const char *name, bool forget)
{
	struct ms_source_follower **at = find(manager, name), *follower = at ? *at : NULL;

	if (!at)
		return false;
	if (forget)
		ms_source_follower_forget(follower);
	ms_sources_offers_remove(ms_sources_offers(manager->sources), name);
	*at = manager->followers[--manager->n_followers];
	see_off(manager, follower);
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
		start_unless_leaving(manager, follower);
	else if (was_there && ms_manager_bind(manager, "", NULL) == 0)
		ms_keeper_rebind(manager->keeper);
	return r;
}

void ms_manager_keep_source(struct ms_manager *manager, const char *name,
			    const struct ms_error *why)
{
	struct ms_error problem = MS_ERROR_INIT;
	struct ms_source_follower *follower;
	bool was_there = drop(manager, name, false);
	char text[640];

	if (new_follower(manager, name, MS_PLUGIN_SOURCE, NULL, &follower, &problem) == 0) {
		if (ms_source_follower_offer(follower)) {
			ms_source_follower_disable(follower, why);
			take_in(manager, follower, true, &problem);
			was_there = false; /* and bound again */
		} else {
			ms_source_follower_free(follower);
		}
	}
	if (was_there)
		ms_manager_bind(manager, "", NULL);
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
	/* The one before it is still leaving: then it has not begun, and will as on_left() says. */
	if (!find_leaving(manager, name))
		ms_source_follower_restart(*at);
	return 0;
}

void ms_manager_free_sources(struct ms_manager *manager)
{
	/* All are told first, so that they end at the same time. */
	for (size_t i = 0; i < manager->n_followers; i++)
		ms_source_follower_leave(manager->followers[i]);
	while (manager->n_leaving)
		let_go(manager->leaving, &manager->n_leaving, manager->leaving[0]);
	while (manager->n_followers)
		let_go(manager->followers, &manager->n_followers, manager->followers[0]);
	free(manager->leaving);
	free(manager->followers);
	manager->leaving = manager->followers = NULL;
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

static bool has_process(struct ms_source_follower *const *list, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_source_status status;

		ms_source_follower_status(list[i], &status);
		if (status.pid && status.pid == pid)
			return true;
	}
	return false;
}

bool ms_manager_is_plugin(const struct ms_manager *manager, pid_t pid)
{
	return has_process(manager->followers, manager->n_followers, pid) ||
	       has_process(manager->leaving, manager->n_leaving, pid);
}

const struct ms_policy *ms_manager_offered(const struct ms_manager *manager, const char *name)
{
	return ms_sources_offers_find(ms_sources_offers(manager->sources), name);
}

bool ms_manager_next_source_problem(const struct ms_manager *manager, size_t *at, char *buf,
				    size_t size)
{
	while (*at < manager->n_followers) {
		const struct ms_source_follower *follower = manager->followers[(*at)++];
		struct ms_source_status status;
		const char *sentence;
		char since[32];

		ms_source_follower_status(follower, &status);
		sentence = status.last_error[0] ? status.last_error : status.trouble;
		if (!sentence[0])
			continue;
		ms_format_time(status.last_error[0] ? status.error_since : status.trouble_since,
			       since, sizeof(since));
		snprintf(buf, size, "%s %s: %.500s (since %s)",
			 status.is_source ? "source" : "sink", ms_source_follower_name(follower),
			 sentence, since);
		return true;
	}
	return false;
}
