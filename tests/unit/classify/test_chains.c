/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/chains.c: how many lists there are, and that the one of trials is no rule's. */
#include "core/classify/chains.h"

#include <errno.h>
#include <string.h>

#include "tests/harness/ms_check.h"

START_TEST(the_last_list_is_no_rule_s)
{
	const struct ms_numbering numbering = { 0 };
	struct ms_image *image = ms_image_new(1);
	struct ms_chains *chains = ms_chains_new(image, &numbering);
	struct ms_rule_action action = { .name = (char *)"mark" };
	struct ms_rule rule = { .id = (char *)"r", .actions = &action, .n_actions = 1 };
	struct ms_error err = MS_ERROR_INIT;
	uint32_t slots = 0;

	for (uint32_t slot = 1; slot < MS_ACTION_LISTS; slot++)
		ck_assert_int_eq(ms_chains_add(chains, &rule, slot, &err), 0);
	ck_assert_int_eq(ms_chains_add(chains, &rule, MS_ACTION_LISTS, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.message, "more than 4095 rules with actions"));
	ck_assert_int_eq(ms_chains_finish(chains, &slots), 0);
	ck_assert_uint_eq(slots, MS_ACTION_LISTS);
	ms_chains_free(chains);
	ms_image_free(image);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("classify/chains");
	TCase *tcase = tcase_create("chains");

	tcase_add_test(tcase, the_last_list_is_no_rule_s);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
