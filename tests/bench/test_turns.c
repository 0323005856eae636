/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/result.h"

#include "tests/harness/ms_check.h"

#define MANY 5
#define ROUNDS 15

/* What a sample is measured behind could cost it something: each contender is measured behind every
 * neighbour as often as before it. */
START_TEST(neighbours_change_sides)
{
	unsigned int behind[MANY][MANY] = { 0 };

	for (unsigned int round = 0; round < 2 * MANY; round++) {
		for (unsigned int i = 1; i < MANY; i++)
			behind[ms_bench_turn(i, round, MANY)][ms_bench_turn(i - 1, round, MANY)]++;
	}
	for (unsigned int i = 0; i < MANY; i++) {
		for (unsigned int j = 0; j < MANY; j++)
			ck_assert_uint_eq(behind[i][j], behind[j][i]);
	}
}
END_TEST

START_TEST(each_has_one_turn_a_round_and_each_turn_once)
{
	unsigned int first[MANY] = { 0 };

	for (unsigned int round = 0; round < 2 * MANY; round++) {
		unsigned int seen = 0;

		for (unsigned int i = 0; i < MANY; i++)
			seen |= 1u << ms_bench_turn(i, round, MANY);
		ck_assert_uint_eq(seen, (1u << MANY) - 1);
		first[ms_bench_turn(0, round, MANY)]++;
	}
	for (unsigned int i = 0; i < MANY; i++)
		ck_assert_uint_eq(first[i], 2);
}
END_TEST

static const unsigned int parts[] = { 1, 2, 3, 4, 5, ROUNDS, 2 * ROUNDS };

START_TEST(parts_have_all_rounds_once)
{
	const struct ms_bench bench = { .rounds = ROUNDS };
	struct ms_bench_part part = { 0 };
	unsigned int next = 0, count = 0;

	while (ms_bench_next_part(&bench, parts[_i], &part)) {
		ck_assert_uint_eq(part.number, ++count);
		ck_assert_uint_eq(part.next, next);
		ck_assert_uint_gt(part.end, next);
		next = part.end;
	}
	ck_assert_uint_eq(next, ROUNDS);
	ck_assert_uint_eq(count, parts[_i] < ROUNDS ? parts[_i] : ROUNDS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bench/turns");
	TCase *tcase = tcase_create("turns");

	tcase_add_test(tcase, neighbours_change_sides);
	tcase_add_test(tcase, each_has_one_turn_a_round_and_each_turn_once);
	tcase_add_loop_test(tcase, parts_have_all_rounds_once, 0, sizeof(parts) / sizeof(parts[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
