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
	ck_assert_ptr_nonnull(strstr(err.message, "more than 4095 rules with actions"));
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
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
