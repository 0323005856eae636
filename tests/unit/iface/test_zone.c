/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/zone.h"

#include "bpf/lib/layout.h"
#include "tests/harness/ms_check.h"

static struct ms_zone_pool *pool;

static void set_up(void)
{
	ck_assert_int_eq(ms_zone_pool_new(&pool), 0);
}

static void tear_down(void)
{
	pool = ms_zone_pool_free(pool);
}

static bool saw_none(void *user, uint16_t zone)
{
	(void)user;
	(void)zone;
	return false;
}

static bool saw_one(void *user, uint16_t zone)
{
	return zone == *(uint16_t *)user;
}

/* Takes every zone there is; with `except` given, expects to meet it exactly once or never. */
static unsigned int take_all(uint16_t wanted)
{
	unsigned int met = 0;
	uint16_t zone;

	while ((zone = ms_zone_pool_take(pool)) != 0)
		met += zone == wanted;
	return met;
}

START_TEST(zones_are_never_zero_and_never_twice)
{
	uint8_t seen[MS_ZONES_MAX] = { 0 };

	for (unsigned int i = 1; i < MS_ZONES_MAX; i++) {
		uint16_t zone = ms_zone_pool_take(pool);

		ck_assert_uint_ne(zone, 0);
		ck_assert_uint_eq(seen[zone]++, 0);
	}
	ck_assert_uint_eq(ms_zone_pool_take(pool), 0);
}
END_TEST

START_TEST(retired_zone_waits_for_a_whole_round_begun_after_it)
{
	uint16_t zone = ms_zone_pool_take(pool);

	ms_zone_pool_retire(pool, zone);
	/* The round under way may have walked past its sessions before they were left behind. */
	ms_zone_pool_round_done(pool, saw_none, NULL);
	ck_assert_uint_eq(take_all(zone), 0);
	ms_zone_pool_round_done(pool, saw_none, NULL);
	ck_assert_uint_eq(take_all(zone), 1);
}
END_TEST

START_TEST(zone_that_a_session_carries_stays_out)
{
	uint16_t zone = ms_zone_pool_take(pool);

	ms_zone_pool_retire(pool, zone);
	for (int round = 0; round < 5; round++)
		ms_zone_pool_round_done(pool, saw_one, &zone);
	ck_assert_uint_eq(ms_zone_pool_waiting(pool), 1);
	ck_assert_uint_eq(take_all(zone), 0);
	ms_zone_pool_round_done(pool, saw_none, NULL);
	ck_assert_uint_eq(ms_zone_pool_waiting(pool), 0);
	ck_assert_uint_eq(take_all(zone), 1);
}
END_TEST

START_TEST(only_a_zone_given_back_waits)
{
	uint16_t zone = ms_zone_pool_take(pool);

	ck_assert(!ms_zone_pool_is_waiting(pool, zone));
	ck_assert(!ms_zone_pool_is_waiting(pool, (uint16_t)(zone + 1)));
	ms_zone_pool_retire(pool, zone);
	ck_assert(ms_zone_pool_is_waiting(pool, zone));
	ms_zone_pool_round_done(pool, saw_one, &zone);
	ck_assert(ms_zone_pool_is_waiting(pool, zone));
}
END_TEST

START_TEST(claimed_zone_is_taken_once)
{
	ms_zone_pool_retire(pool, 7);
	ck_assert(ms_zone_pool_claim(pool, 7));
	ck_assert(!ms_zone_pool_claim(pool, 7));
	ck_assert(!ms_zone_pool_claim(pool, 0));
	ck_assert_uint_eq(ms_zone_pool_waiting(pool), 0);
	ck_assert_uint_eq(take_all(7), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iface/zone");
	TCase *tcase = tcase_create("zone");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, zones_are_never_zero_and_never_twice);
	tcase_add_test(tcase, retired_zone_waits_for_a_whole_round_begun_after_it);
	tcase_add_test(tcase, zone_that_a_session_carries_stays_out);
	tcase_add_test(tcase, only_a_zone_given_back_waits);
	tcase_add_test(tcase, claimed_zone_is_taken_once);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
