/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/touch.h"

#include "tests/harness/ms_check.h"

#define MS 1000000ull
#define LATER (1000 * MS)

START_TEST(the_first_of_a_burst_is_at_once_and_the_rest_soon)
{
	struct ms_touch touch = { 0 };

	ck_assert(ms_touch_change(&touch, LATER));
	ck_assert(!touch.waits);
	ck_assert(!ms_touch_change(&touch, LATER + 1));
	ck_assert(!ms_touch_change(&touch, LATER + 2 * MS));
	ck_assert(touch.waits);
	ck_assert_uint_eq(ms_touch_wait_ms(&touch, LATER + 2 * MS), 3);
	ck_assert_uint_eq(ms_touch_wait_ms(&touch, LATER + 4 * MS + 1), 1);
	ck_assert_uint_eq(ms_touch_wait_ms(&touch, LATER + 9 * MS), 0);
	ck_assert(ms_touch_take(&touch, LATER + 5 * MS));
	ck_assert(!touch.waits);
	ck_assert(!ms_touch_take(&touch, LATER + 20 * MS));
	ck_assert(ms_touch_change(&touch, LATER + 20 * MS));
}
END_TEST

/* Before what keeps the loop: nothing is left for a timer that cannot fire, and what comes behind
 * that is the first of a burst again. */
START_TEST(what_was_taken_early_waits_for_nothing)
{
	struct ms_touch touch = { 0 };

	ck_assert(ms_touch_change(&touch, LATER));
	ck_assert(!ms_touch_change(&touch, LATER + 1 * MS));
	ck_assert(ms_touch_take(&touch, LATER + 2 * MS));
	ck_assert(!touch.waits);
	/* However it comes about, not more often than every few ms. */
	ck_assert(!ms_touch_change(&touch, LATER + 6 * MS));
	ck_assert(ms_touch_change(&touch, LATER + 500 * MS));
	ck_assert(!touch.waits);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("touch");
	TCase *tcase = tcase_create("touch");

	tcase_add_test(tcase, the_first_of_a_burst_is_at_once_and_the_rest_soon);
	tcase_add_test(tcase, what_was_taken_early_waits_for_nothing);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
