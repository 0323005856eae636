/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/pace.h"

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define MS 1000000ULL
#define START (1000 * MS)

START_TEST(the_first_one_does_not_wait)
{
	struct ms_source_pace pace = { 0 };

	ck_assert_uint_eq(ms_source_pace_wait_ms(&pace, START), 0);
}
END_TEST

static const struct {
	uint64_t took_ms, wait_ms;
} turns[] = {
	{ 0, MS_SOURCE_PACE_PAUSE_MIN_MS },
	{ 16, MS_SOURCE_PACE_PAUSE_MIN_MS },
	{ 17, 51 },
	{ 1000, 3000 },
	{ 3333, 9999 },
	{ 60000, MS_SOURCE_PACE_PAUSE_MAX_MS },
};

START_TEST(the_longer_one_took_the_longer_the_next_one_waits)
{
	uint64_t end = START + turns[_i].took_ms * MS;
	struct ms_source_pace pace = { 0 };

	ms_source_pace_took(&pace, START, end);
	ck_assert_uint_eq(ms_source_pace_wait_ms(&pace, end), turns[_i].wait_ms);
	ck_assert_uint_eq(ms_source_pace_wait_ms(&pace, end + 1), turns[_i].wait_ms);
	ck_assert_uint_eq(ms_source_pace_wait_ms(&pace, end + turns[_i].wait_ms * MS - 1), 1);
	ck_assert_uint_eq(ms_source_pace_wait_ms(&pace, end + turns[_i].wait_ms * MS), 0);
}
END_TEST

START_TEST(lines_beyond_what_a_second_has_are_counted)
{
	struct ms_source_pace pace = { 0 };

	for (unsigned int i = 0; i < MS_SOURCE_PACE_LINES_PER_S; i++)
		ck_assert(ms_source_pace_line(&pace, false, START + i));
	ck_assert(!ms_source_pace_line(&pace, false, START + 500 * MS));
	ck_assert(!ms_source_pace_line(&pace, false, START + 1000 * MS - 1));
	/* Warnings have lines of their own. */
	for (unsigned int i = 0; i < MS_SOURCE_PACE_LINES_PER_S; i++)
		ck_assert(ms_source_pace_line(&pace, true, START + 600 * MS));
	ck_assert(!ms_source_pace_line(&pace, true, START + 600 * MS));
	ck_assert_uint_eq(ms_source_pace_unsaid(&pace), 3);
	ck_assert_uint_eq(ms_source_pace_unsaid(&pace), 0);
	ck_assert(ms_source_pace_line(&pace, false, START + 1000 * MS));
	ck_assert_uint_eq(pace.suppressed, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source/pace");
	TCase *tcase = tcase_create("pace");

	tcase_add_test(tcase, the_first_one_does_not_wait);
	tcase_add_loop_test(tcase, the_longer_one_took_the_longer_the_next_one_waits, 0,
			    ms_array_size(turns));
	tcase_add_test(tcase, lines_beyond_what_a_second_has_are_counted);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
