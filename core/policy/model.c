/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"
#include "core/policy/array.h"
#include "core/policy/rule_action.h"

#define NS_PER_S 1000000000ULL

static const char *const source_names[] = {
	[MS_SOURCE_BUILTIN] = "builtin",
	[MS_SOURCE_RUNTIME] = "runtime",
	[MS_SOURCE_FILE] = "file",
	[MS_SOURCE_PLUGIN] = "plugin",
};
_Static_assert(ms_array_size(source_names) == MS_SOURCE__COUNT, "one name a source");

const char *ms_source_name(enum ms_source source)
{
	return (unsigned int)source < MS_SOURCE__COUNT ? source_names[source] : "unknown";
}

char *ms_origin_format(const struct ms_origin *origin, char *buf, size_t size)
{
	bool has_file = origin->file &&
			(origin->source == MS_SOURCE_FILE || origin->source == MS_SOURCE_PLUGIN);

	char line[16] = "";

	if (has_file && origin->line)
		snprintf(line, sizeof(line), ":%u", origin->line);
	if (has_file)
		ms_utf8_shorten(buf, size, origin->file, line);
	else
		snprintf(buf, size, "%s", ms_source_name(origin->source));
	return buf;
}

static int copy_origin(const struct ms_origin *origin, struct ms_origin *ret_copy)
{
	char *file = origin->file ? strdup(origin->file) : NULL;

	if (origin->file && !file)
		return -ENOMEM;
	*ret_copy = *origin;
	ret_copy->file = file;
	return 0;
}

/* ---- groups ---- */

static void fini_selector(struct ms_selector *selector)
{
	for (size_t i = 0; i < selector->n_names; i++)
		free(selector->names[i].text);
	for (size_t i = 0; i < selector->n_kinds; i++)
		free(selector->kinds[i]);
	for (size_t i = 0; i < selector->n_masters; i++)
		free(selector->masters[i].text);
	free(selector->names);
	free(selector->kinds);
	free(selector->masters);
}

static void free_selectors(struct ms_selector *selectors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fini_selector(&selectors[i]);
	free(selectors);
}

void ms_group_def_fini(struct ms_group_def *group)
{
	free(group->origin.file);
	free(group->name);
	free_selectors(group->match, group->n_match);
	free_selectors(group->exclude, group->n_exclude);
	*group = (struct ms_group_def) { 0 };
}

static int copy_patterns(const struct ms_pattern *patterns, size_t count,
			 struct ms_pattern **ret_copy, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_pattern pattern = { .text = strdup(patterns[i].text) };

		if (!pattern.text || ms_array_append(ret_copy, ret_count, pattern) < 0) {
			free(pattern.text);
			return -ENOMEM;
		}
	}
	return 0;
}

static int copy_selector(const struct ms_selector *selector, struct ms_selector *ret_copy)
{
	struct ms_selector copy = { 0 };
	int r = copy_patterns(selector->names, selector->n_names, &copy.names, &copy.n_names);

	if (r == 0)
		r = copy_patterns(selector->masters, selector->n_masters, &copy.masters,
				  &copy.n_masters);
	for (size_t i = 0; r == 0 && i < selector->n_kinds; i++) {
		char *kind = strdup(selector->kinds[i]);

		r = kind ? ms_array_append(&copy.kinds, &copy.n_kinds, kind) : -ENOMEM;
		if (r < 0)
			free(kind);
	}
	if (r < 0) {
		fini_selector(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}

static int copy_selectors(const struct ms_selector *selectors, size_t count,
			  struct ms_selector **ret_copy, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_selector selector;
		int r = copy_selector(&selectors[i], &selector);

		if (r < 0)
			return r;
		r = ms_array_append(ret_copy, ret_count, selector);
		if (r < 0) {
			fini_selector(&selector);
			return r;
		}
	}
	return 0;
}

int ms_group_def_copy(const struct ms_group_def *group, struct ms_group_def *ret_copy)
{
	ms_cleanup(ms_group_def_fini) struct ms_group_def copy = *group;

	copy.origin.file = NULL;
	copy.match = copy.exclude = NULL;
	copy.n_match = copy.n_exclude = 0;
	copy.name = group->name ? strdup(group->name) : NULL;
	if ((group->name && !copy.name) || copy_origin(&group->origin, &copy.origin) < 0 ||
	    copy_selectors(group->match, group->n_match, &copy.match, &copy.n_match) < 0 ||
	    copy_selectors(group->exclude, group->n_exclude, &copy.exclude, &copy.n_exclude) < 0)
		return -ENOMEM;
	*ret_copy = copy;
	copy = (struct ms_group_def) { 0 };
	return 0;
}

static bool equal_patterns(const struct ms_pattern *a, size_t n_a, const struct ms_pattern *b,
			   size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (strcmp(a[i].text, b[i].text) != 0)
			return false;
	}
	return true;
}

static bool equal_selector(const struct ms_selector *a, const struct ms_selector *b)
{
	if (!equal_patterns(a->names, a->n_names, b->names, b->n_names) ||
	    !equal_patterns(a->masters, a->n_masters, b->masters, b->n_masters) ||
	    a->n_kinds != b->n_kinds)
		return false;
	for (size_t i = 0; i < a->n_kinds; i++) {
		if (strcmp(a->kinds[i], b->kinds[i]) != 0)
			return false;
	}
	return true;
}

static bool equal_selectors(const struct ms_selector *a, size_t n_a, const struct ms_selector *b,
			    size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (!equal_selector(&a[i], &b[i]))
			return false;
	}
	return true;
}

bool ms_group_def_equal(const struct ms_group_def *a, const struct ms_group_def *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       equal_selectors(a->match, a->n_match, b->match, b->n_match) &&
	       equal_selectors(a->exclude, a->n_exclude, b->exclude, b->n_exclude) &&
	       a->default_verdict[MS_DIR_IN] == b->default_verdict[MS_DIR_IN] &&
	       a->default_verdict[MS_DIR_OUT] == b->default_verdict[MS_DIR_OUT] &&
	       a->side == b->side && a->mode == b->mode && a->attach == b->attach &&
	       a->non_ip == b->non_ip && a->unready == b->unready;
}

/* ---- sets ---- */

void ms_set_def_fini(struct ms_set_def *set)
{
	free(set->origin.file);
	free(set->name);
	for (size_t i = 0; i < set->n_members; i++)
		free(set->members[i].origin.file);
	free(set->members);
	*set = (struct ms_set_def) { 0 };
}

uint64_t ms_set_def_timeout(const struct ms_set_member *member)
{
	if (member->origin.source != MS_SOURCE_RUNTIME)
		return member->timeout_ns;
	return (member->timeout_ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S;
}

int ms_set_def_copy(const struct ms_set_def *set, struct ms_set_def *ret_copy)
{
	ms_cleanup(ms_set_def_fini) struct ms_set_def copy = { 0 };

	copy.name = strdup(set->name);
	if (!copy.name || copy_origin(&set->origin, &copy.origin) < 0)
		return -ENOMEM;
	if (set->n_members > 0) {
		copy.members = ms_array_reserve(NULL, set->n_members, sizeof(*copy.members));
		if (!copy.members)
			return -ENOMEM;
	}
	for (; copy.n_members < set->n_members; copy.n_members++) {
		struct ms_set_member *member = &copy.members[copy.n_members];

		*member = set->members[copy.n_members];
		if (copy_origin(&set->members[copy.n_members].origin, &member->origin) < 0)
			return -ENOMEM;
	}
	*ret_copy = copy;
	copy = (struct ms_set_def) { 0 };
	return 0;
}

/* By prefix, and for one prefix the last one to end first. */
static int by_prefix_and_end(const void *a, const void *b)
{
	const struct ms_set_member *one = *(struct ms_set_member *const *)a;
	const struct ms_set_member *other = *(struct ms_set_member *const *)b;
	uint64_t end = one->timeout_ns ? one->began_ns + one->timeout_ns : UINT64_MAX;
	uint64_t other_end = other->timeout_ns ? other->began_ns + other->timeout_ns : UINT64_MAX;
	int order = ms_cidr_compare(&one->cidr, &other->cidr);

	if (order == 0)
		order = (end < other_end) - (end > other_end);
	return order ? order : (one > other) - (one < other);
}

int ms_set_def_keep_longest(struct ms_set_def *set)
{
	ms_cleanup(ms_free) struct ms_set_member **sorted =
		calloc(set->n_members + 1, sizeof(*sorted));
	ms_cleanup(ms_free) bool *goes = calloc(set->n_members + 1, sizeof(*goes));
	size_t kept = 0;

	if (!sorted || !goes)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_members; i++)
		sorted[i] = &set->members[i];
	qsort(sorted, set->n_members, sizeof(*sorted), by_prefix_and_end);
	for (size_t i = 1; i < set->n_members; i++)
		goes[sorted[i] - set->members] =
			ms_cidr_compare(&sorted[i - 1]->cidr, &sorted[i]->cidr) == 0;
	for (size_t i = 0; i < set->n_members; i++) {
		if (goes[i])
			free(set->members[i].origin.file);
		else
			set->members[kept++] = set->members[i];
	}
	set->n_members = kept;
	return 0;
}

bool ms_set_def_equal(const struct ms_set_def *a, const struct ms_set_def *b)
{
	if (strcmp(a->name, b->name) != 0 || a->n_members != b->n_members)
		return false;
	for (size_t i = 0; i < a->n_members; i++) {
		const struct ms_set_member *left = &a->members[i], *right = &b->members[i];

		if (ms_cidr_compare(&left->cidr, &right->cidr) != 0)
			return false;
		if (left->origin.source != MS_SOURCE_RUNTIME &&
		    left->timeout_ns != right->timeout_ns)
			return false;
	}
	return true;
}

/* ---- failsafe ---- */

void ms_failsafe_def_fini(struct ms_failsafe_def *failsafe)
{
	free(failsafe->origin.file);
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		for (size_t i = 0; i < failsafe->n_entries[dir]; i++)
			free(failsafe->entries[dir][i].origin.file);
		free(failsafe->entries[dir]);
	}
	*failsafe = (struct ms_failsafe_def) { 0 };
}

int ms_failsafe_def_copy(const struct ms_failsafe_def *failsafe, struct ms_failsafe_def *ret_copy)
{
	ms_cleanup(ms_failsafe_def_fini) struct ms_failsafe_def copy = { 0 };

	copy.present = failsafe->present;
	if (copy_origin(&failsafe->origin, &copy.origin) < 0)
		return -ENOMEM;
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		for (size_t i = 0; i < failsafe->n_entries[dir]; i++) {
			struct ms_failsafe_entry entry = failsafe->entries[dir][i];

			if (copy_origin(&failsafe->entries[dir][i].origin, &entry.origin) < 0)
				return -ENOMEM;
			if (ms_array_append(&copy.entries[dir], &copy.n_entries[dir], entry) < 0) {
				free(entry.origin.file);
				return -ENOMEM;
			}
		}
	}
	*ret_copy = copy;
	copy = (struct ms_failsafe_def) { 0 };
	return 0;
}

bool ms_failsafe_def_equal(const struct ms_failsafe_def *a, const struct ms_failsafe_def *b)
{
	if (a->present != b->present)
		return false;
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		if (a->n_entries[dir] != b->n_entries[dir])
			return false;
		for (size_t i = 0; i < a->n_entries[dir]; i++) {
			const struct ms_failsafe_entry *x = &a->entries[dir][i];
			const struct ms_failsafe_entry *y = &b->entries[dir][i];

			if (x->proto != y->proto || x->port != y->port ||
			    x->has_peer != y->has_peer ||
			    (x->has_peer && ms_cidr_compare(&x->peer, &y->peer) != 0))
				return false;
		}
	}
	return true;
}

int ms_failsafe_defaults(struct ms_failsafe_def *ret_failsafe)
{
	static const struct {
		enum ms_dir dir;
		uint8_t proto;
		uint16_t port;
	} defaults[] = {
		{ MS_DIR_IN, 6, 22 },    /* ssh */
		{ MS_DIR_IN, 17, 68 },   /* DHCP answers */
		{ MS_DIR_IN, 17, 546 },  /* DHCPv6 answers */
		{ MS_DIR_OUT, 17, 53 },  /* names */
		{ MS_DIR_OUT, 6, 53 },   /* names, long answers */
		{ MS_DIR_OUT, 17, 67 },  /* DHCP */
		{ MS_DIR_OUT, 17, 547 }, /* DHCPv6 */
	};
	ms_cleanup(ms_failsafe_def_fini) struct ms_failsafe_def failsafe = {
		.origin.source = MS_SOURCE_BUILTIN,
	};

	for (size_t i = 0; i < ms_array_size(defaults); i++) {
		struct ms_failsafe_entry entry = {
			.origin.source = MS_SOURCE_BUILTIN,
			.proto = defaults[i].proto,
			.port = defaults[i].port,
		};

		if (ms_array_append(&failsafe.entries[defaults[i].dir],
				    &failsafe.n_entries[defaults[i].dir], entry) < 0)
			return -ENOMEM;
	}
	*ret_failsafe = failsafe;
	failsafe = (struct ms_failsafe_def) { 0 };
	return 0;
}

/* ---- the policy ---- */

static void free_rules(struct ms_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ms_rule_fini(&rules[i]);
	free(rules);
}

void ms_policy_fini(struct ms_policy *policy)
{
	for (size_t i = 0; i < policy->n_groups; i++)
		ms_group_def_fini(&policy->groups[i]);
	for (size_t i = 0; i < policy->n_sets; i++)
		ms_set_def_fini(&policy->sets[i]);
	free(policy->groups);
	free(policy->sets);
	free_rules(policy->rules, policy->n_rules);
	free_rules(policy->expired, policy->n_expired);
	ms_failsafe_def_fini(&policy->failsafe);
	*policy = (struct ms_policy)MS_POLICY_INIT;
}

struct ms_policy *ms_policy_new(void)
{
	return calloc(1, sizeof(struct ms_policy));
}

struct ms_policy *ms_policy_free(struct ms_policy *policy)
{
	if (policy) {
		ms_policy_fini(policy);
		free(policy);
	}
	return NULL;
}

/* Appends deep copies; what was appended before a failure stays for the owner to free. */
static int append_rules(const struct ms_rule *rules, size_t count, struct ms_rule **into,
			size_t *into_count)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_rule copy;
		int r = ms_rule_copy(&rules[i], &copy);

		if (r < 0)
			return r;
		r = ms_array_append(into, into_count, copy);
		if (r < 0) {
			ms_rule_fini(&copy);
			return r;
		}
	}
	return 0;
}

struct ms_policy *ms_policy_copy(const struct ms_policy *policy)
{
	struct ms_policy *copy = ms_policy_new();

	if (!copy)
		return NULL;
	for (size_t i = 0; i < policy->n_groups; i++) {
		struct ms_group_def group;

		if (ms_group_def_copy(&policy->groups[i], &group) < 0)
			return ms_policy_free(copy);
		if (ms_array_append(&copy->groups, &copy->n_groups, group) < 0) {
			ms_group_def_fini(&group);
			return ms_policy_free(copy);
		}
	}
	for (size_t i = 0; i < policy->n_sets; i++) {
		struct ms_set_def set;

		if (ms_set_def_copy(&policy->sets[i], &set) < 0)
			return ms_policy_free(copy);
		if (ms_array_append(&copy->sets, &copy->n_sets, set) < 0) {
			ms_set_def_fini(&set);
			return ms_policy_free(copy);
		}
	}
	if (append_rules(policy->rules, policy->n_rules, &copy->rules, &copy->n_rules) < 0 ||
	    append_rules(policy->expired, policy->n_expired, &copy->expired, &copy->n_expired) <
		    0 ||
	    ms_failsafe_def_copy(&policy->failsafe, &copy->failsafe) < 0)
		return ms_policy_free(copy);
	return copy;
}

int ms_policy_add_rule(struct ms_policy *policy, const struct ms_rule *rule)
{
	struct ms_rule copy;
	void *room;
	int r = ms_rule_copy(rule, &copy);

	if (r < 0)
		return r;
	/* Whoever made this array: it may have no room but for what it holds. */
	room = ms_array_reserve(policy->rules, policy->n_rules + 1, sizeof(copy));
	if (!room) {
		ms_rule_fini(&copy);
		return -ENOMEM;
	}
	policy->rules = room;
	policy->rules[policy->n_rules++] = copy;
	return 0;
}

struct ms_group_def *ms_policy_find_group(const struct ms_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_groups; i++) {
		if (strcmp(policy->groups[i].name, name) == 0)
			return &policy->groups[i];
	}
	return NULL;
}

struct ms_set_def *ms_policy_find_set(const struct ms_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_sets; i++) {
		if (strcmp(policy->sets[i].name, name) == 0)
			return &policy->sets[i];
	}
	return NULL;
}

struct ms_rule *ms_policy_find_rule(const struct ms_policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].id && strcmp(policy->rules[i].id, id) == 0)
			return &policy->rules[i];
	}
	return NULL;
}

size_t ms_policy_count_naming(const struct ms_policy *policy, const char *set,
			      const struct ms_rule_action_known *known)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		bool is_used = ms_rule_action_names_set(rule->actions, rule->n_actions, set, known);

		for (size_t j = 0; j < rule->n_from && !is_used; j++)
			is_used = rule->from[j].set && strcmp(rule->from[j].set, set) == 0;
		for (size_t j = 0; j < rule->n_to && !is_used; j++)
			is_used = rule->to[j].set && strcmp(rule->to[j].set, set) == 0;
		count += is_used;
	}
	return count;
}
