/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/gap.h"

#include "tests/harness/ms_check.h"

static struct ms_gap gap;

static void set_up(void)
{
	gap = (struct ms_gap) { .open = true };
}

static void look(uint64_t counted, uint64_t judged, uint64_t packets, bool open)
{
	ms_gap_look(&gap, counted, judged);
	ck_assert_uint_eq(gap.packets, packets);
	ck_assert_int_eq(gap.open, open);
	ck_assert(!open || !ms_gap_is_exact(&gap));
}

START_TEST(quiet_between_two_looks_is_exact)
{
	look(12, 2, 10, true);
	look(12, 2, 10, false);
	ck_assert(ms_gap_is_exact(&gap));
}
END_TEST

START_TEST(under_traffic_it_is_the_least_that_was_seen)
{
	look(1300, 0, 1300, true); /* a thousand of them wait to be judged */
	look(5300, 4900, 400, true);
	look(9300, 8800, 400, true);
	look(9700, 9300, 400, true);
	look(9700, 9400, 300, true); /* no longer counted, still being judged */
	look(9700, 9400, 300, false);
}
END_TEST

START_TEST(quiet_corrects_what_was_too_low)
{
	look(10, 7, 3, true);
	look(20, 19, 1, true); /* egress: judged and not counted yet */
	look(24, 20, 1, true);
	look(24, 20, 4, false);
}
END_TEST

START_TEST(never_below_nothing)
{
	look(5, 6, 0, true);
	look(6, 6, 0, true);
	look(6, 6, 0, false);
}
END_TEST

START_TEST(what_is_never_quiet_is_left_after_a_while)
{
	for (uint64_t i = 1; i < MS_GAP_LOOKS; i++)
		look(100 + i, i, 100, true);
	look(100 + MS_GAP_LOOKS, MS_GAP_LOOKS, 100, false);
	ck_assert(!ms_gap_is_exact(&gap));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iface/gap");
	TCase *tcase = tcase_create("gap");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, quiet_between_two_looks_is_exact);
	tcase_add_test(tcase, under_traffic_it_is_the_least_that_was_seen);
	tcase_add_test(tcase, quiet_corrects_what_was_too_low);
	tcase_add_test(tcase, never_below_nothing);
	tcase_add_test(tcase, what_is_never_quiet_is_left_after_a_while);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
