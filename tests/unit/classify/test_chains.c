/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/chains.c: how many lists there are, that the one of trials is no rule's, and what
 * is said of each in the index. */
#include "core/classify/chains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/ms_check.h"

static const struct ms_action_index *line_of(const struct ms_image *image, uint32_t slot)
{
	for (size_t i = 0; i < image->n_tables; i++)
		if (strcmp(image->tables[i].map, "ms_action_index") == 0)
			return (const struct ms_action_index *)image->tables[i].rows + slot;
	return NULL;
}

/* The line of a rule of eight actions under groups of these modes. */
static struct ms_action_index line_under(enum ms_mode first, enum ms_mode second, enum ms_mode rule)
{
	struct ms_group_def groups[] = { { .mode = first }, { .mode = second } };
	const struct ms_policy policy = { .groups = groups, .n_groups = 2 };
	const struct ms_numbering numbering = { 0 };
	struct ms_image *image = ms_image_new(1);
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_rule_action actions[MS_ACTION_LIST_MAX] = { { 0 } };
	const struct ms_rule acting = {
		.id = (char *)"r", .actions = actions, .n_actions = MS_ACTION_LIST_MAX, .mode = rule
	};
	struct ms_error err = MS_ERROR_INIT;
	struct ms_action_index line;

	ck_assert_int_eq(ms_chains_add(chains, &acting, 7, &err), 0);
	ck_assert_int_eq(ms_chains_end(chains), 0);
	line = *line_of(image, 7);
	ms_chains_free(chains);
	ms_image_free(image);
	return line;
}

START_TEST(a_mode_that_all_groups_have_is_the_lists)
{
	static const struct {
		enum ms_mode first, second, rule, expected;
	} cases[] = {
		{ MS_MODE_ENFORCE, MS_MODE_ENFORCE, MS_MODE_INHERIT, MS_MODE_ENFORCE },
		{ MS_MODE_AUDIT, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_MODE_AUDIT },
		{ MS_MODE_ENFORCE, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_MODE_INHERIT },
		{ MS_MODE_DISABLED, MS_MODE_ENFORCE, MS_MODE_INHERIT, MS_MODE_ENFORCE },
		{ MS_MODE_DISABLED, MS_MODE_DISABLED, MS_MODE_INHERIT, MS_MODE_INHERIT },
		{ MS_MODE_ENFORCE, MS_MODE_ENFORCE, MS_MODE_AUDIT, MS_MODE_AUDIT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_uint_eq(line_under(cases[i].first, cases[i].second, cases[i].rule).mode,
				  cases[i].expected);
	/* Eight do not fit: 0 is "look into the list". */
	ck_assert_uint_eq(line_under(MS_MODE_ENFORCE, MS_MODE_ENFORCE, MS_MODE_INHERIT).list, 0);
}
END_TEST

/* What stands in the half is another policy's, down to the last line. */
START_TEST(all_lines_of_the_index_are_written)
{
	const struct ms_numbering numbering = { 0 };
	const struct ms_policy policy = { 0 };
	struct ms_image *image = ms_image_new(1);
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_rule_action action = { .name = (char *)"mark" };
	const struct ms_rule rule = {
		.id = (char *)"r", .actions = &action, .n_actions = 1, .mode = MS_MODE_ENFORCE
	};
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_chains_add(chains, &rule, 3, &err), 0);
	ck_assert_int_eq(ms_chains_add(chains, &rule, 5, &err), 0);
	ck_assert_int_eq(ms_chains_end(chains), 0);
	ck_assert_uint_eq(image->tables[0].n_rows, MS_SLOTS_MAX);
	for (uint32_t slot = 0; slot < MS_SLOTS_MAX; slot++)
		ck_assert_uint_eq((line_of(image, slot)->mode != MS_MODE_DISABLED),
				  (slot == 3 || slot == 5));
	ck_assert_uint_eq(line_of(image, 5)->list, 1 | 1u << MS_CHAIN_COUNT_SHIFT);
	ms_chains_free(chains);
	ms_image_free(image);
}
END_TEST

/* An action is in the slot that its name says; capital letters only look. */
static int by_letter(void *user, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	(void)user, (void)err;
	if (action->name[0] == '?')
		return -ENOENT;
	ret_call->slot = (uint8_t)(action->name[0] & 0x1f);
	ret_call->observes = action->name[0] < 'a';
	ret_call->args.bytes[0] = (uint8_t)action->name[0];
	return 0;
}

static const void *rows_of(const struct ms_image *image, const char *map, uint32_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < image->n_tables; i++) {
		if (strcmp(image->tables[i].map, map) != 0)
			continue;
		*ret_count = image->tables[i].n_rows;
		return image->tables[i].rows;
	}
	return NULL;
}

static const struct {
	const char *actions; /* a letter each */
	enum ms_verdict verdict;
	enum ms_mode group, rule;
	enum ms_observing observing;
	const char *runs; /* in audit mode */
} observed[] = {
	{ "CM", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_LIST, "CM" },
	{ "C", MS_VERDICT_DENY, MS_MODE_ENFORCE, MS_MODE_AUDIT, MS_OBSERVING_LIST, "C" },
	{ "aCbM", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_NEXT, "CM" },
	{ "Ca", MS_VERDICT_DENY, MS_MODE_ENFORCE, MS_MODE_AUDIT, MS_OBSERVING_NEXT, "C" },
	{ "?C", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_NEXT, "C" },
	/* Nobody knows of the groups together which mode it is. */
	{ "aC", MS_VERDICT_DENY, MS_MODE_DISABLED, MS_MODE_INHERIT, MS_OBSERVING_NEXT, "C" },
	/* None looks, as no action of an older ABI says that it does; and where nothing is audited.
	 */
	{ "ab", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_NONE, "" },
	{ "?", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_NONE, "" },
	{ "aC", MS_VERDICT_ALLOW, MS_MODE_AUDIT, MS_MODE_INHERIT, MS_OBSERVING_NONE, "" },
	{ "aC", MS_VERDICT_DENY, MS_MODE_ENFORCE, MS_MODE_INHERIT, MS_OBSERVING_NONE, "" },
	{ "aC", MS_VERDICT_DENY, MS_MODE_AUDIT, MS_MODE_ENFORCE, MS_OBSERVING_NONE, "" },
};

static void expect_list(const struct ms_image *image, uint32_t index, const char *letters)
{
	uint32_t n_lists, n_args;
	const struct ms_action_list *lists = rows_of(image, "ms_action_lists", &n_lists);
	const struct ms_action_args *args = rows_of(image, "ms_action_args", &n_args);

	ck_assert_uint_lt(index, n_lists);
	ck_assert_uint_eq(n_args, n_lists * MS_ACTION_LIST_MAX);
	ck_assert_uint_eq(lists[index].rule, 9);
	ck_assert_uint_eq(lists[index].count, strlen(letters));
	for (uint32_t i = 0; i < MS_ACTION_LIST_MAX; i++) {
		bool is_there = i < strlen(letters) && letters[i] != '?';

		ck_assert_uint_eq(lists[index].slots >> 8 * i & 0xff,
				  is_there ? letters[i] & 0x1f : 0xff);
		ck_assert_uint_eq(args[index * MS_ACTION_LIST_MAX + i].bytes[0],
				  is_there ? letters[i] : 0);
	}
}

START_TEST(what_looks_is_a_list_of_its_own_where_others_do_not)
{
	struct ms_group_def group = { .mode = observed[_i].group };
	const struct ms_policy policy = { .groups = &group, .n_groups = 1 };
	const struct ms_numbering numbering = { .action = by_letter };
	struct ms_image *image = ms_image_new(1);
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	char names[MS_ACTION_LIST_MAX][2] = { { 0 } };
	struct ms_rule_action actions[MS_ACTION_LIST_MAX] = { { 0 } };
	struct ms_rule rule = { .id = (char *)"r",
				.actions = actions,
				.verdict = observed[_i].verdict,
				.mode = observed[_i].rule };
	struct ms_error err = MS_ERROR_INIT;
	const struct ms_action_index *line;
	uint32_t n_lists;

	for (; observed[_i].actions[rule.n_actions]; rule.n_actions++) {
		names[rule.n_actions][0] = observed[_i].actions[rule.n_actions];
		actions[rule.n_actions].name = names[rule.n_actions];
	}
	ck_assert_int_eq(ms_chains_add(chains, &rule, 9, &err), 0);
	ck_assert_int_eq(ms_chains_end(chains), 0);
	line = line_of(image, 9);
	ck_assert_uint_eq(line->observing, observed[_i].observing);
	ck_assert_uint_eq(line->list, (uint32_t)rule.n_actions << MS_CHAIN_COUNT_SHIFT);
	expect_list(image, 0, observed[_i].actions);
	rows_of(image, "ms_action_lists", &n_lists);
	ck_assert_uint_eq(n_lists, observed[_i].observing == MS_OBSERVING_NEXT ? 2 : 1);
	if (observed[_i].observing != MS_OBSERVING_NONE) {
		ck_assert_uint_eq(line->observing_first, observed[_i].runs[0] & 0x1f);
		expect_list(image, n_lists - 1, observed[_i].runs);
	}
	ms_chains_free(chains);
	ms_image_free(image);
}
END_TEST

/* ---- many of them ---- */

#define ROOM (MS_ACTION_LISTS - 1)

/* What looks has the number behind its letter for an argument. */
static int by_number(void *user, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	uint32_t number = (uint32_t)atoi(&action->name[1]);

	(void)user, (void)err;
	ret_call->slot = 3;
	ret_call->observes = action->name[0] == 'C';
	memcpy(ret_call->args.bytes, &number, sizeof(number));
	return 0;
}

static char names[ROOM][MS_RULE_ID_MAX], looks[ROOM][16];
static struct ms_rule_action pairs[ROOM][2];
static struct ms_rule many[ROOM];

/* [a, C], denied in audit mode, of so many rules; C says the remainder of the rule's number. */
static struct ms_image *compile_many(uint32_t count, uint32_t n_looks)
{
	const struct ms_numbering numbering = { .action = by_number };
	struct ms_image *image = ms_image_new(1);
	const struct ms_policy policy = { 0 };
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_error err = MS_ERROR_INIT;

	for (uint32_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "r/%u", i);
		snprintf(looks[i], sizeof(looks[i]), "C%u", i % n_looks);
		pairs[i][0].name = (char *)"a";
		pairs[i][1].name = looks[i];
		many[i] = (struct ms_rule) {
			.id = names[i],
			.actions = pairs[i],
			.n_actions = 2,
			.verdict = MS_VERDICT_DENY,
		};
		ck_assert_int_eq(ms_chains_add(chains, &many[i], i + 1, &err), 0);
	}
	ck_assert_int_eq(ms_chains_end(chains), 0);
	ms_chains_free(chains);
	return image;
}

/* Both of its lists are its own, or what it says in audit mode is said by others, too; false =
 * nothing is. */
static bool expect_pair(const struct ms_image *image, uint32_t rule, uint32_t look)
{
	uint32_t n_lists, n_args, said;
	const struct ms_action_list *lists = rows_of(image, "ms_action_lists", &n_lists);
	const struct ms_action_args *args = rows_of(image, "ms_action_args", &n_args);
	const struct ms_action_index *line = line_of(image, rule + 1);
	uint32_t own = line->list & MS_CHAIN_INDEX_MASK, second;

	ck_assert_uint_lt(own, n_lists);
	ck_assert_uint_eq(lists[own].rule, rule + 1);
	ck_assert_uint_eq(lists[own].count, 2);
	memcpy(&said, args[own * MS_ACTION_LIST_MAX + 1].bytes, sizeof(said));
	ck_assert_uint_eq(said, look);
	if (line->observing == MS_OBSERVING_NONE)
		return false;
	/* As bpf/lib/chain.h has it. */
	second = own + line->observing - MS_OBSERVING_LIST;
	ck_assert_uint_gt(second, own);
	ck_assert_uint_lt(second, n_lists);
	ck_assert_uint_eq(lists[second].count, 1);
	memcpy(&said, args[second * MS_ACTION_LIST_MAX].bytes, sizeof(said));
	ck_assert_uint_eq(said, look);
	ck_assert_uint_eq(line->observing_first, 3);
	return true;
}

/* The last list is no second one either. */
static const struct {
	uint32_t count, n_looks, unobserved;
	const char *first;
} crowds[] = {
	/* Each says something else. */
	{ ROOM / 2, ROOM, 0, "" },
	{ ROOM / 2 + 1, ROOM, 1, "r/2047" },
	{ ROOM / 2 + 10, ROOM, 19, "r/2038" },
	/* All say the same. */
	{ ROOM - 17, 1, 0, "" },
	{ ROOM - 16, 1, 15, "r/4064" },
	{ ROOM, 1, ROOM, "r/0" },
	/* Ten say the same each time, and a hundred. */
	{ ROOM - 500, 350, 0, "" },
	{ ROOM - 500, 36, 0, "" },
};

START_TEST(equal_second_lists_have_one_place_and_some_have_none)
{
	uint32_t count = crowds[_i].count, n_looks = crowds[_i].n_looks, unobserved = 0, n_lists;
	struct ms_image *image = compile_many(count, n_looks);
	const char *first = "";

	for (uint32_t i = 0; i < count; i++) {
		if (!expect_pair(image, i, i % n_looks) && unobserved++ == 0)
			first = names[i];
	}
	rows_of(image, "ms_action_lists", &n_lists);
	ck_assert_uint_le(n_lists, ROOM);
	ck_assert_uint_eq(unobserved, crowds[_i].unobserved);
	ck_assert_str_eq(first, crowds[_i].first);
	ck_assert_uint_eq(image->unobserved.count, unobserved);
	ck_assert_str_eq(image->unobserved.first, first);
	ms_image_free(image);
}
END_TEST

/* There is one place: for what a hundred say, and not for what the one does that comes first. */
START_TEST(what_many_say_comes_first)
{
	const struct ms_numbering numbering = { .action = by_number };
	struct ms_image *image = ms_image_new(1);
	const struct ms_policy policy = { 0 };
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_rule_action mixed[] = { { .name = (char *)"a" }, { .name = (char *)"C1" } };
	struct ms_rule rule = {
		.id = (char *)"r", .actions = mixed, .n_actions = 2, .verdict = MS_VERDICT_DENY
	};
	struct ms_rule_action alone = { .name = (char *)"a" };
	const struct ms_rule other = { .id = (char *)"o", .actions = &alone, .n_actions = 1 };
	struct ms_rule_action most[] = { { .name = (char *)"a" }, { .name = (char *)"C2" } };
	const struct ms_rule common = {
		.id = (char *)"c", .actions = most, .n_actions = 2, .verdict = MS_VERDICT_DENY
	};
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_chains_add(chains, &rule, 1, &err), 0);
	for (uint32_t slot = 2; slot < 102; slot++)
		ck_assert_int_eq(ms_chains_add(chains, &common, slot, &err), 0);
	for (uint32_t slot = 102; slot < ROOM; slot++)
		ck_assert_int_eq(ms_chains_add(chains, &other, slot, &err), 0);
	ck_assert_int_eq(ms_chains_end(chains), 0);
	for (uint32_t slot = 2; slot < 102; slot++)
		ck_assert(expect_pair(image, slot - 1, 2));
	ck_assert(!expect_pair(image, 0, 1));
	ck_assert_uint_eq(image->unobserved.count, 1);
	ck_assert_str_eq(image->unobserved.first, "r");
	ms_chains_free(chains);
	ms_image_free(image);
}
END_TEST

START_TEST(the_last_list_is_no_rule_s)
{
	const struct ms_numbering numbering = { 0 };
	struct ms_image *image = ms_image_new(1);
	const struct ms_policy policy = { 0 };
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_rule_action action = { .name = (char *)"mark" };
	struct ms_rule rule = { .id = (char *)"r", .actions = &action, .n_actions = 1 };
	struct ms_error err = MS_ERROR_INIT;

	for (uint32_t slot = 1; slot < MS_ACTION_LISTS; slot++)
		ck_assert_int_eq(ms_chains_add(chains, &rule, slot, &err), 0);
	ck_assert_int_eq(ms_chains_add(chains, &rule, MS_ACTION_LISTS, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.message, "more than 4095 lists of actions"));
	ms_chains_free(chains);
	ms_image_free(image);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("classify/chains");
	TCase *tcase = tcase_create("chains");

	tcase_add_test(tcase, a_mode_that_all_groups_have_is_the_lists);
	tcase_add_test(tcase, all_lines_of_the_index_are_written);
	tcase_add_test(tcase, the_last_list_is_no_rule_s);
	tcase_add_loop_test(tcase, equal_second_lists_have_one_place_and_some_have_none, 0,
			    sizeof(crowds) / sizeof(crowds[0]));
	tcase_add_test(tcase, what_many_say_comes_first);
	tcase_add_loop_test(tcase, what_looks_is_a_list_of_its_own_where_others_do_not, 0,
			    sizeof(observed) / sizeof(observed[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
