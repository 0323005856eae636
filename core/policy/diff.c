/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/policy/name_index.h"
#include "core/policy/rule_action.h"

struct diff {
	const struct ms_policy *old, *new;
	struct ms_change *changes;
	size_t n_changes;
};

static void fini_diff(struct diff *diff)
{
	free(diff->changes);
}

static int add(struct diff *diff, enum ms_change_kind kind, enum ms_change_object object,
	       const char *name, const char *detail)
{
	struct ms_change change = { .kind = kind, .object = object };

	snprintf(change.name, sizeof(change.name), "%s", name);
	snprintf(change.detail, sizeof(change.detail), "%s", detail);
	return ms_array_append(&diff->changes, &diff->n_changes, change);
}

/* The rule as it would be written, cut to what fits. */
static void describe_rule(const struct ms_rule *rule, char *buf, size_t size)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	buf[0] = '\0';
	if (!out)
		return;
	ms_document_write_rule(rule, false, out);
	fclose(out);
	if (text)
		snprintf(buf, size, "%s", text);
}

/* ---- groups, sets, failsafe ---- */

static int diff_groups(struct diff *diff)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < diff->old->n_groups; i++) {
		const struct ms_group_def *old = &diff->old->groups[i];
		const struct ms_group_def *new = ms_policy_find_group(diff->new, old->name);

		if (!new)
			r = add(diff, MS_CHANGE_REMOVED, MS_CHANGE_GROUP, old->name, "");
		else if (old->mode != new->mode)
			r = add(diff, MS_CHANGE_CHANGED, MS_CHANGE_GROUP, old->name, "mode");
		else if (old->default_verdict[0] != new->default_verdict[0] ||
			 old->default_verdict[1] != new->default_verdict[1])
			r = add(diff, MS_CHANGE_CHANGED, MS_CHANGE_GROUP, old->name, "default");
		else if (!ms_group_def_equal(old, new))
			r = add(diff, MS_CHANGE_CHANGED, MS_CHANGE_GROUP, old->name,
				"which interfaces, or how they are attached");
		/* The first group that matches wins: places say as much as patterns. */
		else if (i < diff->new->n_groups &&new != &diff->new->groups[i] &&
			 diff->old->n_groups == diff->new->n_groups)
			r = add(diff, MS_CHANGE_MOVED, MS_CHANGE_GROUP, old->name, "");
	}
	for (size_t i = 0; r == 0 && i < diff->new->n_groups; i++) {
		if (!ms_policy_find_group(diff->old, diff->new->groups[i].name))
			r = add(diff, MS_CHANGE_ADDED, MS_CHANGE_GROUP, diff->new->groups[i].name,
				"");
	}
	return r;
}

static int compare_cidrs(const void *a, const void *b)
{
	return ms_cidr_compare(a, b);
}

/* A prefix once, whoever holds it. */
static struct ms_cidr *sort_members(const struct ms_set_def *set, size_t *ret_count)
{
	struct ms_cidr *sorted = calloc(set->n_members + 1, sizeof(*sorted));
	size_t count = 0;

	for (size_t i = 0; sorted && i < set->n_members; i++)
		sorted[i] = set->members[i].cidr;
	if (sorted)
		qsort(sorted, set->n_members, sizeof(*sorted), compare_cidrs);
	for (size_t i = 0; sorted && i < set->n_members; i++) {
		if (count == 0 || compare_cidrs(&sorted[count - 1], &sorted[i]) != 0)
			sorted[count++] = sorted[i];
	}
	*ret_count = count;
	return sorted;
}

static int diff_set(struct diff *diff, const struct ms_set_def *old, const struct ms_set_def *new)
{
	size_t n_before, n_after;
	ms_cleanup(ms_free) struct ms_cidr *before = sort_members(old, &n_before);
	ms_cleanup(ms_free) struct ms_cidr *after = sort_members(new, &n_after);
	size_t i = 0, j = 0, n_gone = 0, n_come = 0;
	char detail[96];

	if (!before || !after)
		return -ENOMEM;
	while (i < n_before || j < n_after) {
		int order = i == n_before  ? 1
			    : j == n_after ? -1
					   : ms_cidr_compare(&before[i], &after[j]);

		n_gone += order < 0;
		n_come += order > 0;
		i += order <= 0;
		j += order >= 0;
	}
	if (n_gone || n_come)
		snprintf(detail, sizeof(detail), "%zu member%s more, %zu less", n_come,
			 ms_plural((long long)n_come), n_gone);
	else if (!ms_set_def_equal(old, new))
		snprintf(detail, sizeof(detail), "order or timeouts");
	else
		return 0;
	return add(diff, MS_CHANGE_CHANGED, MS_CHANGE_SET, old->name, detail);
}

static int diff_sets(struct diff *diff)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < diff->old->n_sets; i++) {
		const struct ms_set_def *new =
			ms_policy_find_set(diff->new, diff->old->sets[i].name);

		r = new ? diff_set(diff, &diff->old->sets[i], new)
			: add(diff, MS_CHANGE_REMOVED, MS_CHANGE_SET, diff->old->sets[i].name, "");
	}
	for (size_t i = 0; r == 0 && i < diff->new->n_sets; i++) {
		if (!ms_policy_find_set(diff->old, diff->new->sets[i].name))
			r = add(diff, MS_CHANGE_ADDED, MS_CHANGE_SET, diff->new->sets[i].name, "");
	}
	return r;
}

/* Whether it was written or is the default makes no difference to a packet. */
static int diff_failsafe(struct diff *diff)
{
	struct ms_failsafe_def old = diff->old->failsafe, new = diff->new->failsafe;

	old.present = new.present = true;
	if (ms_failsafe_def_equal(&old, &new))
		return 0;
	return add(diff, MS_CHANGE_CHANGED, MS_CHANGE_FAILSAFE, "failsafe", "entries");
}

/* ---- rules ---- */

/* Which rules differ, id by id. Lines of one id (built-in dhcp) count as their first. */
static int index_rules(const struct ms_policy *policy, size_t from, size_t to,
		       struct ms_name_index *index)
{
	int r = 0;

	for (size_t i = from; i < to && (r == 0 || r == -EEXIST); i++) {
		if (policy->rules[i].id)
			r = ms_name_index_add(index, policy->rules[i].id, i);
	}
	return r == -EEXIST ? 0 : r;
}

static const char *first_difference(const struct ms_rule *old, const struct ms_rule *new)
{
	if (old->verdict != new->verdict ||
	    !ms_rule_action_equal(old->actions, old->n_actions, new->actions, new->n_actions))
		return "action: ";
	if (!ms_rule_equal_match(old, new))
		return "match: ";
	if (old->mode != new->mode)
		return "mode: ";
	if (old->priority != new->priority)
		return "priority: ";
	return "";
}

static bool has_same_comment(const struct ms_rule *old, const struct ms_rule *new)
{
	return old->comment && new->comment ? strcmp(old->comment, new->comment) == 0
					    : old->comment == new->comment;
}

static int diff_rule(struct diff *diff, const struct ms_rule *old, const struct ms_rule *new)
{
	char text[380], detail[400];

	if (ms_rule_equal(old, new))
		return has_same_comment(old, new)
			       ? 0
			       : add(diff, MS_CHANGE_CHANGED, MS_CHANGE_RULE, old->id, "comment");
	describe_rule(new, text, sizeof(text));
	snprintf(detail, sizeof(detail), "%s%s", first_difference(old, new), text);
	return add(diff, MS_CHANGE_CHANGED, MS_CHANGE_RULE, old->id, detail);
}

/*
 * The fewest rules whose move explains the new order: all but a longest increasing sequence of old
 * positions, in the new order. Patience sorting, O(n log n).
 */
static int diff_order(struct diff *diff, const size_t *old_positions, const size_t *new_positions,
		      size_t count)
{
	ms_cleanup(ms_free) size_t *tails = calloc(count + 1, sizeof(*tails));
	ms_cleanup(ms_free) size_t *before = calloc(count + 1, sizeof(*before));
	ms_cleanup(ms_free) bool *stays = calloc(count + 1, sizeof(*stays));
	size_t length = 0;
	int r = 0;

	if (!tails || !before || !stays)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t low = 0, high = length;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (old_positions[tails[middle]] < old_positions[i])
				low = middle + 1;
			else
				high = middle;
		}
		before[i] = low ? tails[low - 1] : SIZE_MAX;
		tails[low] = i;
		length += low == length;
	}
	for (size_t i = length ? tails[length - 1] : SIZE_MAX; i != SIZE_MAX; i = before[i])
		stays[i] = true;
	for (size_t i = 0; r == 0 && i < count; i++) {
		char detail[128];

		if (stays[i])
			continue;
		snprintf(detail, sizeof(detail), "from place %zu to %zu", old_positions[i] + 1,
			 new_positions[i] + 1);
		r = add(diff, MS_CHANGE_MOVED, MS_CHANGE_RULE,
			diff->new->rules[new_positions[i]].id, detail);
	}
	return r;
}

static bool is_unchanged(const struct ms_rule *a, const struct ms_rule *b)
{
	return a->id && b->id && strcmp(a->id, b->id) == 0 && ms_rule_equal(a, b) &&
	       has_same_comment(a, b);
}

/* What stands at the beginning and at the end of both and is the same: most of a large policy.
 * Lines of one id are not torn apart: only built-in ones are several, together, and all there or
 * none. */
static void skip_unchanged(const struct ms_policy *old, const struct ms_policy *new,
			   size_t *ret_head, size_t *ret_tail)
{
	size_t most = old->n_rules < new->n_rules ? old->n_rules : new->n_rules;
	size_t head = 0, tail = 0;

	while (head < most && is_unchanged(&old->rules[head], &new->rules[head]))
		head++;
	while (tail < most - head && is_unchanged(&old->rules[old->n_rules - 1 - tail],
						  &new->rules[new->n_rules - 1 - tail]))
		tail++;
	*ret_head = head;
	*ret_tail = tail;
}

static int diff_rules(struct diff *diff)
{
	const struct ms_policy *old = diff->old, *new = diff->new;
	ms_cleanup(ms_name_index_fini) struct ms_name_index old_index = { 0 };
	ms_cleanup(ms_name_index_fini) struct ms_name_index new_index = { 0 };
	ms_cleanup(ms_free) size_t *old_positions = NULL;
	ms_cleanup(ms_free) size_t *new_positions = NULL;
	size_t n_common = 0, head, tail, old_end, new_end, at;
	int r;

	skip_unchanged(old, new, &head, &tail);
	old_end = old->n_rules - tail;
	new_end = new->n_rules - tail;
	old_positions = calloc(new_end - head + 1, sizeof(*old_positions));
	new_positions = calloc(new_end - head + 1, sizeof(*new_positions));
	r = old_positions && new_positions ? index_rules(old, head, old_end, &old_index) : -ENOMEM;
	if (r == 0)
		r = index_rules(new, head, new_end, &new_index);
	for (size_t i = head; r == 0 && i < old_end; i++) {
		const struct ms_rule *rule = &old->rules[i];
		char text[400];

		if (!rule->id || ms_name_index_find(&new_index, rule->id, &at) ||
		    !ms_name_index_find(&old_index, rule->id, &at) || at != i)
			continue;
		describe_rule(rule, text, sizeof(text));
		r = add(diff, MS_CHANGE_REMOVED, MS_CHANGE_RULE, rule->id, text);
	}
	for (size_t i = head; r == 0 && i < new_end; i++) {
		const struct ms_rule *rule = &new->rules[i];
		char text[400];

		if (!rule->id || !ms_name_index_find(&new_index, rule->id, &at) || at != i)
			continue;
		if (ms_name_index_find(&old_index, rule->id, &at)) {
			r = diff_rule(diff, &old->rules[at], rule);
			old_positions[n_common] = at;
			new_positions[n_common++] = i;
			continue;
		}
		describe_rule(rule, text, sizeof(text));
		r = add(diff, MS_CHANGE_ADDED, MS_CHANGE_RULE, rule->id, text);
	}
	return r < 0 ? r : diff_order(diff, old_positions, new_positions, n_common);
}

int ms_policy_diff(const struct ms_policy *old_policy, const struct ms_policy *new_policy,
		   struct ms_change **ret_changes, size_t *ret_count)
{
	ms_cleanup(fini_diff) struct diff diff = { .old = old_policy, .new = new_policy };
	int r = diff_groups(&diff);

	if (r == 0)
		r = diff_failsafe(&diff);
	if (r == 0)
		r = diff_sets(&diff);
	if (r == 0)
		r = diff_rules(&diff);
	if (r < 0)
		return r;
	*ret_count = diff.n_changes;
	*ret_changes = ms_take_ptr(diff.changes);
	return 0;
}
