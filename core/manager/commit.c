/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a policy that is wanted to one in force. What takes long with many rules is done away from
 * the loop, see away.c; what is seen from outside, and the switch itself, is done here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/flips.h"
#include "core/manager/internal.h"
#include "core/policy/diff.h"

struct beginning {
	struct ms_manager *manager;
	struct ms_sources_next *next;
};

static int begin(void *arg)
{
	struct beginning *beginning = arg;

	return ms_sources_begin(beginning->manager->sources, beginning->next);
}

int ms_manager_begin(struct ms_manager *manager, struct ms_sources_next *ret_next)
{
	struct beginning beginning = { manager, ret_next };
	int r;

	ms_manager_early_forget(manager, 0);
	r = ms_manager_away(manager, begin, &beginning);
	manager->is_coming = r >= 0;
	return r;
}

static int give_up(void *arg)
{
	ms_sources_next_fini(arg);
	return 0;
}

void ms_manager_give_up(struct ms_manager *manager, struct ms_sources_next *next)
{
	manager->is_coming = false;
	/* What was amended is the policy in force, which is asked about members that come. */
	if (next->amend.policy)
		ms_manager_away(manager, give_up, next);
	else
		ms_manager_beside(manager, give_up, next);
}

/* ---- sessions that would end ---- */

struct counting {
	struct ms_flips *flips;
	unsigned int half, count;
	bool is_minimum;
};

static int count_flips(void *arg)
{
	struct counting *counting = arg;

	return ms_flips_count(counting->flips, counting->half, &counting->count,
			      &counting->is_minimum);
}

int ms_manager_flips(struct ms_manager *manager, unsigned int half, unsigned int *ret_count,
		     bool *ret_is_minimum)
{
	struct counting counting = { .half = half };
	int r = ms_flips_new(manager->dp, ms_keeper_ifaces(manager->keeper), &counting.flips);

	if (r < 0)
		return r;
	r = ms_manager_beside(manager, count_flips, &counting);
	ms_flips_free(counting.flips);
	if (r < 0)
		return r;
	*ret_count = counting.count;
	*ret_is_minimum = counting.is_minimum;
	return 0;
}

/* ---- on disk, and not ---- */

/* In force, but not on disk: said at once and until it is. */
void ms_manager_note_unsaved(struct ms_manager *manager, int r)
{
	bool is_new = !manager->unsaved[0];

	snprintf(manager->unsaved, sizeof(manager->unsaved),
		 "cannot save to %.128s: %s. What is in force is not all on disk, and a restart "
		 "would lose it; it is tried again every 10 s",
		 manager->config->state_dir, strerror(-r));
	if (is_new)
		ms_log_error("state", "%s", manager->unsaved);
}

int ms_manager_save_rest(struct ms_manager *manager)
{
	int r;

	if (!manager->unsaved[0])
		return 0;
	r = ms_state_save_generation(manager->state, manager->generation);
	if (r == 0)
		r = ms_sources_save_rest(manager->sources);
	if (r < 0)
		return r;
	manager->unsaved[0] = '\0';
	ms_log_notice("state", "what is in force is on disk again");
	return 0;
}

/* ---- in force ---- */

/* The first end, of runtime rules alone or of all others; 0 = none ends. */
static int64_t next_end(const struct ms_policy *policy, bool is_runtime)
{
	int64_t next = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		if ((rule->origin.source == MS_SOURCE_RUNTIME) == is_runtime && rule->expires &&
		    (!next || rule->expires < next))
			next = rule->expires;
	}
	return next;
}

static void plan_rules_expiry(struct ms_manager *manager)
{
	const struct ms_sources *sources = manager->sources;
	int64_t end = next_end(ms_sources_policy(sources, MS_SOURCE_RUNTIME), true);

	if (manager->lasting_expires && (!end || manager->lasting_expires < end))
		end = manager->lasting_expires;
	manager->rule_expires = end;
	ms_manager_plan_expiry(manager);
}

struct saving {
	struct ms_manager *manager;
	struct ms_sources_next *next;
	bool must_save;
	bool is_late;
	int saved; /* 0 or -errno */
	struct ms_error *err;
};

static int ready(void *arg)
{
	struct saving *saving = arg;

	/* Here members come still, and to save stands between them and the switch. */
	ms_sources_stage_wait(saving->next);
	return ms_committer_ready(saving->manager->committer, saving->err);
}

static int save(void *arg)
{
	struct saving *saving = arg;
	struct ms_manager *manager = saving->manager;
	int r = saving->is_late ? ready(saving) : 0;

	if (r == 0)
		r = ms_manager_early_carry(manager, saving->next, saving->is_late, saving->err);
	if (r < 0)
		return r;
	if (r > 0)
		ms_manager_tell_all(manager);
	r = ms_manager_save_rest(manager);
	/* The number first: after a crash or an error between the two, numbers still never repeat,
	 * and what the next start reads is what is in force. */
	if (r == 0)
		r = ms_state_save_generation(manager->state, manager->generation + 1);
	if (r < 0)
		ms_error_set(saving->err, r, "cannot save to %s: %s; nothing was changed",
			     manager->config->state_dir, strerror(-r));
	else
		r = ms_sources_save(manager->sources, saving->next, saving->err);
	saving->saved = r;
	return saving->must_save ? r : 0;
}

struct settling {
	struct ms_manager *manager;
	struct ms_sources_next *before;
	bool is_late;
	struct ms_manager_acting acting;
	int found; /* 0 or -errno of that */
	int saved;
};

static int settle_sets(void *committer)
{
	return ms_committer_settle_sets(committer);
}

static int settle(void *arg)
{
	struct settling *settling = arg;
	struct ms_manager *manager = settling->manager;

	ms_committer_settle(manager->committer);
	ms_sources_next_fini(settling->before);
	if (!settling->is_late) {
		const struct ms_policy *merged = ms_sources_merged(manager->sources);

		manager->lasting_expires = next_end(merged, false);
		settling->found = ms_manager_acting_find(merged, &settling->acting);
	}
	if (settling->saved == 0)
		settling->saved = ms_sources_settle(manager->sources);
	return 0;
}

const struct ms_engine_choice *ms_manager_engines_asked(const struct ms_manager *manager)
{
	return ms_committer_engines_asked(manager->committer);
}

const struct ms_unobserved *ms_manager_unobserved_asked(const struct ms_manager *manager)
{
	return ms_committer_unobserved_asked(manager->committer);
}

static bool is_bound_alike(const struct ms_engine_bound *a, const struct ms_engine_bound *b)
{
	return a->limit == b->limit && a->needed == b->needed;
}

/* A line for each family that has become slower than it was meant to be, or is no more. Offers of
 * sources may make a commit every second: what stays as it was is not said again. */
static void log_engines(const struct ms_engine_choice *before, const struct ms_engine_choice *now)
{
	char text[MS_ENGINE_SENTENCE];

	for (unsigned int i = 0; i < MS_ENGINE_FAMILIES; i++) {
		if (is_bound_alike(&before[i].bound, &now[i].bound))
			continue;
		if (ms_engine_warn(now, i, text, sizeof(text)))
			ms_log_warn("policy", "%s", text);
		else
			ms_log_notice("policy", "the rules of %s are looked up again",
				      ms_engine_family_name(i));
	}
}

static void log_unobserved(uint32_t before, const struct ms_unobserved *now)
{
	char text[MS_UNOBSERVED_SENTENCE];

	if (now->count == before)
		return;
	if (ms_unobserved_warn(now, text, sizeof(text)))
		ms_log_warn("policy", "%s", text);
	else
		ms_log_notice("policy", "in audit mode all actions that only look run again");
}

/*
 * From a merged `next` to a policy in force. `next` is used up on success. `must_save`: a change
 * that cannot be saved is refused. A start is none: with a full disk it is no reason to leave new
 * interfaces open, and the number is in the pinned control word too.
 */
static int put_in_force(struct ms_manager *manager, struct ms_sources_next *next, bool must_save,
			bool is_late, struct ms_error *err)
{
	struct saving saving = { manager, next, must_save, is_late, 0, err };
	struct settling settling = { .manager = manager, .before = next, .is_late = is_late };
	struct ms_engine_choice engines[MS_ENGINE_FAMILIES];
	uint32_t unobserved = ms_committer_unobserved(manager->committer)->count;
	/* Of a late rule that is one name, and not worth a worker of its own. */
	int r = is_late ? 0 : ms_manager_beside(manager, ready, &saving);

	if (r == 0)
		r = ms_manager_away(manager, save, &saving);
	if (manager->n_early)
		ms_manager_plan_telling(manager, false);
	if (r < 0) {
		ms_committer_abandon(manager->committer);
		return r;
	}
	memcpy(engines, ms_committer_engines(manager->committer), sizeof(engines));
	ms_committer_publish(manager->committer);
	log_engines(engines, ms_committer_engines(manager->committer));
	log_unobserved(unobserved, ms_committer_unobserved(manager->committer));
	manager->generation++;
	manager->applied_at = ms_sources_wall_ms() / 1000;
	ms_sources_take(manager->sources, next);
	manager->is_coming = false;
	settling.saved = saving.saved;
	if (is_late) {
		/* Neither groups nor actions are other ones, and little is to be settled. */
		settle(&settling);
	} else {
		/* Before interfaces that come with it are attached, which may take long: until then
		 * members of before are members under the new rules. */
		if (ms_manager_beside(manager, settle_sets, manager->committer) > 0)
			ms_manager_touch(manager);
		ms_keeper_policy_changed(manager->keeper, ms_sources_merged(manager->sources));
		ms_manager_beside(manager, settle, &settling);
		if (settling.found == 0)
			ms_manager_acting_tell(manager, &settling.acting);
		else
			ms_manager_follow_actions(manager);
		free(settling.acting.rules);
	}
	plan_rules_expiry(manager);
	if (settling.saved < 0)
		ms_manager_note_unsaved(manager, settling.saved);
	return 0;
}

static unsigned int count_changes(const struct ms_policy *old, const struct ms_policy *new)
{
	struct ms_change *changes = NULL;
	size_t count = 0;

	if (!old || ms_policy_diff(old, new, &changes, &count) < 0)
		return 0;
	free(changes);
	return (unsigned int)count;
}

struct merging {
	struct ms_manager *manager;
	struct ms_sources_next *next;
	unsigned int *ret_changes; /* may be NULL */
	bool is_change;            /* not only to be looked at */
	struct ms_error *err;
};

static size_t rank(void *user, const char *source)
{
	const struct ms_manager *manager = user;

	return ms_config_plugins_rank(&manager->named, source);
}

static int merge(void *arg)
{
	struct merging *merging = arg;
	const struct ms_sources *sources = merging->manager->sources;
	int r;

	/* One that was configured otherwise, or loaded again, has come in behind the others. */
	ms_sources_offers_order(&merging->next->offers, rank, merging->manager);
	r = ms_sources_merge(sources, merging->next, merging->err);
	/* Seldom, so it is merged again: who names a set is known behind a merge. */
	if (r == 0 && ms_manager_forget_sets(merging->manager, &merging->next->runtime,
					     merging->next->merged)) {
		merging->next->runtime_changed = true;
		r = ms_sources_merge(sources, merging->next, merging->err);
	}
	/* What is in force already may name what is not known any more: a start takes it, too. */
	if (r == 0 && merging->is_change && merging->next->documents_changed)
		r = ms_manager_refuse_unknown(merging->manager, merging->next->merged,
					      merging->next->merged, MS_SOURCE_FILE, merging->err);
	if (r == 0 && merging->ret_changes)
		*merging->ret_changes =
			count_changes(ms_sources_merged(sources), merging->next->merged);
	return r;
}

static bool has_id(void *user, const char *id)
{
	return ms_committer_has_id(user, id);
}

/* 1 = amended, 0 = it is to be merged */
static int amend(struct ms_manager *manager, struct ms_sources_next *next, struct ms_error *err)
{
	if (manager->lasting_expires && manager->lasting_expires <= ms_sources_wall_ms() / 1000)
		return 0;
	return ms_sources_amend(manager->sources, next, has_id, manager->committer, err);
}

/* 1 = as late rules, 0 = as a whole */
static int load(struct ms_manager *manager, const struct ms_sources_next *next,
		unsigned int *ret_half, struct ms_error *err)
{
	uint32_t generation = manager->generation + 1;
	int r = 0;

	if (next->amend.policy)
		r = ms_committer_amend(manager->committer, next->merged, &next->amend, generation,
				       ret_half, err);
	if (r != 0)
		return r;
	ms_manager_refusals_begin(manager, next->documents_changed ? MS_REFUSALS_NO_FILES
								   : MS_REFUSALS_STANDING);
	r = ms_committer_load(manager->committer, next->merged, generation, ret_half, err);
	ms_manager_refusals_end(manager);
	return r;
}

/* `next` is complete. It is used up. */
static int commit_merged(struct ms_manager *manager, struct ms_sources_next *next, bool dry_run,
			 unsigned int changes, struct ms_commit *ret_commit, struct ms_error *err)
{
	struct ms_commit commit = { .generation = manager->generation + 1, .changes = changes };
	unsigned int half;
	int late, r = 0;

	/* Beside the compiler. What could not be saved before goes first, by save(), and into the
	 * same files. */
	if (!dry_run && !manager->unsaved[0])
		ms_sources_stage(manager->sources, next);
	late = load(manager, next, &half, err);
	if (late < 0) {
		ms_manager_give_up(manager, next);
		return late;
	}
	if (ret_commit)
		ms_manager_flips(manager, half, &commit.sessions_end,
				 &commit.sessions_end_is_minimum);
	if (dry_run)
		ms_committer_abandon(manager->committer);
	else
		r = put_in_force(manager, next, true, late == 1, err);
	manager->is_coming = false;
	if (late == 1)
		ms_sources_next_fini(next);
	else
		ms_manager_give_up(manager, next);
	if (r == 0 && !dry_run)
		ms_manager_early_settle(manager);
	if (r == 0 && ret_commit) {
		memcpy(commit.rule_id, ret_commit->rule_id, sizeof(commit.rule_id));
		*ret_commit = commit;
	}
	return r;
}

int ms_manager_commit(struct ms_manager *manager, struct ms_sources_next *next, bool dry_run,
		      struct ms_commit *ret_commit, struct ms_error *err)
{
	unsigned int changes = 0;
	struct merging merging = { manager, next, &changes, true, err };
	int r = ms_manager_beside(manager, merge, &merging);

	if (r < 0) {
		ms_manager_give_up(manager, next);
		return r;
	}
	return commit_merged(manager, next, dry_run, changes, ret_commit, err);
}

int ms_manager_commit_rules(struct ms_manager *manager, struct ms_sources_next *next, bool dry_run,
			    struct ms_commit *ret_commit, struct ms_error *err)
{
	int r = amend(manager, next, err);

	if (r == 0)
		return ms_manager_commit(manager, next, dry_run, ret_commit, err);
	if (r < 0) {
		ms_manager_give_up(manager, next);
		return r;
	}
	return commit_merged(manager, next, dry_run, (unsigned int)next->amend.count, ret_commit,
			     err);
}

int ms_manager_merge(struct ms_manager *manager, struct ms_sources_next *next, bool is_change,
		     struct ms_error *err)
{
	struct merging merging = { manager, next, NULL, is_change, err };

	return ms_manager_beside(manager, merge, &merging);
}

static int commit_initial(struct ms_manager *manager, struct ms_error *err)
{
	struct ms_sources_next next;
	unsigned int half;
	int fallback = ms_sources_initial(manager->sources, &next, err);
	int r = fallback;

	if (r >= 0)
		r = ms_committer_load(manager->committer, next.merged, manager->generation + 1,
				      &half, err);
	/* A daemon that does not start protects no new interface: what once fitted fits again. */
	if (r < 0 && fallback == 0 && ms_sources_fall_back(manager->sources, &next, NULL) == 0 &&
	    ms_committer_load(manager->committer, next.merged, manager->generation + 1, &half,
			      NULL) == 0)
		r = fallback = 1;
	/* With rules on their fallback it is no better than what was in force without. */
	if (r >= 0 && manager->refusals == MS_REFUSALS_ALL &&
	    ms_sources_has_last_good(manager->sources))
		next.documents_changed = false;
	if (r >= 0)
		r = put_in_force(manager, &next, false, false, NULL);
	if (fallback >= 0)
		ms_sources_next_fini(&next);
	return r < 0 ? r : fallback;
}

/* What a plugin refuses keeps nothing else from being in force, if no good policy is to be had
 * without it. */
static int commit_at_start(struct ms_manager *manager, struct ms_error *why)
{
	int r = commit_initial(manager, why);

	if (r >= 0)
		return r;
	*why = (struct ms_error)MS_ERROR_INIT;
	ms_manager_refusals_begin(manager, MS_REFUSALS_ALL);
	r = commit_initial(manager, why);
	ms_manager_refusals_end(manager);
	return r;
}

/* The operator's documents come first: what is on disk of sources is left out if it keeps them from
 * being in force. */
int ms_manager_commit_initial(struct ms_manager *manager, struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	int r = commit_at_start(manager, &why);

	if (r < 0 && ms_manager_leave_offers_out(manager, &why)) {
		why = (struct ms_error)MS_ERROR_INIT;
		r = commit_at_start(manager, &why);
	}
	if (r != 0 && err)
		*err = why;
	return r;
}
