/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>

#include "core/session/session.h"
#include "tests/harness/ms_check.h"
#include "tests/unit/session/fake_dataplane.h"

static struct ms_dataplane dp;

/* Sessions 0..5: zone = 10 + number, slot = 20 + number; 4 and 5 have been idle for too long. */
static void setup(void)
{
	dp = (struct ms_dataplane) {
		.control.timeouts = { [MS_TIMEOUT_OTHER] = 60 },
		.now = 1000,
		.n_sessions = 6,
		.per_slice = 2,
		.saved = SIZE_MAX,
	};
	for (unsigned int i = 0; i < 6; i++) {
		struct ms_session_raw *raw = &dp.sessions[i];

		raw->family = i % 2 ? 6 : 4;
		raw->half_open = i == 3;
		raw->value.word = 20 + i;
		raw->value.last_seen = i < 4 ? 1000 : 900;
		if (raw->family == 4) {
			raw->key.k4.zone = (uint16_t)(10 + i);
			raw->key.k4.proto = IPPROTO_GRE;
		} else {
			raw->key.k6.zone = (uint16_t)(10 + i);
			raw->key.k6.proto = IPPROTO_GRE;
		}
	}
}

static struct ms_sweeper *make_sweeper(void)
{
	struct ms_sweeper *sweeper = NULL;

	ck_assert_int_eq(ms_sweeper_new(&dp, &sweeper), 0);
	return sweeper;
}

static void sweep_round(struct ms_sweeper *sweeper, unsigned int steps)
{
	bool done = false;

	for (unsigned int i = 1; i <= steps; i++) {
		ck_assert_int_eq(ms_sweeper_step(sweeper, &done), 0);
		ck_assert_int_eq(done, i == steps);
	}
}

START_TEST(a_round_ends_idle_sessions_and_counts_the_rest)
{
	struct ms_sweeper *sweeper = make_sweeper();
	struct ms_session_usage usage;

	ck_assert_uint_eq(ms_sweeper_usage(sweeper).sessions[0], 0);
	sweep_round(sweeper, 3);
	usage = ms_sweeper_usage(sweeper);
	ck_assert_uint_eq(usage.sessions[0], 2);
	ck_assert_uint_eq(usage.sessions[1], 1);
	ck_assert_uint_eq(usage.half_open[0], 0);
	ck_assert_uint_eq(usage.half_open[1], 1);
	ck_assert_uint_eq(usage.sessions_max, 1000);
	ck_assert_uint_eq(usage.half_open_max, 500);
	ck_assert_uint_eq(usage.swept, 2);
	for (unsigned int i = 0; i < 6; i++) {
		ck_assert_int_eq(ms_sweeper_saw_zone(sweeper, (uint16_t)(10 + i)), i < 4);
		ck_assert_int_eq(ms_sweeper_saw_slot(sweeper, 20 + i), i < 4);
	}
	ck_assert(!ms_sweeper_saw_slot(sweeper, MS_SLOTS_MAX));
	sweeper = ms_sweeper_free(sweeper);
}
END_TEST

static bool is_gone(void *user, uint16_t zone)
{
	return zone == *(uint16_t *)user;
}

START_TEST(sessions_of_an_interface_that_is_gone_end)
{
	struct ms_sweeper *sweeper = make_sweeper();
	uint16_t gone = 12;

	ms_sweeper_on_zone(sweeper, is_gone, &gone);
	sweep_round(sweeper, 3);
	ck_assert_uint_eq(ms_sweeper_usage(sweeper).swept, 3);
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_int_eq(ms_sweeper_saw_zone(sweeper, (uint16_t)(10 + i)), i < 4 && i != 2);
	sweeper = ms_sweeper_free(sweeper);
}
END_TEST

START_TEST(the_last_whole_round_answers)
{
	struct ms_sweeper *sweeper = make_sweeper();
	bool done;

	sweep_round(sweeper, 3);
	dp.n_sessions = 3; /* 3, 4 and 5 have gone */
	ck_assert_int_eq(ms_sweeper_step(sweeper, &done), 0);
	ck_assert(!done);
	ck_assert(ms_sweeper_saw_zone(sweeper, 13)); /* not known better yet */
	ck_assert_uint_eq(ms_sweeper_usage(sweeper).half_open[1], 1);
	sweep_round(sweeper, 1);
	ck_assert(!ms_sweeper_saw_zone(sweeper, 13));
	ck_assert(ms_sweeper_saw_zone(sweeper, 12));
	ck_assert_uint_eq(ms_sweeper_usage(sweeper).half_open[1], 0);
	sweeper = ms_sweeper_free(sweeper);
}
END_TEST

START_TEST(a_session_saved_by_a_packet_is_still_seen)
{
	struct ms_sweeper *sweeper = make_sweeper();

	dp.saved = 5;
	sweep_round(sweeper, 3);
	ck_assert(ms_sweeper_saw_zone(sweeper, 15));
	ck_assert(ms_sweeper_saw_slot(sweeper, 25));
	ck_assert_uint_eq(ms_sweeper_usage(sweeper).swept, 1);
	sweeper = ms_sweeper_free(sweeper);
}
END_TEST

START_TEST(a_round_with_a_hole_does_not_answer)
{
	struct ms_sweeper *sweeper = make_sweeper();
	bool done = false;

	ck_assert_int_eq(ms_sweeper_step(sweeper, &done), 0);
	if (_i == 0)
		dp.slice_error = -EIO;
	else
		dp.reap_error = -EIO;
	ck_assert_int_eq(ms_sweeper_step(sweeper, &done), -EIO);
	ck_assert(!done);
	sweep_round(sweeper, 3); /* from the start, all of it */
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(ms_sweeper_saw_zone(sweeper, (uint16_t)(10 + i)));
	ck_assert_uint_eq(ms_sweeper_usage(sweeper).sessions[0], 2);
	sweeper = ms_sweeper_free(sweeper);
	ck_assert_ptr_null(ms_sweeper_free(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session/sweeper");
	TCase *tcase = tcase_create("sweeper");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_round_ends_idle_sessions_and_counts_the_rest);
	tcase_add_test(tcase, sessions_of_an_interface_that_is_gone_end);
	tcase_add_test(tcase, the_last_whole_round_answers);
	tcase_add_test(tcase, a_session_saved_by_a_packet_is_still_seen);
	tcase_add_loop_test(tcase, a_round_with_a_hole_does_not_answer, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
