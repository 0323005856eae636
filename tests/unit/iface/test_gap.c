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
	ck_assert(!ms_gap_is_counted(&gap));
	look(12, 2, 10, true);
	ck_assert(ms_gap_is_counted(&gap));
	look(12, 2, 10, false);
	ck_assert(ms_gap_is_exact(&gap));
	ck_assert(ms_gap_is_counted(&gap));
	/* There never was one. */
	gap = (struct ms_gap) { .open = false };
	ck_assert(ms_gap_is_counted(&gap));
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

/* A look takes 0.4 ms here: three a step. */
START_TEST(everybody_is_looked_at_once_a_round)
{
	struct ms_gap gaps[8] = { 0 };
	struct ms_gap_rounds rounds = { 0 };
	uint64_t now = 1;

	for (unsigned int i = 0; i < 8; i++)
		gaps[i].open = i != 4;
	for (unsigned int round = 1; round <= 2; round++) {
		unsigned int looks[8] = { 0 }, steps = 0;

		do {
			unsigned int before = steps++ * 3, taken = 0;

			ms_gap_rounds_step(&rounds, now);
			for (unsigned int i = 0; i < 8; i++) {
				if (!ms_gap_rounds_take(&rounds, &gaps[i], now))
					continue;
				looks[i]++;
				taken++;
				now += MS_GAP_STEP_NS * 4 / 10;
			}
			ck_assert_uint_eq(taken, before == 6 ? 1 : 3);
			now += 5 * MS_GAP_STEP_NS;
		} while (rounds.more);
		ck_assert_uint_eq(steps, 3);
		for (unsigned int i = 0; i < 8; i++)
			ck_assert_uint_eq(looks[i], i != 4);
	}
}
END_TEST

/* However long each look takes, and for one that comes while a round goes on. */
START_TEST(every_step_looks_at_one)
{
	struct ms_gap gaps[3] = { { .open = true }, { .open = true }, { .open = false } };
	struct ms_gap_rounds rounds = { 0 };
	const uint64_t ends[] = { 10 * MS_GAP_STEP_NS, 20 * MS_GAP_STEP_NS, 30 * MS_GAP_STEP_NS };

	for (unsigned int i = 0; i < 3; i++) {
		ms_gap_rounds_step(&rounds, ends[i] - MS_GAP_STEP_NS);
		for (unsigned int j = 0; j < 3; j++)
			ck_assert_int_eq(ms_gap_rounds_take(&rounds, &gaps[j],
							    j < i    ? ends[i] - 1
							    : j == i ? ends[i] - MS_GAP_STEP_NS
								     : ends[i]),
					 j == i);
		if (i == 0)
			gaps[2].open = true;
		ck_assert_int_eq(rounds.more, i < 2);
	}
}
END_TEST

/* One comes every half calm. */
START_TEST(looks_wait_for_the_end_of_a_burst_but_not_for_ever)
{
	struct ms_gap_rounds rounds = { 0 };
	uint64_t now = 7, came = 0;

	ck_assert(!ms_gap_rounds_put_off(&rounds, came, now));
	for (int burst = 0; burst < 2; burst++) {
		for (; now < 7 + MS_GAP_PUT_OFF_NS / 2; now += MS_GAP_CALM_NS / 2) {
			came = now;
			ck_assert(ms_gap_rounds_put_off(&rounds, came, now));
			ck_assert(ms_gap_rounds_put_off(&rounds, came, now + MS_GAP_CALM_NS - 1));
		}
		ck_assert(!ms_gap_rounds_put_off(&rounds, came, came + MS_GAP_CALM_NS));
		now = 7;
	}
	for (; now < 7 + MS_GAP_PUT_OFF_NS; now += MS_GAP_CALM_NS / 2)
		ck_assert(ms_gap_rounds_put_off(&rounds, now, now));
	for (int i = 0; i < 100; i++, now += MS_GAP_CALM_NS / 2)
		ck_assert(!ms_gap_rounds_put_off(&rounds, now, now));
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
	tcase_add_test(tcase, everybody_is_looked_at_once_a_round);
	tcase_add_test(tcase, every_step_looks_at_one);
	tcase_add_test(tcase, looks_wait_for_the_end_of_a_burst_but_not_for_ever);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
