/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a container runs until its labels are in force. */
#include <string.h>

#include "core/base/cleanup.h"
#include "plugins/docker/gap.h"
#include "tests/harness/ms_check.h"

static struct ms_docker_gaps gaps;
static struct ms_docker_gap gap;
static struct ms_plugin_cidr addresses[] = { { { 10, 88, 0, 2 }, 4, 32, { 0 } },
					     { { 0x20, 1, 0x0d, 0xb8 }, 6, 128, { 0 } },
					     { { 10, 88, 0, 2 }, 4, 32, { 0 } } };
static char group[] = "front";

#define MAC 0x020000000001
#define LABELLED .group = group, .network_count = 1
#define FIRST_ADDRESS .addresses = addresses, .address_count = 1
#define STARTED .pid = 7, .started_ns = 1000

static const struct ms_docker_container made = { LABELLED, .is_new = true },
					made_with_mac = { LABELLED, .is_new = true, .mac = MAC },
					made_with_both = { LABELLED, FIRST_ADDRESS, .is_new = true,
							   .mac = MAC },
					initialized = { LABELLED, .is_new = true, .pid = 7 },
					started = { LABELLED, STARTED },
					started_with_both = { LABELLED, FIRST_ADDRESS, STARTED,
							      .mac = MAC },
					started_again = { LABELLED, .pid = 8, .started_ns = 5000 },
					ended = { LABELLED };

/* CLOCK_REALTIME began so much after CLOCK_BOOTTIME. */
static int64_t ahead_ns;

static struct ms_docker_gap_clock clock_at(uint64_t now_ns)
{
	uint64_t boot_ns = now_ns - (uint64_t)ahead_ns;

	return (struct ms_docker_gap_clock) { boot_ns - 2, now_ns, boot_ns + 2 };
}

static void begin(uint64_t now_ns)
{
	const struct ms_docker_gap_clock now = clock_at(now_ns);

	gaps = (struct ms_docker_gaps) { 0 };
	gap = (struct ms_docker_gap) { 0 };
	ms_docker_gaps_begin(&gaps, &now);
}

static void setup(void)
{
	ahead_ns = 100;
	begin(500);
}

/* By the clock as it is set. */
static void look(uint64_t now_ns)
{
	const struct ms_docker_gap_clock now = clock_at(now_ns);
	int64_t step_ns = ms_docker_gaps_look(&gaps, &now);

	if (step_ns != 0)
		ms_docker_gap_move(&gap, step_ns);
}

static void tell(const struct ms_docker_container *container, uint64_t number, uint64_t now_ns)
{
	look(now_ns);
	ms_docker_gaps_tell(&gaps, &gap, container, MS_DOCKER_POLICY_TAKEN, number);
}

static void end(uint64_t number, uint64_t now_ns)
{
	look(now_ns);
	ms_docker_gaps_end(&gaps, &gap, number);
}

/* It is in a transaction, which comes in force at once. */
static void say(const struct ms_docker_container *container, uint64_t number, uint64_t now_ns)
{
	tell(container, number, now_ns);
	end(number, now_ns);
}

static uint64_t open_ns(uint64_t now_ns)
{
	look(now_ns);
	return ms_docker_gaps_open(&gaps, &gap);
}

static void expect_said(uint64_t ns)
{
	uint64_t is_ns = ~0ULL;

	ck_assert(ms_docker_gaps_count(&gaps, &gap, &is_ns));
	ck_assert_uint_eq(is_ns, ns);
	/* Once. */
	ck_assert(!ms_docker_gaps_count(&gaps, &gap, &is_ns));
}

static void expect_gap(uint64_t ns)
{
	expect_said(ns);
	ck_assert_uint_eq(gaps.last_ns, ns);
}

static void expect_none(void)
{
	uint64_t ns;

	ck_assert(!ms_docker_gaps_count(&gaps, &gap, &ns));
}

START_TEST(a_gap_ends_when_the_labels_are_in_force)
{
	say(&made, 1, 900);
	tell(&started, 2, 1100);
	expect_none();
	ck_assert_uint_eq(open_ns(1600), 600);
	/* One that was on its way before does not have them. */
	end(1, 1700);
	expect_none();
	end(2, 4000);
	ck_assert_uint_eq(open_ns(4100), 0);
	expect_gap(3000);
	say(&started, 3, 4200);
	expect_none();
	ck_assert_uint_eq(gaps.count, 1);
}
END_TEST

/* Refused, or a later one came before it. */
START_TEST(a_later_transaction_ends_a_gap_too)
{
	tell(&started, 2, 1100);
	tell(&started, 3, 1200);
	end(3, 2000);
	expect_gap(1000);
}
END_TEST

START_TEST(there_is_none_if_all_is_in_force_before_the_start)
{
	say(_i ? &made_with_both : &initialized, 1, 900);
	expect_none();
	say(_i ? &started_with_both : &started, 2, 1100);
	expect_gap(0);
	ck_assert_uint_eq(gaps.count, 1);
}
END_TEST

START_TEST(what_was_told_before_the_start_may_come_in_force_behind_it)
{
	tell(&initialized, 1, 900);
	ck_assert_uint_eq(open_ns(950), 0);
	tell(&started, 2, 1100);
	ck_assert_uint_eq(open_ns(1500), 500);
	end(1, 3000);
	expect_gap(2000);
}
END_TEST

/* Its rules know it by its address. */
START_TEST(without_an_address_nothing_is_told_of_one_that_has_no_process)
{
	say(&made_with_mac, 1, 900);
	say(&started, 2, 1300);
	expect_gap(300);
}
END_TEST

/* The one in IPv6, or another, or its link in a second network, whose MAC nobody asked for. */
START_TEST(what_comes_with_the_start_is_told_after_it)
{
	struct ms_docker_container more[] = { started_with_both, started_with_both,
					      started_with_both, started_with_both };

	more[0].address_count = 2;
	more[1].addresses = addresses + 1;
	more[2].network_count = 2;
	more[3].mac++;
	say(&made_with_both, 1, 900);
	tell(&more[_i], 2, 1100);
	ck_assert_uint_eq(open_ns(1200), 200);
	end(1, 1250);
	expect_none();
	end(2, 1300);
	expect_gap(300);
	/* Nor is what it comes to have later. */
	say(&started_with_both, 3, 1500);
	expect_none();
}
END_TEST

START_TEST(what_it_is_given_before_the_start_is_told_anew)
{
	struct ms_docker_container more[] = { made_with_both, started_with_both };

	more[0].address_count = more[1].address_count = 2;
	say(&made_with_both, 1, 900);
	tell(&more[0], 2, 950);
	/* In whatever order they are told. */
	more[1].addresses = addresses + 1;
	tell(&more[1], 3, 1100);
	end(2, 1200);
	expect_gap(200);
}
END_TEST

/* Only the first one's MAC is bound. */
START_TEST(of_two_networks_nothing_is_told_before_the_start)
{
	struct ms_docker_container in_two[] = { made_with_both, started_with_both };

	in_two[0].network_count = in_two[1].network_count = 2;
	say(&in_two[0], 1, 900);
	say(&in_two[1], 2, 1300);
	expect_gap(300);
}
END_TEST

START_TEST(networks_are_counted)
{
	static const char answer[] =
		"{\"Id\":\"5f73c4b1c0dd\",\"State\":{\"Status\":\"created\"},\"Config\":{},"
		"\"NetworkSettings\":{\"Networks\":{\"a\":{\"MacAddress\":"
		"\"02:00:00:00:00:01\"},\"b\":{}}}}";
	struct ms_docker_container *container;

	ck_assert_int_eq(ms_docker_container_parse(answer, strlen(answer), &container), 0);
	ck_assert_uint_eq(container->network_count, 2);
	ms_docker_container_free(container);
}
END_TEST

/* ---- what its labels come to ---- */

static void tell_refused(const struct ms_docker_container *container, uint64_t number,
			 uint64_t now_ns)
{
	look(now_ns);
	ms_docker_gaps_tell(&gaps, &gap, container, MS_DOCKER_POLICY_REFUSED_LABEL, number);
}

static void expect_cut_off_after(uint64_t ns)
{
	ck_assert(gap.is_cut_off);
	expect_said(ns);
	ck_assert_uint_eq(gaps.count, 0);
	ck_assert_uint_eq(gaps.most_ns, 0);
}

START_TEST(one_that_is_cut_off_is_not_in_the_numbers)
{
	tell_refused(&started, 1, 1100);
	ck_assert_uint_eq(open_ns(1200), 200);
	end(1, 1400);
	ck_assert_uint_eq(open_ns(1500), 0);
	expect_cut_off_after(400);
}
END_TEST

/* Its rules were in a transaction that the daemon has refused, and are not in the next. */
START_TEST(one_whose_rules_the_daemon_refuses_is_cut_off)
{
	tell(_i ? &initialized : &started, 1, 1100);
	tell_refused(&started, 2, 1200);
	end(2, 1400);
	expect_cut_off_after(400);
	/* An hour later they are tried again. */
	say(&started, 3, 2000);
	expect_none();
}
END_TEST

START_TEST(what_is_never_in_force_has_no_gap)
{
	struct ms_docker_container none[] = { started, started, started };

	none[0].group = NULL;
	none[1].network = MS_DOCKER_CONTAINER_NETWORK_HOST;
	none[2].network = MS_DOCKER_CONTAINER_NETWORK_SHARED;
	tell(&none[_i], 1, 1100);
	ck_assert_uint_eq(open_ns(1200), 0);
	end(1, 1300);
	expect_none();
}
END_TEST

START_TEST(any_label_has_a_gap)
{
	struct ms_docker_container labelled[] = { started, started };

	labelled[0].group = labelled[1].group = NULL;
	labelled[0].sets = labelled[1].rules = group;
	say(&labelled[_i], 1, 1300);
	expect_gap(300);
}
END_TEST

/* ---- starts ---- */

START_TEST(each_start_has_its_own)
{
	say(&started, 1, 4000);
	expect_gap(3000);
	if (_i)
		say(&ended, 2, 4500);
	say(&started_again, 3, 5200);
	expect_gap(200);
	ck_assert_uint_eq(gaps.count, 2);
	ck_assert_uint_eq(gaps.most_ns, 3000);
}
END_TEST

START_TEST(what_ran_before_is_not_counted)
{
	begin(1001);
	tell(&started, 1, 1100);
	ck_assert_uint_eq(open_ns(1600), 0);
	end(1, 2000);
	expect_none();
	ck_assert_uint_eq(gaps.count, 0);
}
END_TEST

/* ---- steps of the clock ---- */

static const int64_t steps[] = { 100000, -100000, 40, -40 };

static void begin_late(void)
{
	ahead_ns = 1000000;
	begin(1000500);
}

static const struct ms_docker_container late = { LABELLED, .pid = 7, .started_ns = 1001000 };

/* What the clock shows when it was set that would have shown this. */
static uint64_t set(uint64_t now_ns, int nth)
{
	ahead_ns += steps[nth];
	return now_ns + (uint64_t)steps[nth];
}

START_TEST(a_gap_goes_along_with_the_clock)
{
	uint64_t now_ns;

	begin_late();
	tell(&late, 1, 1001100);
	now_ns = set(1001200, _i);
	ck_assert_uint_eq(open_ns(now_ns), 200);
	/* It is known by the engine's word, which stays. */
	tell(&late, 2, now_ns);
	end(1, now_ns + 100);
	expect_gap(300);
}
END_TEST

START_TEST(what_is_in_force_goes_along_with_the_clock)
{
	struct ms_docker_container then = late;

	begin_late();
	say(&initialized, 1, 1000900);
	then.started_ns = set(1001000, _i);
	look(then.started_ns - 50);
	tell(&then, 2, then.started_ns + 50);
	expect_gap(0);
}
END_TEST

/* Whether this start was before the clock was set or after it, nobody can say. */
START_TEST(what_started_by_the_clock_of_before_is_not_counted)
{
	uint64_t now_ns;

	begin_late();
	look(1000900);
	now_ns = set(1001020, _i);
	tell(&late, 1, now_ns);
	ck_assert_uint_eq(open_ns(now_ns + 10), 0);
	end(1, now_ns + 20);
	expect_none();
	ck_assert_uint_eq(gaps.most_ns, 0);
}
END_TEST

START_TEST(what_starts_after_a_step_is_counted)
{
	struct ms_docker_container then = late;

	begin_late();
	look(1001200);
	then.started_ns = set(1001300, _i);
	/* Also where it is the first to show the step, if that goes so far forward. */
	if (steps[_i] < 1000)
		look(then.started_ns - 10);
	tell(&then, 1, then.started_ns + 100);
	ck_assert_uint_eq(open_ns(then.started_ns + 200), 200);
	end(1, then.started_ns + 300);
	expect_gap(300);
}
END_TEST

/* Between its readings it may not have run for a while. */
START_TEST(a_reading_that_was_interrupted_is_no_step)
{
	struct ms_docker_gap_clock slow = clock_at(900);
	const struct ms_docker_gap_clock stepped = { 1998, _i ? 2120 : 2080, 2002 };

	if (_i)
		slow.before_ns -= 300;
	else
		slow.after_ns += 300;
	ck_assert_int_eq(ms_docker_gaps_look(&gaps, &slow), 0);
	/* Nor does it hide one. */
	ck_assert_int_ne(ms_docker_gaps_look(&gaps, &stepped), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/docker_gap");
	TCase *tcase = tcase_create("docker_gap");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_gap_ends_when_the_labels_are_in_force);
	tcase_add_test(tcase, a_later_transaction_ends_a_gap_too);
	tcase_add_loop_test(tcase, there_is_none_if_all_is_in_force_before_the_start, 0, 2);
	tcase_add_test(tcase, what_was_told_before_the_start_may_come_in_force_behind_it);
	tcase_add_test(tcase, without_an_address_nothing_is_told_of_one_that_has_no_process);
	tcase_add_loop_test(tcase, what_comes_with_the_start_is_told_after_it, 0, 4);
	tcase_add_test(tcase, what_it_is_given_before_the_start_is_told_anew);
	tcase_add_test(tcase, of_two_networks_nothing_is_told_before_the_start);
	tcase_add_test(tcase, networks_are_counted);
	tcase_add_test(tcase, one_that_is_cut_off_is_not_in_the_numbers);
	tcase_add_loop_test(tcase, one_whose_rules_the_daemon_refuses_is_cut_off, 0, 2);
	tcase_add_loop_test(tcase, what_is_never_in_force_has_no_gap, 0, 3);
	tcase_add_loop_test(tcase, any_label_has_a_gap, 0, 2);
	tcase_add_loop_test(tcase, each_start_has_its_own, 0, 2);
	tcase_add_test(tcase, what_ran_before_is_not_counted);
	tcase_add_loop_test(tcase, a_gap_goes_along_with_the_clock, 0, ms_array_size(steps));
	tcase_add_loop_test(tcase, what_is_in_force_goes_along_with_the_clock, 0,
			    ms_array_size(steps));
	tcase_add_loop_test(tcase, what_started_by_the_clock_of_before_is_not_counted, 0,
			    ms_array_size(steps));
	tcase_add_loop_test(tcase, what_starts_after_a_step_is_counted, 0, ms_array_size(steps));
	tcase_add_loop_test(tcase, a_reading_that_was_interrupted_is_no_step, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
