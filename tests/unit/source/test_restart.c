/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/restart.h"

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define SECOND_NS 1000000000ULL
#define MINUTE_NS (60 * SECOND_NS)

START_TEST(three_crashes_in_ten_minutes_are_enough)
{
	struct ms_source_restart restart = { 0 };
	uint64_t pause_ms = 0;

	ck_assert(ms_source_restart_ended(&restart, true, MINUTE_NS, &pause_ms));
	ck_assert_uint_eq(pause_ms, 1000);
	ms_source_restart_worked(&restart); /* working in between excuses no crash */
	ck_assert(ms_source_restart_ended(&restart, true, 2 * MINUTE_NS, &pause_ms));
	ck_assert_uint_eq(pause_ms, 1000);
	ck_assert(!ms_source_restart_ended(&restart, true, 11 * MINUTE_NS - 1, &pause_ms));
}
END_TEST

START_TEST(three_crashes_in_more_are_not)
{
	struct ms_source_restart restart = { 0 };
	uint64_t pause_ms = 0;

	ck_assert(ms_source_restart_ended(&restart, true, MINUTE_NS, &pause_ms));
	ck_assert(ms_source_restart_ended(&restart, true, 2 * MINUTE_NS, &pause_ms));
	ck_assert(ms_source_restart_ended(&restart, true, 11 * MINUTE_NS, &pause_ms));
	ck_assert_uint_eq(pause_ms, 4000);
	ck_assert(!ms_source_restart_ended(&restart, true, 11 * MINUTE_NS + 1, &pause_ms));
}
END_TEST

START_TEST(giving_up_in_order_is_no_crash)
{
	struct ms_source_restart restart = { 0 };
	uint64_t pause_ms = 0;

	for (unsigned int i = 0; i < 100; i++)
		ck_assert(ms_source_restart_ended(&restart, false, i, &pause_ms));
	ck_assert_uint_eq(pause_ms, MS_SOURCE_RESTART_PAUSE_MAX_MS);
	ms_source_restart_worked(&restart);
	ck_assert(ms_source_restart_ended(&restart, false, 100, &pause_ms));
	ck_assert_uint_eq(pause_ms, MS_SOURCE_RESTART_PAUSE_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_restart");
	TCase *cases = tcase_create("restart");

	tcase_add_test(cases, three_crashes_in_ten_minutes_are_enough);
	tcase_add_test(cases, three_crashes_in_more_are_not);
	tcase_add_test(cases, giving_up_in_order_is_no_crash);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
