/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/chains.c: how many lists there are, that the one of trials is no rule's, and what
 * is said of each in the index. */
#include "core/classify/chains.h"

#include <errno.h>
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

/* The one that would be a trial's is no second list either. */
START_TEST(a_second_list_needs_room_too)
{
	const struct ms_numbering numbering = { .action = by_letter };
	struct ms_image *image = ms_image_new(1);
	const struct ms_policy policy = { 0 };
	struct ms_chains *chains = ms_chains_new(image, &policy, &numbering);
	struct ms_rule_action actions[] = { { .name = (char *)"a" }, { .name = (char *)"C" } };
	struct ms_rule rule = {
		.id = (char *)"r", .actions = actions, .n_actions = 2, .verdict = MS_VERDICT_DENY
	};
	struct ms_error err = MS_ERROR_INIT;

	for (uint32_t slot = 1; slot < MS_ACTION_LISTS / 2; slot++)
		ck_assert_int_eq(ms_chains_add(chains, &rule, slot, &err), 0);
	ck_assert_int_eq(ms_chains_add(chains, &rule, MS_ACTION_LISTS / 2, &err), -ENOSPC);
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
	tcase_add_test(tcase, a_second_list_needs_room_too);
	tcase_add_loop_test(tcase, what_looks_is_a_list_of_its_own_where_others_do_not, 0,
			    sizeof(observed) / sizeof(observed[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
