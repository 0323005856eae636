/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What amending makes of a policy is what a merge of everything makes of it. */
#include "core/policy/amend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

#define NOW 1000
#define ROUNDS 40 /* of a case */

static struct ms_policy *files, *early, *late, *before, *after, *merged;
static unsigned int named; /* the next rule's number */
static uint64_t state;

static unsigned int below(unsigned int limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((state >> 33) % limit);
}

static struct ms_policy *parse(enum ms_source source, const char *text)
{
	struct ms_policy *policy = ms_policy_new();
	struct ms_error err = MS_ERROR_INIT;
	int r = ms_document_parse("a.yaml", text, strlen(text), source, policy, &err);

	ck_assert_msg(r == 0, "%s", err.message);
	return policy;
}

static struct ms_policy *merge_all(const struct ms_policy *runtime)
{
	const struct ms_merge_plugin plugins[] = { { early, true }, { late, false } };
	const struct ms_merge_inputs inputs = {
		.files = files,
		.runtime = runtime,
		.plugins = plugins,
		.n_plugins = early ? 2 : 0,
		.now = NOW,
	};
	struct ms_error err = MS_ERROR_INIT;
	struct ms_policy *policy = NULL;
	int r = ms_policy_merge(&inputs, &policy, &err);

	ck_assert_msg(r == 0, "%s", err.message);
	return policy;
}

static bool has_id(void *user, const char *id)
{
	(void)user;
	return ms_policy_find_rule(merged, id) != NULL;
}

static int amend(struct ms_amend *ret_amend, struct ms_error *err)
{
	const struct ms_amend_inputs inputs = {
		.before = before, .after = after, .has_id = has_id, .now = NOW
	};

	return ms_amend_make(merged, &inputs, ret_amend, err);
}

static void assert_same(const struct ms_policy *a, const struct ms_policy *b)
{
	ck_assert_uint_eq(a->n_rules, b->n_rules);
	/* check notes every assertion in a file: one for all rules, or nothing else takes time. */
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct ms_rule *x = &a->rules[i], *y = &b->rules[i];

		if (strcmp(x->id, y->id) != 0 || x->origin.source != y->origin.source ||
		    !ms_rule_equal(x, y))
			ck_abort_msg("rule %zu is %s here and %s there, or another of that name", i,
				     x->id, y->id);
	}
}

static const char some_files[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: g, match: { name: [a] }, default: { in: allow, out: allow } }\n"
	"sets:\n"
	"  s: []\n"
	"rules:\n"
	"  - { id: f1, priority: 5, action: deny }\n"
	"  - { id: f2, priority: 9, action: allow }\n"
	"  - { id: f3, action: allow }\n"
	"  - { id: f4, action: allow }\n"
	"  - { id: f5, priority: 65535, action: deny }\n"
	"  - { id: f6, action: allow, expires: 1970-01-01T00:00:01Z }\n";

static void setup(void)
{
	state = 20261129;
	named = 0;
	files = parse(MS_SOURCE_FILE, some_files);
	early = late = NULL;
	before = ms_policy_new();
	after = ms_policy_new();
	merged = merge_all(before);
}

static void teardown(void)
{
	ms_policy_free(files);
	ms_policy_free(early);
	ms_policy_free(late);
	ms_policy_free(before);
	ms_policy_free(after);
	ms_policy_free(merged);
}

static void add_rule(const char *id, uint16_t priority)
{
	struct ms_rule rule = {
		.id = (char *)id,
		.origin.source = MS_SOURCE_RUNTIME,
		.dirs = 1,
		.verdict = MS_VERDICT_DENY,
		.priority = priority,
	};

	ck_assert_int_eq(ms_policy_add_rule(after, &rule), 0);
}

static void add_random_rule(void)
{
	static const uint16_t priorities[] = { 0, 5, 6, 9, 1000, 1001, 65535 };
	char id[32];

	snprintf(id, sizeof(id), "r%u", named++);
	add_rule(id, priorities[below(ms_array_size(priorities))]);
}

static void remove_random_rule(void)
{
	size_t at = below((unsigned int)after->n_rules);

	ms_rule_fini(&after->rules[at]);
	memmove(&after->rules[at], &after->rules[at + 1],
		(after->n_rules - at - 1) * sizeof(*after->rules));
	after->n_rules--;
}

/* With sources before and after the operator, and without. */
START_TEST(random_changes_are_made_as_a_merge_makes_them)
{
	struct ms_error err = MS_ERROR_INIT;

	state = (uint64_t)_i;
	if (_i % 2) {
		early = parse(MS_SOURCE_PLUGIN, "version: 1\nrules:\n"
						"  - { id: e1, priority: 1000, action: deny }\n");
		late = parse(MS_SOURCE_PLUGIN, "version: 1\nrules:\n"
					       "  - { id: l1, priority: 0, action: deny }\n"
					       "  - { id: l2, priority: 7, action: deny }\n");
		ms_policy_free(merged);
		merged = merge_all(before);
	}
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct ms_policy *expected, *was = merge_all(before);
		struct ms_amend made = { 0 };

		for (unsigned int n = below(4); n > 0 && after->n_rules > 0; n--)
			remove_random_rule();
		for (unsigned int n = below(4); n > 0; n--)
			add_random_rule();
		expected = merge_all(after);
		ck_assert_int_eq(amend(&made, &err), 1);
		assert_same(merged, expected);
		if (below(3) == 0) {
			ms_amend_undo(&made);
			assert_same(merged, was);
			ck_assert_int_eq(amend(&made, &err), 1);
			assert_same(merged, expected);
		}
		ms_amend_fini(&made);
		ms_policy_free(was);
		ms_policy_free(expected);
		ms_policy_free(before);
		before = ms_policy_copy(after);
	}
}
END_TEST

static void change_verdict(void)
{
	after->rules[0].verdict = MS_VERDICT_ALLOW;
}

static void take_a_known_id(void)
{
	add_rule("f3", 1);
}

/* It is no rule of the policy in force any more, but the next merge finds it in its file. */
static void take_the_id_of_one_that_is_over(void)
{
	ck_assert_uint_eq(merged->n_expired, 1);
	add_rule("f6", 1);
}

static void take_one_id_twice(void)
{
	add_rule("x", 1);
	add_rule("x", 2);
}

static void override_a_builtin(void)
{
	add_rule("builtin/dhcp", 1);
}

static void end_the_old_one(void)
{
	before->rules[0].expires = after->rules[0].expires = NOW;
	ms_policy_find_rule(merged, "r0")->expires = NOW;
}

static void add_one_that_is_over(void)
{
	add_rule("x", 1);
	after->rules[1].expires = NOW;
}

static void add_too_many(void)
{
	for (unsigned int i = 0; i <= MS_AMEND_STEPS_MAX; i++)
		add_random_rule();
}

static void (*const others[])(void) = {
	change_verdict,       take_a_known_id,    take_the_id_of_one_that_is_over,
	take_one_id_twice,    override_a_builtin, end_the_old_one,
	add_one_that_is_over, add_too_many,
};

START_TEST(anything_else_is_left_to_a_merge)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_amend made = { 0 };
	struct ms_policy *was;

	named = 1;
	add_rule("r0", 7);
	ms_policy_free(before);
	before = ms_policy_copy(after);
	ms_policy_free(merged);
	merged = merge_all(before);
	others[_i]();
	was = ms_policy_copy(merged);
	ck_assert_int_eq(amend(&made, &err), 0);
	ck_assert_ptr_null(made.policy);
	assert_same(merged, was);
	ms_policy_free(was);
}
END_TEST

START_TEST(a_rule_that_a_merge_refuses_is_refused_and_nothing_has_changed)
{
	static char unknown[] = "nobody";
	char *groups[] = { unknown };
	struct ms_rule rule = {
		.id = (char *)"x",
		.origin.source = MS_SOURCE_RUNTIME,
		.groups = groups,
		.n_groups = 1,
		.dirs = 1,
	};
	struct ms_error err = MS_ERROR_INIT;
	struct ms_amend made = { 0 };
	struct ms_policy *was = ms_policy_copy(merged);

	add_rule("first", 1);
	ck_assert_int_eq(ms_policy_add_rule(after, &rule), 0);
	ck_assert_int_eq(amend(&made, &err), -EINVAL);
	ck_assert_str_eq(err.message, "there is no group 'nobody'");
	assert_same(merged, was);
	ms_policy_free(was);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("amend");
	TCase *tcase = tcase_create("amend");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, random_changes_are_made_as_a_merge_makes_them, 0, 20);
	tcase_add_loop_test(tcase, anything_else_is_left_to_a_merge, 0, (int)ms_array_size(others));
	tcase_add_test(tcase, a_rule_that_a_merge_refuses_is_refused_and_nothing_has_changed);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
