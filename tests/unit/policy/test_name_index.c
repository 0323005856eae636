/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/name_index.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

START_TEST(finds_what_was_added_and_nothing_else)
{
	enum { COUNT = 5000 };
	static char names[COUNT][16];
	ms_cleanup(ms_name_index_fini) struct ms_name_index index = { 0 };
	size_t at = 4711;

	ck_assert(!ms_name_index_find(&index, "n0", &at));
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu", i);
		ck_assert_int_eq(ms_name_index_add(&index, names[i], i), 0);
	}
	ck_assert_int_eq(ms_name_index_add(&index, "n17", 0), -EEXIST);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert(ms_name_index_find(&index, names[i], &at));
		ck_assert_uint_eq(at, i);
	}
	ck_assert(!ms_name_index_find(&index, "n5000", &at));
	ck_assert_uint_eq(at, COUNT - 1);
}
END_TEST

/* Their hashes differ in the upper half only, of which the index keeps nothing. */
START_TEST(names_of_one_hash_are_told_apart)
{
	static const char *const names[] = { "rule/322881", "rule/514990" };
	ms_cleanup(ms_name_index_fini) struct ms_name_index index = { 0 };
	uint64_t hashes[2];
	size_t at;

	for (size_t i = 0; i < 2; i++)
		hashes[i] = ms_name_index_hash(MS_NAME_HASH_INIT, names[i], strlen(names[i]));
	ck_assert_uint_eq((uint32_t)hashes[0], (uint32_t)hashes[1]);
	ck_assert_int_eq(ms_name_index_add(&index, names[0], 0), 0);
	ck_assert(!ms_name_index_find(&index, names[1], &at));
	ck_assert_int_eq(ms_name_index_add(&index, names[1], 1), 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(ms_name_index_find(&index, names[i], &at));
		ck_assert_uint_eq(at, i);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/name_index");
	TCase *tcase = tcase_create("index");

	tcase_add_test(tcase, finds_what_was_added_and_nothing_else);
	tcase_add_test(tcase, names_of_one_hash_are_told_apart);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
