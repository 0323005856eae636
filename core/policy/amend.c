/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/amend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/array.h"
#include "core/policy/merge.h"

/* The operator's rules, which stand in one run: those of files and of run time. */
struct run {
	size_t begin, end;
};

static bool is_operators(const struct ms_rule *rule)
{
	return rule->origin.source == MS_SOURCE_RUNTIME || rule->origin.source == MS_SOURCE_FILE;
}

static struct run find_run(const struct ms_policy *policy)
{
	struct run run = { 0, policy->n_rules };

	while (run.begin < run.end && !is_operators(&policy->rules[run.begin]))
		run.begin++;
	while (run.begin < run.end && !is_operators(&policy->rules[run.end - 1]))
		run.end--;
	return run;
}

/* What the run is sorted by; what is equal in it stays as it came. */
static unsigned int rank(const struct ms_rule *rule)
{
	return 2u * rule->priority + (rule->origin.source == MS_SOURCE_FILE);
}

/* The first of the run whose rank is `least` or more. */
static size_t find_rank(const struct ms_policy *policy, struct run run, unsigned int least)
{
	while (run.begin < run.end) {
		size_t middle = run.begin + (run.end - run.begin) / 2;

		if (rank(&policy->rules[middle]) < least)
			run.begin = middle + 1;
		else
			run.end = middle;
	}
	return run.begin;
}

/* ---- steps ---- */

static void open_gap(struct ms_policy *policy, size_t at, const struct ms_rule *rule)
{
	memmove(&policy->rules[at + 1], &policy->rules[at],
		(policy->n_rules - at) * sizeof(*policy->rules));
	policy->rules[at] = *rule;
	policy->n_rules++;
}

static void close_gap(struct ms_policy *policy, size_t at)
{
	policy->n_rules--;
	memmove(&policy->rules[at], &policy->rules[at + 1],
		(policy->n_rules - at) * sizeof(*policy->rules));
}

static struct ms_amend_step *new_step(struct ms_amend *amend, const struct ms_rule *rule)
{
	struct ms_amend_step *step;

	if (amend->count == MS_AMEND_STEPS_MAX)
		return NULL;
	step = &amend->steps[amend->count++];
	*step = (struct ms_amend_step) { .rule = rule };
	return step;
}

/* 1, or 0 = not for us */
static int remove_rule(struct ms_amend *amend, const struct ms_rule *rule)
{
	struct ms_policy *policy = amend->policy;
	struct run run = find_run(policy);
	struct ms_amend_step *step;
	size_t at = find_rank(policy, run, rank(rule));

	while (at < run.end && rank(&policy->rules[at]) == rank(rule) &&
	       strcmp(policy->rules[at].id, rule->id) != 0)
		at++;
	if (at == run.end || rank(&policy->rules[at]) != rank(rule))
		return 0;
	step = new_step(amend, rule);
	if (!step)
		return 0;
	step->at = at;
	step->is_removal = true;
	step->removed = policy->rules[at];
	close_gap(policy, at);
	return 1;
}

static int add_rule(struct ms_amend *amend, const struct ms_rule *rule)
{
	struct ms_policy *policy = amend->policy;
	struct run run = find_run(policy);
	struct ms_amend_step *step;
	struct ms_rule copy, *rules;

	/* Without any, whether sources come before or after it is not to be seen. */
	if (run.begin == run.end)
		return 0;
	if (ms_rule_copy(rule, &copy) < 0)
		return -ENOMEM;
	/* Room for those that were removed as well, should they come back. */
	rules = ms_array_reserve(policy->rules, policy->n_rules + amend->count + 1, sizeof(*rules));
	if (!rules) {
		ms_rule_fini(&copy);
		return -ENOMEM;
	}
	policy->rules = rules;
	step = new_step(amend, rule);
	if (!step) {
		ms_rule_fini(&copy);
		return 0;
	}
	step->at = find_rank(policy, run, rank(rule) + 1);
	open_gap(policy, step->at, &copy);
	return 1;
}

/* ---- what differs ---- */

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same(const struct ms_rule *a, const struct ms_rule *b)
{
	return is_same_text(a->id, b->id) && ms_rule_equal(a, b) &&
	       is_same_text(a->comment, b->comment) &&
	       is_same_text(a->origin.file, b->origin.file) && a->origin.line == b->origin.line &&
	       a->origin.column == b->origin.column;
}

static bool is_over(const struct ms_rule *rule, int64_t now)
{
	return rule->expires && rule->expires <= now;
}

/* A rule that is over keeps its id: it is still in its file, and no merge takes two of one id. */
static bool is_of_one_over(const struct ms_policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_expired; i++)
		if (strcmp(policy->expired[i].id, id) == 0)
			return true;
	return false;
}

static bool is_for_a_merge(const struct ms_policy *policy, const struct ms_rule *rule,
			   const struct ms_amend_inputs *inputs)
{
	return !rule->id || strncmp(rule->id, "builtin/", strlen("builtin/")) == 0 ||
	       rule->origin.source != MS_SOURCE_RUNTIME || is_over(rule, inputs->now) ||
	       is_of_one_over(policy, rule->id) || inputs->has_id(inputs->user, rule->id);
}

/* Does another one that is new, or that was there before, have its id? */
static bool is_twice(const struct ms_amend_inputs *inputs, size_t first_new, size_t at)
{
	const struct ms_policy *before = inputs->before, *after = inputs->after;

	for (size_t i = first_new; i < at; i++)
		if (strcmp(after->rules[i].id, after->rules[at].id) == 0)
			return true;
	for (size_t i = 0; i < before->n_rules; i++)
		if (strcmp(before->rules[i].id, after->rules[at].id) == 0)
			return true;
	return false;
}

/* Those that stay are in the same order, and those that are new come after them. */
static int make(struct ms_amend *amend, const struct ms_amend_inputs *inputs, struct ms_error *err)
{
	const struct ms_policy *before = inputs->before, *after = inputs->after;
	size_t kept = 0, first_new;
	int r = 1;

	for (size_t i = 0; r == 1 && i < before->n_rules; i++) {
		const struct ms_rule *rule = &before->rules[i];

		if (kept < after->n_rules && is_same(rule, &after->rules[kept])) {
			if (is_over(rule, inputs->now))
				return 0;
			kept++;
			continue;
		}
		r = strncmp(rule->id, "builtin/", strlen("builtin/")) ? remove_rule(amend, rule)
								      : 0;
	}
	first_new = kept;
	for (size_t i = first_new; r == 1 && i < after->n_rules; i++) {
		const struct ms_rule *rule = &after->rules[i];

		if (i - first_new == MS_AMEND_STEPS_MAX ||
		    is_for_a_merge(amend->policy, rule, inputs) || is_twice(inputs, first_new, i))
			return 0;
		r = ms_policy_merge_check(amend->policy, rule, err);
		if (r == 0)
			r = add_rule(amend, rule);
	}
	return r;
}

int ms_amend_make(struct ms_policy *policy, const struct ms_amend_inputs *inputs,
		  struct ms_amend *ret_amend, struct ms_error *err)
{
	struct ms_amend amend = {
		.policy = policy,
		.steps = calloc(MS_AMEND_STEPS_MAX, sizeof(*amend.steps)),
	};
	int r = amend.steps ? make(&amend, inputs, err) : -ENOMEM;

	if (r <= 0)
		ms_amend_undo(&amend);
	else
		*ret_amend = amend;
	return r;
}

void ms_amend_undo(struct ms_amend *amend)
{
	while (amend->count > 0) {
		struct ms_amend_step *step = &amend->steps[--amend->count];

		if (step->is_removal) {
			/* Its room is there still. */
			open_gap(amend->policy, step->at, &step->removed);
		} else {
			ms_rule_fini(&amend->policy->rules[step->at]);
			close_gap(amend->policy, step->at);
		}
	}
	free(amend->steps);
	*amend = (struct ms_amend) { 0 };
}

void ms_amend_fini(struct ms_amend *amend)
{
	for (size_t i = 0; i < amend->count; i++)
		if (amend->steps[i].is_removal)
			ms_rule_fini(&amend->steps[i].removed);
	free(amend->steps);
	*amend = (struct ms_amend) { 0 };
}
