/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/builtin.h"
#include "core/policy/name_index.h"

/* First parts of ids that name what is no rule: a session's author must be one thing only. */
static const char *const reserved_prefixes[] = { "default/", "failsafe/", "panic/" };

struct merge {
	struct ms_policy *policy; /* being built */
	struct ms_name_index groups, sets, rules;
	struct ms_error *err;
};

static void fini_merge(struct merge *merge)
{
	ms_name_index_fini(&merge->groups);
	ms_name_index_fini(&merge->sets);
	ms_name_index_fini(&merge->rules);
	merge->policy = ms_policy_free(merge->policy);
}

/* Refuses `word` of the document that `origin` names, at its own place if that is known. */
static int refuse(const struct merge *merge, const struct ms_origin *origin, struct ms_place place,
		  const char *word, const char *message)
{
	unsigned int line = place.line ? place.line : origin->line;
	unsigned int column = place.line ? place.column : origin->column;

	return ms_error_set_at(merge->err, -EINVAL, origin->file, line, column, word, "%s",
			       message);
}

static int refuse_duplicate(const struct merge *merge, const char *what, const char *name,
			    const struct ms_origin *origin, struct ms_place place,
			    const struct ms_origin *first)
{
	char where[300], message[400];

	ms_origin_format(first, where, sizeof(where));
	snprintf(message, sizeof(message), "%s '%s' is there already: %s", what, name, where);
	return refuse(merge, origin, place, name, message);
}

/* ---- groups and sets ---- */

static int take_groups(struct merge *merge, const struct ms_policy *from)
{
	struct ms_policy *policy = merge->policy;

	for (size_t i = 0; i < from->n_groups; i++) {
		const struct ms_group_def *group = &from->groups[i];
		struct ms_group_def copy;
		size_t at;
		int r;

		if (ms_name_index_find(&merge->groups, group->name, &at))
			return refuse_duplicate(merge, "group", group->name, &group->origin,
						group->name_place, &policy->groups[at].origin);
		r = ms_group_def_copy(group, &copy);
		if (r < 0)
			return r;
		r = ms_array_append(&policy->groups, &policy->n_groups, copy);
		if (r < 0) {
			ms_group_def_fini(&copy);
			return r;
		}
		r = ms_name_index_add(&merge->groups, copy.name, policy->n_groups - 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A prefix that both hold is there twice: whose end is the later one is not to be told here, and
 * when one lets go, the other holds it still. */
static int join_members(struct ms_set_def *into, const struct ms_set_def *from)
{
	for (size_t i = 0; i < from->n_members; i++) {
		struct ms_set_member member = from->members[i];

		if (member.origin.file) {
			member.origin.file = strdup(member.origin.file);
			if (!member.origin.file)
				return -ENOMEM;
		}
		if (ms_array_append(&into->members, &into->n_members, member) < 0) {
			free(member.origin.file);
			return -ENOMEM;
		}
	}
	return 0;
}

static int take_sets(struct merge *merge, const struct ms_policy *from, bool join)
{
	struct ms_policy *policy = merge->policy;

	for (size_t i = 0; i < from->n_sets; i++) {
		const struct ms_set_def *set = &from->sets[i];
		struct ms_place here = { set->origin.line, set->origin.column };
		struct ms_set_def copy;
		size_t at;
		int r;

		if (strcmp(set->name, MS_SET_HOST) == 0)
			return refuse(merge, &set->origin, here, set->name,
				      "set 'host' is built in: this machine's addresses");
		if (ms_name_index_find(&merge->sets, set->name, &at)) {
			if (!join)
				return refuse_duplicate(merge, "set", set->name, &set->origin, here,
							&policy->sets[at].origin);
			r = join_members(&policy->sets[at], set);
			if (r < 0)
				return r;
			continue;
		}
		r = ms_set_def_copy(set, &copy);
		if (r < 0)
			return r;
		r = ms_array_append(&policy->sets, &policy->n_sets, copy);
		if (r < 0) {
			ms_set_def_fini(&copy);
			return r;
		}
		r = ms_name_index_add(&merge->sets, copy.name, policy->n_sets - 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- rules ---- */

static int check_id(struct merge *merge, const struct ms_rule *rule)
{
	char message[200];

	if (strcmp(rule->id, "panic") == 0)
		return refuse(merge, &rule->origin, rule->id_place, rule->id,
			      "the id 'panic' is not for rules");
	for (size_t i = 0; i < ms_array_size(reserved_prefixes); i++) {
		const char *prefix = reserved_prefixes[i];

		if (strncmp(rule->id, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(message, sizeof(message), "ids that begin with '%s' are not for rules",
			 prefix);
		return refuse(merge, &rule->origin, rule->id_place, rule->id, message);
	}
	if (strncmp(rule->id, "builtin/", strlen("builtin/")) != 0)
		return 0;
	if (rule->origin.source == MS_SOURCE_PLUGIN)
		return refuse(merge, &rule->origin, rule->id_place, rule->id,
			      "a built-in rule is for the operator alone to override");
	if (!ms_builtin_is_id(rule->id))
		return refuse(merge, &rule->origin, rule->id_place, rule->id,
			      "no built-in rule of this id to override: there are " MS_BUILTIN_ND
			      ", " MS_BUILTIN_ICMP_ERROR " and " MS_BUILTIN_DHCP);
	return 0;
}

/* What the operator wrote must hold where no source runs, and at a start before one does. */
static bool stands_alone(const struct ms_rule *rule, const struct ms_origin *named)
{
	return rule->origin.source == MS_SOURCE_PLUGIN || named->source != MS_SOURCE_PLUGIN;
}

static int check_sets(struct merge *merge, const struct ms_rule *rule,
		      const struct ms_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char word[80], message[200];
		size_t at;

		if (addresses[i].kind != MS_ADDRESS_SET ||
		    strcmp(addresses[i].set, MS_SET_HOST) == 0 ||
		    (ms_name_index_find(&merge->sets, addresses[i].set, &at) &&
		     stands_alone(rule, &merge->policy->sets[at].origin)))
			continue;
		snprintf(word, sizeof(word), "set:%s", addresses[i].set);
		snprintf(message, sizeof(message),
			 "there is no set '%s'; one that a source, an action or the CLI fills is "
			 "written empty: sets: { %s: [] }",
			 addresses[i].set, addresses[i].set);
		return refuse(merge, &rule->origin, addresses[i].place, word, message);
	}
	return 0;
}

static int check_groups(struct merge *merge, const struct ms_rule *rule)
{
	for (size_t i = 0; i < rule->n_groups; i++) {
		struct ms_place place = { 0 };
		char message[200];
		size_t at;

		if (ms_name_index_find(&merge->groups, rule->groups[i], &at) &&
		    stands_alone(rule, &merge->policy->groups[at].origin))
			continue;
		if (rule->group_places)
			place = rule->group_places[i];
		snprintf(message, sizeof(message), "there is no group '%s'", rule->groups[i]);
		return refuse(merge, &rule->origin, place, rule->groups[i], message);
	}
	return 0;
}

static int check_rule(struct merge *merge, const struct ms_rule *rule)
{
	int r;

	if (!rule->id)
		return refuse(merge, &rule->origin, (struct ms_place) { 0 }, "",
			      "a rule without an id");
	r = check_id(merge, rule);
	if (r == 0)
		r = check_groups(merge, rule);
	if (r == 0)
		r = check_sets(merge, rule, rule->from, rule->n_from);
	if (r == 0)
		r = check_sets(merge, rule, rule->to, rule->n_to);
	return r;
}

/* Every rule is checked, one whose time is over too: it was written by somebody. */
static int check_rules(struct merge *merge, const struct ms_policy *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n_rules; i++)
		r = check_rule(merge, &from->rules[i]);
	return r;
}

/* Inputs are borrowed until they are sorted: only pointers move. */
struct ordered {
	const struct ms_rule **rules;
	size_t n_rules;
	size_t *ends; /* of the runs: the operator's rules are one, each plugin's are one */
	size_t n_ends;
};

static void fini_ordered(struct ordered *ordered)
{
	free(ordered->rules);
	free(ordered->ends);
}

static int collect_rules(struct merge *merge, const struct ms_policy *from, struct ordered *ordered)
{
	for (size_t i = 0; i < from->n_rules; i++) {
		const struct ms_rule *rule = &from->rules[i];
		size_t at;
		int r = ms_name_index_add(&merge->rules, rule->id, ordered->n_rules);

		if (r == -EEXIST && ms_name_index_find(&merge->rules, rule->id, &at))
			return refuse_duplicate(merge, "rule", rule->id, &rule->origin,
						rule->id_place, &ordered->rules[at]->origin);
		if (r == 0)
			r = ms_array_append(&ordered->rules, &ordered->n_rules, rule);
		if (r < 0)
			return r;
	}
	return 0;
}

static int end_run(struct ordered *ordered)
{
	return ms_array_append(&ordered->ends, &ordered->n_ends, ordered->n_rules);
}

static int collect_plugins(struct merge *merge, const struct ms_merge_inputs *inputs, bool before,
			   struct ordered *ordered)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < inputs->n_plugins; i++) {
		if (inputs->plugins[i].before != before)
			continue;
		r = collect_rules(merge, inputs->plugins[i].policy, ordered);
		if (r == 0)
			r = end_run(ordered);
	}
	return r;
}

/* Runtime first: the order in which equal priorities are judged. Who complains of a double id is
 * who comes later. */
static int collect_all(struct merge *merge, const struct ms_merge_inputs *inputs,
		       struct ordered *ordered)
{
	int r = collect_plugins(merge, inputs, true, ordered);

	if (r == 0 && inputs->runtime)
		r = collect_rules(merge, inputs->runtime, ordered);
	if (r == 0 && inputs->files)
		r = collect_rules(merge, inputs->files, ordered);
	if (r == 0)
		r = end_run(ordered);
	return r < 0 ? r : collect_plugins(merge, inputs, false, ordered);
}

/* By priority; within one, as collected: runtime before file, then position. A counting sort: it
 * is stable and priorities are 16 bits wide. */
static int sort_run(const struct ms_rule **rules, size_t count)
{
	ms_cleanup(ms_free) size_t *starts = calloc(UINT16_MAX + 2, sizeof(*starts));
	ms_cleanup(ms_free) const struct ms_rule **sorted =
		calloc(count, sizeof(const struct ms_rule *));

	if (!starts || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		starts[rules[i]->priority + 1]++;
	for (size_t priority = 1; priority <= UINT16_MAX; priority++)
		starts[priority] += starts[priority - 1];
	for (size_t i = 0; i < count; i++)
		sorted[starts[rules[i]->priority]++] = rules[i];
	memcpy(rules, sorted, count * sizeof(const struct ms_rule *));
	return 0;
}

static int sort_rules(struct ordered *ordered)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ordered->n_ends; i++) {
		if (ordered->ends[i] > from)
			r = sort_run(ordered->rules + from, ordered->ends[i] - from);
		from = ordered->ends[i];
	}
	return r;
}

static bool is_over(const struct ms_rule *rule, int64_t now)
{
	return rule->expires && rule->expires <= now;
}

/* Before the rules are sorted: the index tells where they were collected. An override whose time
 * is over gives the built-in rule back. */
static int take_builtins(struct merge *merge, const struct ordered *ordered, int64_t now)
{
	ms_cleanup(ms_policy_fini) struct ms_policy builtins = MS_POLICY_INIT;
	int r = ms_builtin_add_rules(&builtins);

	for (size_t i = 0; r == 0 && i < builtins.n_rules; i++) {
		size_t at;

		if (!ms_name_index_find(&merge->rules, builtins.rules[i].id, &at) ||
		    is_over(ordered->rules[at], now))
			r = ms_policy_add_rule(merge->policy, &builtins.rules[i]);
	}
	return r;
}

static int take_rules(struct merge *merge, const struct ordered *ordered, int64_t now)
{
	struct ms_policy *policy = merge->policy;

	for (size_t i = 0; i < ordered->n_rules; i++) {
		const struct ms_rule *rule = ordered->rules[i];
		struct ms_rule copy;
		int r = ms_rule_copy(rule, &copy);

		if (r < 0)
			return r;
		r = is_over(rule, now) ? ms_array_append(&policy->expired, &policy->n_expired, copy)
				       : ms_array_append(&policy->rules, &policy->n_rules, copy);
		if (r < 0) {
			ms_rule_fini(&copy);
			return r;
		}
	}
	return 0;
}

static int take_failsafe(struct merge *merge, const struct ms_policy *files)
{
	if (files && files->failsafe.present)
		return ms_failsafe_def_copy(&files->failsafe, &merge->policy->failsafe);
	return ms_failsafe_defaults(&merge->policy->failsafe);
}

static int take_all_groups(struct merge *merge, const struct ms_merge_inputs *inputs)
{
	int r = inputs->files ? take_groups(merge, inputs->files) : 0;

	for (size_t i = 0; r == 0 && i < inputs->n_plugins; i++)
		r = take_groups(merge, inputs->plugins[i].policy);
	return r;
}

static int take_all_sets(struct merge *merge, const struct ms_merge_inputs *inputs)
{
	int r = inputs->files ? take_sets(merge, inputs->files, false) : 0;

	if (r == 0 && inputs->runtime)
		r = take_sets(merge, inputs->runtime, true);
	for (size_t i = 0; r == 0 && i < inputs->n_plugins; i++)
		r = take_sets(merge, inputs->plugins[i].policy, true);
	return r;
}

static int check_all(struct merge *merge, const struct ms_merge_inputs *inputs)
{
	int r = inputs->runtime ? check_rules(merge, inputs->runtime) : 0;

	if (r == 0 && inputs->files)
		r = check_rules(merge, inputs->files);
	for (size_t i = 0; r == 0 && i < inputs->n_plugins; i++)
		r = check_rules(merge, inputs->plugins[i].policy);
	return r;
}

int ms_policy_merge(const struct ms_merge_inputs *inputs, struct ms_policy **ret_policy,
		    struct ms_error *err)
{
	ms_cleanup(fini_merge) struct merge merge = { .policy = ms_policy_new(), .err = err };
	ms_cleanup(fini_ordered) struct ordered ordered = { 0 };
	int r = merge.policy ? 0 : -ENOMEM;

	if (r == 0)
		r = take_all_groups(&merge, inputs);
	if (r == 0)
		r = take_all_sets(&merge, inputs);
	if (r == 0)
		r = check_all(&merge, inputs);
	if (r == 0)
		r = collect_all(&merge, inputs, &ordered);
	if (r == 0)
		r = take_builtins(&merge, &ordered, inputs->now);
	if (r == 0)
		r = sort_rules(&ordered);
	if (r == 0)
		r = take_rules(&merge, &ordered, inputs->now);
	if (r == 0)
		r = take_failsafe(&merge, inputs->files);
	if (r < 0)
		return ms_error_set(err, r, "out of memory");
	*ret_policy = ms_take_ptr(merge.policy);
	return 0;
}

int ms_policy_merge_sets(const struct ms_merge_inputs *inputs, struct ms_policy **ret_policy,
			 struct ms_error *err)
{
	ms_cleanup(fini_merge) struct merge merge = { .policy = ms_policy_new(), .err = err };
	int r = merge.policy ? take_all_sets(&merge, inputs) : -ENOMEM;

	if (r == 0)
		*ret_policy = ms_take_ptr(merge.policy);
	return r;
}

int ms_policy_merge_check(struct ms_policy *merged, const struct ms_rule *rule,
			  struct ms_error *err)
{
	struct merge merge = { .policy = merged, .err = err };
	int r = 0;

	for (size_t i = 0; r == 0 && i < merged->n_groups; i++)
		r = ms_name_index_add(&merge.groups, merged->groups[i].name, i);
	for (size_t i = 0; r == 0 && i < merged->n_sets; i++)
		r = ms_name_index_add(&merge.sets, merged->sets[i].name, i);
	if (r == 0)
		r = check_rule(&merge, rule);
	merge.policy = NULL; /* it was lent */
	fini_merge(&merge);
	return r;
}
