/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes what is in force: documents, runtime rules, modes, panic. Sets: set.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/manager/internal.h"
#include "core/policy/builtin.h"
#include "core/policy/diff.h"
#include "core/policy/document.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)
/* A rule's end that could not be made (a full disk) is tried again after this. */
#define EXPIRY_RETRY_MS 5000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void judge_again(struct ms_manager *manager)
{
	ms_watch_disarm(manager->touch);
	ms_dataplane_bump_epoch(manager->dp);
}

/* Set changes are in force at once; sessions notice by the epoch. The first of a burst bumps it at
 * once, so that what a command changed holds when it answers. */
void ms_manager_touch(struct ms_manager *manager)
{
	uint64_t now = now_ns();

	if (ms_touch_change(&manager->touched, now))
		judge_again(manager);
	else if (!ms_watch_is_armed(manager->touch))
		ms_watch_arm(manager->touch, ms_touch_wait_ms(&manager->touched, now), false);
}

void ms_manager_touch_rest(struct ms_manager *manager)
{
	if (ms_touch_take(&manager->touched, now_ns()))
		judge_again(manager);
}

enum ms_panic ms_manager_panic_of(void *user, const char *group)
{
	struct ms_manager *manager = user;
	const struct ms_runtime_override *of =
		ms_runtime_find_override(ms_sources_runtime(manager->sources), group);

	return of ? of->panic : MS_PANIC_OFF;
}

enum ms_mode ms_manager_group_override(const struct ms_manager *manager, const char *group)
{
	const struct ms_runtime_override *of =
		ms_runtime_find_override(ms_sources_runtime(manager->sources), group);

	return of ? of->mode : MS_MODE_INHERIT;
}

enum ms_panic ms_manager_group_panic(struct ms_manager *manager, const char *group)
{
	return ms_manager_panic_of(manager, group);
}

enum ms_panic ms_manager_effective_panic(struct ms_manager *manager, const char *group)
{
	enum ms_panic everywhere = (enum ms_panic)ms_dataplane_control(manager->dp).panic;
	enum ms_panic alone = ms_manager_group_panic(manager, group);

	_Static_assert(MS_PANIC_OFF < MS_PANIC_OPEN && MS_PANIC_OPEN < MS_PANIC_CLOSED,
		       "the greater one wins");
	return everywhere > alone ? everywhere : alone;
}

void ms_manager_remember_reload(struct ms_manager *manager, int r, const struct ms_error *err)
{
	manager->last_error[0] = '\0';
	if (r < 0 && err)
		ms_error_format(err, manager->last_error, sizeof(manager->last_error));
}

struct reading {
	struct ms_manager *manager;
	struct ms_sources_next *next;
	struct ms_error *err;
};

static int read_directory(void *arg)
{
	const struct reading *reading = arg;

	return ms_sources_read_directory(reading->manager->sources, reading->next, reading->err);
}

int ms_manager_reload_without(struct ms_manager *manager, const char *const *gone, size_t n_gone,
			      bool reads, bool dry_run, struct ms_commit *ret_commit,
			      struct ms_error *err)
{
	struct ms_sources_next next;
	struct reading reading = { manager, &next, err };
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_gone; i++)
		ms_sources_offers_remove(&next.offers, gone[i]);
	if (reads)
		r = ms_manager_beside(manager, read_directory, &reading);
	if (r < 0)
		ms_manager_give_up(manager, &next);
	else
		r = ms_manager_commit(manager, &next, dry_run, ret_commit, err);
	if (!dry_run && reads)
		ms_manager_remember_reload(manager, r, err);
	return r;
}

int ms_manager_reload(struct ms_manager *manager, bool dry_run, struct ms_commit *ret_commit,
		      struct ms_error *err)
{
	return ms_manager_reload_without(manager, NULL, 0, true, dry_run, ret_commit, err);
}

int ms_manager_apply(struct ms_manager *manager, const struct ms_document *documents, size_t count,
		     bool dry_run, struct ms_commit *ret_commit, struct ms_error *err)
{
	struct ms_sources_next next;
	int r;

	if (count == 0)
		return ms_manager_reload(manager, dry_run, ret_commit, err);
	r = ms_manager_begin(manager, &next);
	if (r < 0)
		return r;
	r = ms_sources_use_documents(&next, documents, count);
	if (r < 0) {
		ms_manager_give_up(manager, &next);
		return r;
	}
	r = ms_manager_commit(manager, &next, dry_run, ret_commit, err);
	if (r == 0 && !dry_run)
		manager->last_error[0] = '\0';
	return r;
}

static int preview(struct ms_manager *manager, const char *const *gone, size_t n_gone,
		   const struct ms_document *documents, size_t count, bool is_change,
		   struct ms_policy **ret_policy, struct ms_error *err)
{
	struct ms_sources_next next;
	struct reading reading = { manager, &next, err };
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_gone; i++)
		ms_sources_offers_remove(&next.offers, gone[i]);
	if (count)
		r = ms_sources_use_documents(&next, documents, count);
	else
		r = ms_manager_beside(manager, read_directory, &reading);
	if (r == 0)
		r = ms_manager_merge(manager, &next, is_change, err);
	if (r == 0)
		*ret_policy = ms_take_ptr(next.merged);
	ms_manager_give_up(manager, &next);
	return r;
}

int ms_manager_preview_without(struct ms_manager *manager, const char *const *gone, size_t n_gone,
			       struct ms_policy **ret_policy, struct ms_error *err)
{
	return preview(manager, gone, n_gone, NULL, 0, false, ret_policy, err);
}

int ms_manager_preview(struct ms_manager *manager, const struct ms_document *documents,
		       size_t count, struct ms_policy **ret_policy, struct ms_error *err)
{
	return preview(manager, NULL, 0, documents, count, true, ret_policy, err);
}

int ms_manager_count_flips(struct ms_manager *manager, const struct ms_policy *policy,
			   unsigned int *ret_count, bool *ret_is_minimum, struct ms_error *err)
{
	unsigned int half;
	int r;

	ms_manager_refusals_begin(manager, MS_REFUSALS_NO_FILES);
	r = ms_committer_load(manager->committer, policy, manager->generation + 1, &half, err);
	ms_manager_refusals_end(manager);
	if (r < 0)
		return r;
	r = ms_manager_flips(manager, half, ret_count, ret_is_minimum);
	ms_committer_abandon(manager->committer);
	return r;
}

/* ---- runtime rules ---- */

static int find_rule(const struct ms_policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (strcmp(policy->rules[i].id, id) == 0)
			return (int)i;
	}
	return -ENOENT;
}

/* An id for a rule that has none: numbers go up and are not used twice. */
static void make_id(const struct ms_manager *manager, struct ms_runtime *runtime, char *id,
		    size_t size)
{
	do {
		snprintf(id, size, "runtime/%llu", (unsigned long long)runtime->next_rule++);
	} while (ms_committer_has_id(manager->committer, id));
}

/* NULL = none. Of 100,000 rules none is looked at that cannot be it. */
static const struct ms_rule *find_in_force(const struct ms_manager *manager, const char *id)
{
	return ms_committer_has_id(manager->committer, id)
		       ? ms_policy_find_rule(ms_sources_merged(manager->sources), id)
		       : NULL;
}

static int add_rule(struct ms_manager *manager, struct ms_sources_next *next,
		    const struct ms_rule *rule, char *id, size_t size, struct ms_error *err)
{
	struct ms_rule copy;
	int r = ms_rule_copy(rule, &copy);

	if (r < 0)
		return r;
	if (!copy.id || !*copy.id) {
		make_id(manager, &next->runtime, id, size);
		free(copy.id);
		copy.id = strdup(id);
	} else {
		const struct ms_rule *other = find_in_force(manager, copy.id);
		char origin[MS_ORIGIN_MAX];

		snprintf(id, size, "%s", copy.id);
		if (other && other->origin.source != MS_SOURCE_BUILTIN) {
			ms_origin_format(&other->origin, origin, sizeof(origin));
			r = ms_error_set(err, -EEXIST, "rule %s exists already (%s)", copy.id,
					 origin);
		}
	}
	copy.origin.source = MS_SOURCE_RUNTIME;
	if (r == 0 && !copy.id)
		r = -ENOMEM;
	if (r == 0)
		r = ms_policy_add_rule(next->runtime.rules, &copy);
	ms_rule_fini(&copy);
	next->runtime_changed = true;
	return r;
}

struct refusing {
	struct ms_manager *manager;
	const struct ms_policy *rules;
	struct ms_error *err;
};

static int refuse(void *arg)
{
	const struct refusing *refusing = arg;

	return ms_manager_refuse_unknown(refusing->manager, refusing->rules,
					 ms_sources_merged(refusing->manager->sources),
					 MS_SOURCE_RUNTIME, refusing->err);
}

static int refuse_unknown(struct ms_manager *manager, const struct ms_policy *rules,
			  struct ms_error *err)
{
	struct refusing refusing = { manager, rules, err };
	bool any = false;
	int r;

	for (size_t i = 0; !any && i < rules->n_rules; i++)
		any = rules->rules[i].n_actions > 0;
	if (!any)
		return 0;
	ms_manager_refusals_begin(manager, MS_REFUSALS_STANDING);
	r = ms_manager_away(manager, refuse, &refusing);
	ms_manager_refusals_end(manager);
	return r;
}

int ms_manager_rule_add(struct ms_manager *manager, const struct ms_rule *rule, bool dry_run,
			struct ms_commit *ret_commit, struct ms_error *err)
{
	struct ms_sources_next next;
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	r = add_rule(manager, &next, rule, ret_commit->rule_id, sizeof(ret_commit->rule_id), err);
	if (r == 0)
		r = refuse_unknown(manager, next.runtime.rules, err);
	if (r < 0) {
		ms_manager_give_up(manager, &next);
		return r;
	}
	return ms_manager_commit_rules(manager, &next, dry_run, ret_commit, err);
}

int ms_manager_rule_remove(struct ms_manager *manager, const char *id, bool dry_run,
			   struct ms_commit *ret_commit, struct ms_error *err)
{
	const struct ms_rule *rule;
	struct ms_sources_next next;
	struct ms_policy *rules;
	char origin[MS_ORIGIN_MAX];
	int at, r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	rules = next.runtime.rules;
	at = find_rule(rules, id);
	if (at < 0) {
		ms_manager_give_up(manager, &next);
		rule = ms_policy_find_rule(ms_sources_merged(manager->sources), id);
		if (!rule)
			return ms_error_set(err, -ENOENT, "no rule %s", id);
		ms_origin_format(&rule->origin, origin, sizeof(origin));
		if (rule->origin.source == MS_SOURCE_BUILTIN)
			return ms_error_set(err, -EPERM,
					    "rule %s is built in: write a rule of that id to "
					    "replace it",
					    id);
		return ms_error_set(err, -EPERM, "rule %s stands in %s: take it out there", id,
				    origin);
	}
	ms_rule_fini(&rules->rules[at]);
	memmove(&rules->rules[at], &rules->rules[at + 1],
		(rules->n_rules - (size_t)at - 1) * sizeof(*rules->rules));
	rules->n_rules--;
	next.runtime_changed = true;
	snprintf(ret_commit->rule_id, sizeof(ret_commit->rule_id), "%s", id);
	return ms_manager_commit_rules(manager, &next, dry_run, ret_commit, err);
}

static void empty_rules(struct ms_policy *rules)
{
	for (size_t i = 0; i < rules->n_rules; i++)
		ms_rule_fini(&rules->rules[i]);
	rules->n_rules = 0;
}

struct parsing {
	const struct ms_document *document;
	bool replace;
	struct ms_policy *rules;
	struct ms_error *err;
};

static int parse(void *arg)
{
	const struct parsing *parsing = arg;
	const struct ms_document *document = parsing->document;

	if (parsing->replace)
		empty_rules(parsing->rules);
	return ms_document_parse(document->name, document->text, document->length,
				 MS_SOURCE_RUNTIME, parsing->rules, parsing->err);
}

int ms_manager_rule_import(struct ms_manager *manager, const struct ms_document *document,
			   bool replace, bool dry_run, struct ms_commit *ret_commit,
			   struct ms_error *err)
{
	struct parsing parsing = { .document = document, .replace = replace, .err = err };
	struct ms_sources_next next;
	struct ms_policy *rules;
	int r = ms_manager_begin(manager, &next);

	if (r < 0)
		return r;
	rules = parsing.rules = next.runtime.rules;
	r = ms_manager_beside(manager, parse, &parsing);
	if (r == 0 && (rules->n_groups || rules->n_sets || rules->failsafe.present))
		r = ms_error_set(err, -EINVAL,
				 "%s: only rules can be imported; groups, sets and failsafe belong "
				 "into a policy file",
				 document->name);
	if (r == 0)
		r = refuse_unknown(manager, rules, err);
	if (r < 0) {
		ms_manager_give_up(manager, &next);
		return r;
	}
	next.runtime_changed = true;
	return ms_manager_commit_rules(manager, &next, dry_run, ret_commit, err);
}

/* ---- modes and panic ---- */

int ms_manager_group_mode(struct ms_manager *manager, const char *group, enum ms_mode mode,
			  bool dry_run, struct ms_error *err)
{
	struct ms_sources_next next;
	int r;

	if (!ms_policy_find_group(ms_sources_merged(manager->sources), group))
		return ms_error_set(err, -ENOENT, "no group %s", group);
	r = ms_manager_begin(manager, &next);
	if (r == 0)
		r = ms_runtime_set_mode(&next.runtime, group, mode);
	if (r < 0) {
		ms_manager_give_up(manager, &next);
		return r;
	}
	next.runtime_changed = true;
	return ms_manager_commit(manager, &next, dry_run, NULL, err);
}

static int panic_group(struct ms_manager *manager, enum ms_panic panic, const char *name)
{
	uint16_t number = ms_committer_group_number(ms_sources_merged(manager->sources), name);
	unsigned int half = ms_dataplane_control(manager->dp).half;
	struct ms_group line;
	int r = ms_dataplane_get_group(manager->dp, half, number, &line);

	if (r < 0)
		return r;
	line.panic = (uint8_t)panic;
	r = ms_dataplane_set_group(manager->dp, half, number, &line);
	ms_dataplane_bump_epoch(manager->dp);
	return r;
}

int ms_manager_panic(struct ms_manager *manager, enum ms_panic panic, const char *group,
		     struct ms_error *err)
{
	struct ms_runtime runtime = { 0 };
	const struct ms_policy *merged;
	int saved = 0, r;

	if (group && !ms_policy_find_group(ms_sources_merged(manager->sources), group))
		return ms_error_set(err, -ENOENT, "no group %s", group);
	r = ms_runtime_copy(ms_sources_runtime(manager->sources), &runtime);
	if (r == 0)
		r = ms_runtime_set_panic(&runtime, group ? group : "", panic);
	if (r == 0)
		r = ms_sources_insist_on_runtime(manager->sources, &runtime, &saved);
	if (runtime.rules)
		ms_runtime_fini(&runtime);
	if (r < 0)
		return r;
	if (group) {
		r = panic_group(manager, panic, group);
	} else {
		ms_dataplane_set_panic(manager->dp, panic);
		merged = ms_sources_merged(manager->sources);
		for (size_t i = 0; r == 0 && i < merged->n_groups; i++)
			r = panic_group(manager, MS_PANIC_OFF, merged->groups[i].name);
	}
	if (saved < 0)
		ms_manager_note_unsaved(manager, saved);
	return r < 0 ? r : saved < 0;
}

/* ---- things that end by themselves ---- */

void ms_manager_plan_expiry(struct ms_manager *manager)
{
	int64_t rule = manager->rule_expires;
	uint64_t member_ns = ms_set_table_next_expiry(ms_committer_sets(manager->committer));
	uint64_t due_ms = member_ns == UINT64_MAX ? UINT64_MAX : member_ns / NS_PER_MS + 1;

	if (rule) {
		int64_t left = rule * 1000 - ms_sources_wall_ms();
		uint64_t rule_ms = left > 0 ? (uint64_t)left : 0;

		if (rule_ms < due_ms)
			due_ms = rule_ms;
	}
	/* A step of the wall clock moves a rule's end: look again at least once a minute. */
	if (due_ms == UINT64_MAX)
		ms_watch_disarm(manager->expiry);
	else
		ms_watch_arm(manager->expiry, due_ms < 60000 ? due_ms : 60000, false);
}

void ms_manager_on_expiry(void *user)
{
	struct ms_manager *manager = user;
	struct ms_error err = MS_ERROR_INIT;
	int64_t rule = manager->rule_expires;
	struct ms_sources_next next;
	bool failed = false;
	char text[640];

	/* Members end in the datapath by their own tick; their sessions must be asked again. */
	ms_manager_touch(manager);
	if (rule && rule * 1000 <= ms_sources_wall_ms() && ms_manager_begin(manager, &next) == 0) {
		ms_runtime_expire_rules(&next.runtime, ms_sources_wall_ms() / 1000);
		ms_runtime_expire_members(&next.runtime, ms_sources_wall_ms());
		next.runtime_changed = true;
		failed = ms_manager_commit(manager, &next, false, NULL, &err) < 0;
		if (failed)
			ms_log_error("policy", "a rule has expired but cannot be taken out: %s",
				     ms_error_format(&err, text, sizeof(text)));
		else
			ms_log_info("policy", "generation %u: an expired rule was taken out",
				    manager->generation);
	}
	ms_manager_plan_expiry(manager);
	/* It is still due: at once again would be for ever, and a line in the log each time. */
	if (failed)
		ms_watch_arm(manager->expiry, EXPIRY_RETRY_MS, false);
}
