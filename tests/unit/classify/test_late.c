/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/late.c: which rules are late, and how many can be. */
#include "core/classify/late.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define HALF (MS_LATE_RULES / 2)
#define ENGINES_RULES 5

static struct ms_policy *policy;
static struct ms_late late;
static uint64_t state;

static unsigned int below(unsigned int limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((state >> 33) % limit);
}

static void setup(void)
{
	policy = ms_policy_new();
	late = (struct ms_late) { .count = 0 };
	state = 20261129;
}

static void teardown(void)
{
	ms_policy_free(policy);
}

/* As many rules, each of as many rows. */
static void add_rules(enum ms_source source, size_t count, size_t rows)
{
	struct ms_port_range ports[MS_LATE_ROWS + 1];
	uint8_t tcp = 6;
	char id[32];
	struct ms_rule rule = {
		.id = id,
		.origin.source = source,
		.dirs = 3,
		.verdict = MS_VERDICT_DENY,
		.protos = &tcp,
		.n_protos = 1,
		.dports = ports,
		.n_dports = rows,
	};

	ck_assert_uint_le(rows, ms_array_size(ports));
	for (size_t i = 0; i < rows; i++)
		ports[i] = (struct ms_port_range) { (uint16_t)(2 * i + 1), (uint16_t)(2 * i + 1) };
	for (size_t i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "r%zu", policy->n_rules);
		ck_assert_int_eq(ms_policy_add_rule(policy, &rule), 0);
	}
}

/* ---- a policy that is compiled ---- */

static const struct {
	size_t rules, rows, expected;
} compiled[] = {
	{ 0, 1, 0 },
	{ 1, 1, 1 },
	{ HALF, 1, HALF },
	{ HALF + 1, 1, 0 },
	{ HALF / 2, 2, HALF / 2 },
	{ HALF / 2 + 1, 2, 0 },
	{ 1, MS_LATE_ROWS / 2, 1 },
	{ 1, MS_LATE_ROWS / 2 + 1, 0 },
};

START_TEST(runtime_rules_leave_half_of_a_bank_or_none_is_late)
{
	add_rules(MS_SOURCE_FILE, 2, 1);
	add_rules(MS_SOURCE_RUNTIME, compiled[_i].rules, compiled[_i].rows);
	add_rules(MS_SOURCE_FILE, 1, 1);
	late.count = 99;
	ms_late_choose(policy, &late);
	ck_assert_uint_eq(late.count, compiled[_i].expected);
	for (size_t i = 0; i < late.count; i++)
		ck_assert_uint_eq(late.rules[i], 2 + i);
}
END_TEST

START_TEST(a_rule_that_can_never_be_late_does_not_keep_others_from_it)
{
	struct ms_rule_action action = { .name = (char *)"mark" };

	add_rules(MS_SOURCE_RUNTIME, 1, MS_LATE_ROWS + 1);
	add_rules(MS_SOURCE_RUNTIME, 2, 1);
	policy->rules[1].actions = &action;
	policy->rules[1].n_actions = 1;
	ms_late_choose(policy, &late);
	policy->rules[1].actions = NULL;
	policy->rules[1].n_actions = 0;
	ck_assert_uint_eq(late.count, 1);
	ck_assert_uint_eq(late.rules[0], 2);
}
END_TEST

/* ---- what a bank holds ---- */

static uint32_t any_slot(void *user, const char *id)
{
	(void)user;
	(void)id;
	return 7;
}

static const struct ms_image_table *find_table(const struct ms_image *image, const char *map)
{
	for (size_t i = 0; i < image->n_tables; i++)
		if (strcmp(image->tables[i].map, map) == 0)
			return &image->tables[i];
	ck_abort_msg("no table %s", map);
	return NULL;
}

static int compile(struct ms_image **ret_image)
{
	const struct ms_numbering numbering = { .slot = any_slot };
	struct ms_policy_head head = { .flags = MS_POLICY_ICMP_ERROR };

	return ms_late_compile(policy, &late, 1, 5, &numbering, &head, ret_image, NULL);
}

static const struct {
	size_t rules, rows;
	bool fits;
} banks[] = {
	{ 1, MS_LATE_ROWS, true },          { 1, MS_LATE_ROWS + 1, false },
	{ MS_LATE_RULES, 1, true },         { MS_LATE_ROWS / 2, 2, true },
	{ MS_LATE_ROWS / 2 + 1, 2, false },
};

START_TEST(a_bank_holds_so_many_rows_and_no_more)
{
	struct ms_image *image = NULL;

	add_rules(MS_SOURCE_RUNTIME, banks[_i].rules, banks[_i].rows);
	for (late.count = 0; late.count < banks[_i].rules; late.count++)
		late.rules[late.count] = late.count;
	ck_assert_int_eq(ms_late_fits(policy, &late), banks[_i].fits);
	ck_assert_int_eq(compile(&image), banks[_i].fits ? 0 : -ENOSPC);
	ck_assert_int_eq(image != NULL, banks[_i].fits);
	if (image) {
		ck_assert_uint_eq(find_table(image, "ms_rules4")->n_rows, MS_LATE_ROWS);
		ck_assert_uint_eq(find_table(image, "ms_rules6")->n_rows, MS_LATE_ROWS);
	}
	ms_image_free(image);
}
END_TEST

START_TEST(each_stands_before_one_of_the_engines_decisions)
{
	/* The first is the datapath's own, so it is no decision. */
	static const size_t places[] = { 1, 2, 4, 7 };
	static const uint32_t before[] = { 0, 0, 1, 3 };
	const struct ms_image_table *decisions;
	struct ms_image *image;

	add_rules(MS_SOURCE_FILE, 8, 1);
	memcpy(late.rules, places, sizeof(places));
	late.count = ms_array_size(places);
	ck_assert_int_eq(compile(&image), 0);
	decisions = find_table(image, "ms_decisions");
	ck_assert_uint_eq(decisions->first, MS_LATE_DECISION(1));
	ck_assert_uint_eq(decisions->n_rows, ms_array_size(places));
	for (size_t i = 0; i < ms_array_size(places); i++)
		ck_assert_uint_eq(((const struct ms_decision *)decisions->rows)[i].before,
				  before[i]);
	ms_image_free(image);
}
END_TEST

/* ---- rules that come and go ---- */

static bool follow(struct ms_amend_step *steps, size_t count)
{
	const struct ms_amend amend = { .steps = steps, .count = count };

	return ms_late_follow(&late, &amend);
}

/* Rules in their order, each late or not. */
static struct model {
	bool is_late[ENGINES_RULES + MS_LATE_RULES];
	size_t count;
} model;

static struct ms_late late_of(const struct model *of)
{
	struct ms_late expected = { .count = 0 };

	for (size_t i = 0; i < of->count; i++)
		if (of->is_late[i])
			expected.rules[expected.count++] = i;
	return expected;
}

static bool is_as(const struct model *of)
{
	const struct ms_late expected = late_of(of);

	return late.count == expected.count &&
	       memcmp(late.rules, expected.rules, late.count * sizeof(late.rules[0])) == 0;
}

/* A step at random; false = one that cannot be taken. */
static bool take(struct model *of, struct ms_amend_step *ret_step)
{
	size_t behind;

	*ret_step = (struct ms_amend_step) { .is_removal = of->count > 0 && below(2) };
	ret_step->at = below((unsigned int)of->count + !ret_step->is_removal);
	if (ret_step->is_removal) {
		if (!of->is_late[ret_step->at])
			return false;
		behind = --of->count - ret_step->at;
		memmove(&of->is_late[ret_step->at], &of->is_late[ret_step->at + 1], behind);
		return true;
	}
	if (late_of(of).count == MS_LATE_RULES)
		return false;
	behind = of->count++ - ret_step->at;
	memmove(&of->is_late[ret_step->at + 1], &of->is_late[ret_step->at], behind);
	of->is_late[ret_step->at] = true;
	return true;
}

START_TEST(who_is_late_moves_as_the_rules_do)
{
	unsigned int taken = 0, refused = 0;

	/* The engine's, none of which may go. */
	model = (struct model) { .count = ENGINES_RULES };
	for (unsigned int round = 0; round < 5000; round++) {
		struct ms_amend_step steps[4];
		struct model next = model;
		size_t count = 0, wanted = 1 + below(4);
		bool can = true;

		while (can && count < wanted)
			can = take(&next, &steps[count++]);
		if (can)
			model = next;
		ck_assert(follow(steps, count) == can && is_as(&model));
		taken += can;
		refused += !can;
	}
	ck_assert_uint_gt(taken, 500);
	ck_assert_uint_gt(refused, 500);
}
END_TEST

START_TEST(one_more_than_a_bank_has_room_for_is_not_late)
{
	struct ms_amend_step step = { .at = 0 };
	struct ms_late full;

	for (size_t i = 0; i < MS_LATE_RULES; i++)
		ck_assert(follow(&step, 1));
	ck_assert_uint_eq(late.count, MS_LATE_RULES);
	full = late;
	ck_assert(!follow(&step, 1));
	ck_assert_mem_eq(&late, &full, sizeof(late));
	/* Another one's place is free for it. */
	step.is_removal = true;
	ck_assert(follow(&step, 1));
	step.is_removal = false;
	ck_assert(follow(&step, 1));
	ck_assert_mem_eq(&late, &full, sizeof(late));
}
END_TEST

/* The engine's tables would have to be made anew. */
START_TEST(one_of_the_engines_among_them_does_not_go_by_itself)
{
	struct ms_amend_step steps[] = { { .at = 3, .is_removal = true },
					 { .at = 4, .is_removal = true } };
	struct ms_late before;

	late = (struct ms_late) { .rules = { 3, 4, 6 }, .count = 3 };
	before = late;
	/* What is the fifth by then was the sixth. */
	ck_assert(!follow(steps, 2));
	ck_assert_mem_eq(&late, &before, sizeof(late));
	ck_assert(follow(steps, 1));
	ck_assert_uint_eq(late.count, 2);
	ck_assert_uint_eq(late.rules[0], 3);
	ck_assert_uint_eq(late.rules[1], 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("late");
	TCase *tcase = tcase_create("late");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, runtime_rules_leave_half_of_a_bank_or_none_is_late, 0,
			    (int)ms_array_size(compiled));
	tcase_add_test(tcase, a_rule_that_can_never_be_late_does_not_keep_others_from_it);
	tcase_add_loop_test(tcase, a_bank_holds_so_many_rows_and_no_more, 0,
			    (int)ms_array_size(banks));
	tcase_add_test(tcase, each_stands_before_one_of_the_engines_decisions);
	tcase_add_test(tcase, who_is_late_moves_as_the_rules_do);
	tcase_add_test(tcase, one_more_than_a_bank_has_room_for_is_not_late);
	tcase_add_test(tcase, one_of_the_engines_among_them_does_not_go_by_itself);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
