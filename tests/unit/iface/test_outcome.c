/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/outcome.h"

#include <errno.h>

#include "tests/harness/ms_check.h"

#define NS_PER_MS 1000000ULL

static struct ms_outcome outcome;

static void set_up(void)
{
	outcome = (struct ms_outcome) { 0 };
}

START_TEST(a_wait_counts_for_every_bound_it_keeps)
{
	ms_outcome_attached(&outcome, 2 * NS_PER_MS);
	ms_outcome_attached(&outcome, 2 * NS_PER_MS + 1);
	ms_outcome_attached(&outcome, 5000 * NS_PER_MS);
	ck_assert_uint_eq(outcome.within[0], 0);
	ck_assert_uint_eq(outcome.within[1], 1);
	ck_assert_uint_eq(outcome.within[2], 2);
	ck_assert_uint_eq(outcome.within[MS_OUTCOME_BOUNDS - 1], 2);
	ck_assert_uint_eq(outcome.attached, 3);
	ck_assert_uint_eq(outcome.waited_ns, 5004 * NS_PER_MS + 1);
}
END_TEST

START_TEST(bounds_ascend)
{
	for (int i = 1; i < MS_OUTCOME_BOUNDS; i++)
		ck_assert_uint_gt(ms_outcome_bounds_ns[i], ms_outcome_bounds_ns[i - 1]);
}
END_TEST

START_TEST(failures_are_kept_by_code_and_the_rest_together)
{
	ms_outcome_failed(&outcome, -EBUSY);
	ms_outcome_failed(&outcome, -EPERM);
	ms_outcome_failed(&outcome, -EBUSY);
	ck_assert_int_eq(outcome.failures[0].code, -EBUSY);
	ck_assert_uint_eq(outcome.failures[0].count, 2);
	ck_assert_int_eq(outcome.failures[1].code, -EPERM);
	ck_assert_uint_eq(outcome.failures[1].count, 1);
	for (int i = 0; i < 2 * MS_OUTCOME_CODES; i++)
		ms_outcome_failed(&outcome, -1000 - i);
	ck_assert_int_eq(outcome.failures[MS_OUTCOME_CODES - 2].code,
			 -1000 - (MS_OUTCOME_CODES - 4));
	ck_assert_int_eq(outcome.failures[MS_OUTCOME_CODES - 1].code, 0);
	ck_assert_uint_eq(outcome.failures[MS_OUTCOME_CODES - 1].count, MS_OUTCOME_CODES + 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iface/outcome");
	TCase *tcase = tcase_create("outcome");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_wait_counts_for_every_bound_it_keeps);
	tcase_add_test(tcase, bounds_ascend);
	tcase_add_test(tcase, failures_are_kept_by_code_and_the_rest_together);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
