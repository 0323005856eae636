/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bpf/dataplane_private.h"

#include "tests/harness/ms_check.h"

#define S 1000000000ull

static const unsigned int frequencies[] = { 100, 250, 300, 1000 };

static uint64_t jiffies_after(unsigned int hz, uint64_t seconds)
{
	return (1ull << 32) - 300ull * hz + hz * seconds;
}

START_TEST(hz_is_found_from_one_look_but_near_the_wrap)
{
	unsigned int hz = frequencies[_i];

	/* The first seconds, an hour, a month, ten years. */
	static const uint64_t uptimes[] = { 1, 30, 200, 400, 3600, 2592000, 315360000 };

	for (size_t i = 0; i < sizeof(uptimes) / sizeof(uptimes[0]); i++)
		ck_assert_uint_eq(ms_dataplane_clock_guess(jiffies_after(hz, uptimes[i]) + hz / 2,
							   uptimes[i] * S),
				  hz);
	ck_assert_uint_eq(ms_dataplane_clock_guess(jiffies_after(hz, 300), 300 * S), 0);
	for (uint64_t uptime = 200; uptime < 400; uptime++) {
		unsigned int guess =
			ms_dataplane_clock_guess(jiffies_after(hz, uptime), uptime * S);

		ck_assert(guess == hz || guess == 0); /* never a wrong one */
	}
}
END_TEST

START_TEST(hz_is_measured_where_guessing_fails)
{
	unsigned int hz = frequencies[_i];
	uint64_t then = jiffies_after(hz, 300);

	for (int slip = -1; slip <= 1; slip++) {
		uint64_t later = then + hz * 150 / 1000 + (uint64_t)slip;

		ck_assert_uint_eq(
			ms_dataplane_clock_measure(then, 300 * S, later, 300 * S + S * 150 / 1000),
			hz);
	}
	ck_assert_uint_eq(ms_dataplane_clock_measure(then, 300 * S, then + 1, 300 * S + S / 100),
			  0);
}
END_TEST

START_TEST(no_known_hz_is_no_hz)
{
	ck_assert_uint_eq(ms_dataplane_clock_guess(jiffies_after(1024, 100000), 100000 * S), 0);
	ck_assert_uint_eq(ms_dataplane_clock_measure(0, 0, 512, S), 0);
}
END_TEST

START_TEST(ticks_and_ns_agree)
{
	struct ms_dataplane_clock clock = { .hz = frequencies[_i] };
	uint64_t tick_ns = S * 32 / clock.hz;

	ck_assert_uint_eq(ms_dataplane_clock_ns(&clock, 0), 0);
	ck_assert_uint_eq(ms_dataplane_clock_ns(&clock, 1), tick_ns);
	ck_assert_uint_eq(ms_dataplane_clock_ns(&clock, 0xffffffff),
			  (uint64_t)((unsigned __int128)0xffffffff * 32 * S / clock.hz));
	/* Rounded up: a timeout is never shorter than asked. */
	ck_assert_uint_eq(ms_dataplane_clock_ticks(&clock, 0), 0);
	ck_assert_uint_eq(ms_dataplane_clock_ticks(&clock, 1), 1);
	ck_assert_uint_eq(ms_dataplane_clock_ticks(&clock, tick_ns), 1);
	ck_assert_uint_eq(ms_dataplane_clock_ticks(&clock, tick_ns + 2), 2);
	for (uint64_t ns = 1; ns < 1000000 * S; ns *= 7) {
		uint32_t ticks = ms_dataplane_clock_ticks(&clock, ns);

		ck_assert_uint_ge(ms_dataplane_clock_ns(&clock, ticks) + 1, ns);
		ck_assert_uint_le(ms_dataplane_clock_ns(&clock, ticks), ns + tick_ns);
	}
	/* Ages are signed: what is longer than they can say is the longest they can say. */
	ck_assert_uint_eq(ms_dataplane_clock_ticks(&clock, UINT64_MAX), INT32_MAX);
}
END_TEST

START_TEST(the_tick_follows_the_monotonic_clock)
{
	struct ms_dataplane_clock clock = {
		.hz = 250,
		.jiffies = (1ull << 37) - 10, /* ticks are about to wrap */
		.monotonic_ns = 1000 * S,
	};

	ck_assert_uint_eq(ms_dataplane_clock_tick(&clock, 1000 * S), 0xffffffff);
	ck_assert_uint_eq(ms_dataplane_clock_tick(&clock, 1000 * S + 39 * S / 1000), 0xffffffff);
	ck_assert_uint_eq(ms_dataplane_clock_tick(&clock, 1000 * S + 40 * S / 1000), 0);
	ck_assert_uint_eq(ms_dataplane_clock_tick(&clock, 1000 * S + 168 * S / 1000), 1);
	ck_assert_uint_eq(ms_dataplane_clock_tick(&clock, 4600 * S),
			  (uint32_t)(((1ull << 37) - 10 + 900000) >> 5));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_clock");
	TCase *tcase = tcase_create("clock");

	tcase_add_loop_test(tcase, hz_is_found_from_one_look_but_near_the_wrap, 0, 4);
	tcase_add_loop_test(tcase, hz_is_measured_where_guessing_fails, 0, 4);
	tcase_add_test(tcase, no_known_hz_is_no_hz);
	tcase_add_loop_test(tcase, ticks_and_ns_agree, 0, 4);
	tcase_add_test(tcase, the_tick_follows_the_monotonic_clock);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
