/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/array.h"
#include "core/policy/check_parts.h"
#include "core/policy/name_index.h"

int ms_check_warn(struct ms_check *check, const char *kind, const struct ms_origin *origin,
		  const struct ms_rule *rule, const char *format, ...)
{
	struct ms_warning warning = { .origin = *origin };
	va_list args;

	snprintf(warning.kind, sizeof(warning.kind), "%s", kind);
	snprintf(warning.rule, sizeof(warning.rule), "%s", rule && rule->id ? rule->id : "");
	va_start(args, format);
	vsnprintf(warning.message, sizeof(warning.message), format, args);
	va_end(args);
	return ms_array_append(&check->warnings, &check->n_warnings, warning);
}

/* ---- sets ---- */

static int note_sets(struct ms_name_index *used, const struct ms_address *addresses, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && (r == 0 || r == -EEXIST); i++) {
		if (addresses[i].kind == MS_ADDRESS_SET)
			r = ms_name_index_add(used, addresses[i].set, 0);
	}
	return r == -EEXIST ? 0 : r;
}

static int note_values(struct ms_name_index *used, const struct ms_rule_action_arg *arg)
{
	int r = 0;

	for (size_t i = 0; i < arg->n_values && (r == 0 || r == -EEXIST); i++)
		r = ms_name_index_add(used, arg->values[i].text, 0);
	return r == -EEXIST ? 0 : r;
}

/* Who fills a set uses it, too. */
static int note_actions(const struct ms_check *check, struct ms_name_index *used,
			const struct ms_rule *rule)
{
	int r = 0;

	for (size_t i = 0; i < rule->n_actions; i++) {
		const struct ms_rule_action *action = &rule->actions[i];

		for (size_t j = 0; r == 0 && j < action->n_args; j++) {
			if (ms_rule_action_may_be_set(action, &action->args[j], check->known))
				r = note_values(used, &action->args[j]);
		}
	}
	return r;
}

static int note_rules(const struct ms_check *check, struct ms_name_index *used,
		      const struct ms_rule *rules, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = note_sets(used, rules[i].from, rules[i].n_from);
		if (r == 0)
			r = note_sets(used, rules[i].to, rules[i].n_to);
		if (r == 0)
			r = note_actions(check, used, &rules[i]);
	}
	return r;
}

static int check_sets(struct ms_check *check)
{
	const struct ms_policy *policy = check->policy;
	ms_cleanup(ms_name_index_fini) struct ms_name_index used = { 0 };
	int r = note_rules(check, &used, policy->rules, policy->n_rules);

	if (r == 0)
		r = note_rules(check, &used, policy->expired, policy->n_expired);
	for (size_t i = 0; r == 0 && i < policy->n_sets; i++) {
		const struct ms_set_def *set = &policy->sets[i];
		size_t at;

		if (!ms_name_index_find(&used, set->name, &at))
			r = ms_check_warn(check, "unused_set", &set->origin, NULL,
					  "no rule uses set '%s'", set->name);
	}
	return r;
}

/* ---- groups ---- */

static bool has_pattern(const struct ms_pattern *patterns, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(patterns[i].text, "*") == 0 || strcmp(patterns[i].text, text) == 0)
			return true;
	}
	return false;
}

static bool covers_patterns(const struct ms_pattern *outer, size_t n_outer,
			    const struct ms_pattern *inner, size_t n_inner)
{
	if (n_outer == 0)
		return true;
	/* "*" asks for no particular name, but a master must be there to match it. */
	for (size_t i = 0; i < n_inner; i++) {
		if (!has_pattern(outer, n_outer, inner[i].text))
			return false;
	}
	return n_inner > 0;
}

static bool covers_kinds(const struct ms_selector *outer, const struct ms_selector *inner)
{
	for (size_t i = 0; outer->n_kinds && i < inner->n_kinds; i++) {
		bool found = false;

		for (size_t j = 0; j < outer->n_kinds && !found; j++)
			found = strcmp(outer->kinds[j], inner->kinds[i]) == 0;
		if (!found)
			return false;
	}
	return !outer->n_kinds || inner->n_kinds;
}

static bool covers_selector(const struct ms_selector *outer, const struct ms_selector *inner)
{
	bool any_name = outer->n_names == 1 && strcmp(outer->names[0].text, "*") == 0;

	return (any_name ||
		covers_patterns(outer->names, outer->n_names, inner->names, inner->n_names)) &&
	       covers_patterns(outer->masters, outer->n_masters, inner->masters,
			       inner->n_masters) &&
	       covers_kinds(outer, inner);
}

static bool is_covered(const struct ms_selector *selectors, size_t count,
		       const struct ms_selector *inner)
{
	for (size_t i = 0; i < count; i++) {
		if (covers_selector(&selectors[i], inner))
			return true;
	}
	return false;
}

/* Whether an earlier group takes, or the group's own exclude refuses, all it could match. Looks at
 * patterns as texts: what only their meaning shows is not found. */
static bool can_have_interface(const struct ms_policy *policy, const struct ms_group_def *group)
{
	for (size_t i = 0; i < group->n_match; i++) {
		const struct ms_selector *selector = &group->match[i];
		bool is_taken = is_covered(group->exclude, group->n_exclude, selector);

		for (const struct ms_group_def *earlier = policy->groups;
		     earlier < group && !is_taken; earlier++)
			is_taken = !earlier->n_exclude &&
				   is_covered(earlier->match, earlier->n_match, selector);
		if (!is_taken)
			return true;
	}
	return false;
}

static bool denies(const struct ms_group_def *group)
{
	return group->mode != MS_MODE_DISABLED &&
	       (group->default_verdict[MS_DIR_IN] == MS_VERDICT_DENY ||
		group->default_verdict[MS_DIR_OUT] == MS_VERDICT_DENY);
}

static bool selects_kind(const struct ms_group_def *group, const char *kind)
{
	for (size_t i = 0; i < group->n_match; i++) {
		for (size_t j = 0; j < group->match[i].n_kinds; j++) {
			if (strcmp(group->match[i].kinds[j], kind) == 0)
				return true;
		}
	}
	return false;
}

/* What crosses a bridge is judged on its ports already, where its addresses may still be others. */
static int check_bridges(struct ms_check *check)
{
	const struct ms_policy *policy = check->policy;

	for (size_t i = 0; i < policy->n_groups; i++) {
		for (size_t j = 0; j < policy->n_groups; j++) {
			const struct ms_group_def *bridges = &policy->groups[i];
			const struct ms_group_def *ports = &policy->groups[j];

			if (!denies(bridges) || !denies(ports) ||
			    !selects_kind(bridges, "bridge") ||
			    !(selects_kind(ports, "veth") || selects_kind(ports, "tap")))
				continue;
			return ms_check_warn(check, "bridge_and_ports", &bridges->origin, NULL,
					     "group '%s' protects bridges and group '%s' their "
					     "ports, both with a deny default: traffic between "
					     "them needs rules in both",
					     bridges->name, ports->name);
		}
	}
	return 0;
}

static int check_groups(struct ms_check *check, struct ms_name_index *idle)
{
	const struct ms_policy *policy = check->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_groups; i++) {
		const struct ms_group_def *group = &policy->groups[i];

		if (group->mode == MS_MODE_DISABLED) {
			r = ms_name_index_add(idle, group->name, i);
			continue;
		}
		if (can_have_interface(policy, group))
			continue;
		r = ms_check_warn(check, "empty_group", &group->origin, NULL,
				  "group '%s' can have no interface: earlier groups or its own "
				  "exclude take all it matches",
				  group->name);
		if (r == 0)
			r = ms_name_index_add(idle, group->name, i);
	}
	return r;
}

static bool knows_loaded(const struct ms_check *check)
{
	return check->known && check->known->is_loaded;
}

/* An action that is not there, or may not be; NULL = there is none. */
static const char *doubtful_action(const struct ms_check *check, const struct ms_rule *rule)
{
	for (size_t i = 0; i < rule->n_actions; i++) {
		const char *name = rule->actions[i].name;

		if (!knows_loaded(check) || !check->known->is_loaded(check->known->user, name))
			return name;
	}
	return NULL;
}

/* "no plugin with an action 'x' is loaded:" */
static void say_doubt(const struct ms_check *check, const char *action, char *buf, size_t size)
{
	const char *file = knows_loaded(check) ? check->known->file : NULL;

	if (!knows_loaded(check))
		snprintf(buf, size, "unless a plugin with the action '%s' is loaded,", action);
	else
		snprintf(buf, size, "no plugin with an action '%s' is loaded%s%s:", action,
			 file ? " by " : "", file ? file : "");
}

static int check_actions(struct ms_check *check)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->policy->n_rules; i++) {
		const struct ms_rule *rule = &check->policy->rules[i];
		const char *action = doubtful_action(check, rule);
		char doubt[256];

		if (!action)
			continue;
		say_doubt(check, action, doubt, sizeof(doubt));
		r = ms_check_warn(check, "missing_action", &rule->origin, rule,
				  "%s: %s every packet of the rule gets its fallback, %s",
				  rule->id ? rule->id : "the rule", doubt,
				  rule->fallback == MS_VERDICT_DENY ? "deny" : "allow");
	}
	return r;
}

static int check_rules(struct ms_check *check, const struct ms_name_index *idle)
{
	const struct ms_policy *policy = check->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		size_t n_idle = 0, at;

		for (size_t j = 0; j < rule->n_groups; j++)
			n_idle += ms_name_index_find(idle, rule->groups[j], &at);
		if (rule->n_groups && n_idle == rule->n_groups)
			r = ms_check_warn(check, "idle_rule", &rule->origin, rule,
					  "%s is never asked: group '%s' is disabled or can have "
					  "no interface",
					  rule->id ? rule->id : "the rule", rule->groups[0]);
	}
	for (size_t i = 0; r == 0 && i < policy->n_expired; i++) {
		char when[32];

		ms_format_time(policy->expired[i].expires, when, sizeof(when));
		r = ms_check_warn(check, "expired", &policy->expired[i].origin, &policy->expired[i],
				  "%s expired on %s", policy->expired[i].id, when);
	}
	return r;
}

/* ---- all of it ---- */

static void free_warnings(struct ms_check *check)
{
	free(check->warnings);
}

int ms_policy_check(const struct ms_policy *policy, struct ms_warning **ret_warnings,
		    size_t *ret_count)
{
	return ms_policy_check_with(policy, NULL, ret_warnings, ret_count);
}

int ms_policy_check_with(const struct ms_policy *policy, const struct ms_rule_action_known *known,
			 struct ms_warning **ret_warnings, size_t *ret_count)
{
	ms_cleanup(free_warnings) struct ms_check check = { .policy = policy, .known = known };
	ms_cleanup(ms_name_index_fini) struct ms_name_index idle = { 0 };
	int r = ms_check_failsafe(&check);

	if (r == 0)
		r = check_groups(&check, &idle);
	if (r == 0)
		r = check_bridges(&check);
	if (r == 0)
		r = check_rules(&check, &idle);
	if (r == 0)
		r = check_actions(&check);
	if (r == 0)
		r = ms_check_cover(&check);
	if (r == 0)
		r = check_sets(&check);
	if (r < 0)
		return r;
	*ret_count = check.n_warnings;
	*ret_warnings = ms_take_ptr(check.warnings);
	return 0;
}
