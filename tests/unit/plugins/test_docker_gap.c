/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a container runs until its labels are in force. */
#include "plugins/docker/gap.h"
#include "tests/harness/ms_check.h"

static struct ms_docker_gaps gaps;
static struct ms_docker_gap gap;
static struct ms_plugin_cidr addresses[] = { { { 10, 88, 0, 2 }, 4, 32, { 0 } } };

static const struct ms_docker_container made = { .is_new = true },
					made_with_mac = { .is_new = true, .mac = 0x020000000001 },
					made_with_both = { .is_new = true,
							   .mac = 0x020000000001,
							   .addresses = addresses,
							   .address_count = 1 },
					initialized = { .is_new = true, .pid = 7 },
					started = { .pid = 7, .started_ns = 1000 },
					started_again = { .pid = 8, .started_ns = 5000 }, ended;

static void setup(void)
{
	gaps = (struct ms_docker_gaps) { .began_ns = 500 };
	gap = (struct ms_docker_gap) { 0 };
}

/* It is in a transaction, which comes in force then; 0 = it does not. */
static void say(const struct ms_docker_container *container, uint64_t number, uint64_t then_ns)
{
	ms_docker_gap_tell(&gap, container, number);
	if (then_ns)
		ms_docker_gap_end(&gap, number, then_ns);
}

static void expect_gap(uint64_t ns)
{
	ck_assert(ms_docker_gaps_count(&gaps, &gap));
	ck_assert_uint_eq(gaps.last_ns, ns);
	/* Once. */
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
}

START_TEST(a_gap_ends_when_the_labels_are_in_force)
{
	say(&made, 1, 900);
	say(&started, 2, 0);
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
	ck_assert_uint_eq(ms_docker_gaps_open(&gaps, &gap, 1600), 600);
	/* One that was on its way before does not have them. */
	ms_docker_gap_end(&gap, 1, 1700);
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
	ms_docker_gap_end(&gap, 2, 4000);
	ck_assert_uint_eq(ms_docker_gaps_open(&gaps, &gap, 4100), 0);
	expect_gap(3000);
	say(&started, 3, 4200);
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
	ck_assert_uint_eq(gaps.count, 1);
}
END_TEST

/* Refused, or a later one came before it. */
START_TEST(a_later_transaction_ends_a_gap_too)
{
	say(&started, 2, 0);
	say(&started, 3, 0);
	ms_docker_gap_end(&gap, 3, 2000);
	expect_gap(1000);
}
END_TEST

START_TEST(there_is_none_if_all_is_in_force_before_the_start)
{
	const struct ms_docker_container *const early[] = { &initialized, &made_with_both };

	say(early[_i], 1, 900);
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
	say(&started, 2, 1100);
	expect_gap(0);
	ck_assert_uint_eq(gaps.count, 1);
}
END_TEST

START_TEST(what_was_told_before_the_start_may_come_in_force_behind_it)
{
	say(&initialized, 1, 0);
	ck_assert_uint_eq(ms_docker_gaps_open(&gaps, &gap, 1500), 0);
	say(&started, 2, 0);
	ck_assert_uint_eq(ms_docker_gaps_open(&gaps, &gap, 1500), 500);
	ms_docker_gap_end(&gap, 1, 3000);
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
	gaps.began_ns = 1001;
	say(&started, 1, 0);
	ck_assert_uint_eq(ms_docker_gaps_open(&gaps, &gap, 1600), 0);
	ms_docker_gap_end(&gap, 1, 2000);
	ck_assert(!ms_docker_gaps_count(&gaps, &gap));
	ck_assert_uint_eq(gaps.count, 0);
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
	tcase_add_loop_test(tcase, each_start_has_its_own, 0, 2);
	tcase_add_test(tcase, what_ran_before_is_not_counted);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
