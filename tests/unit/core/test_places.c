/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sources/places.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define MEMBERS_MAX 64

static struct ms_set_member members[2][MEMBERS_MAX];
static struct ms_set_def sets[] = { { .name = (char *)"a", .members = members[0] },
				    { .name = (char *)"b", .members = members[1] } };
static const struct ms_policy policy = { .sets = sets, .n_sets = ms_array_size(sets) };
static struct ms_sources_places places;

/* Lines of a document, from 1. */
static void write_members(unsigned int set, const char *words)
{
	char text[512];

	sets[set].n_members = 0;
	strcpy(text, words);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		struct ms_set_member *member = &members[set][sets[set].n_members++];

		*member = (struct ms_set_member) {
			.origin.line = (unsigned int)sets[set].n_members,
		};
		ck_assert_msg(ms_cidr_parse(word, &member->cidr), "%s", word);
	}
}

struct met {
	unsigned int lines[4], count, stop_at;
};

static int note(void *user, const struct ms_set_member *member)
{
	struct met *met = user;

	met->lines[met->count++] = member->origin.line;
	return met->count == met->stop_at ? 7 : 0;
}

static int look_up(const char *set, const char *word, struct met *met)
{
	struct ms_cidr cidr;

	ck_assert(ms_cidr_parse(word, &cidr));
	return ms_sources_places_foreach(&places, set, &cidr, note, met);
}

static void expect(const char *set, const char *word, unsigned int line)
{
	struct met met = { .count = 0 };

	ck_assert_int_eq(look_up(set, word, &met), 0);
	ck_assert_msg(met.count == (line != 0) && met.lines[0] == line, "%s in %s: %u times, %u",
		      word, set, met.count, met.lines[0]);
}

START_TEST(each_member_is_found_where_it_stands)
{
	/* The first is in order, the second is not. */
	write_members(0, "10.0.0.0/8 10.0.0.1 10.0.0.2 192.0.2.0/24 fd00::/8");
	write_members(1, "fd00::1 10.0.0.2 192.0.2.7 10.0.0.0/8 10.0.0.1 10.0.0.0/9");
	ck_assert_int_eq(ms_sources_places_make(&policy, &places), 0);
	expect("a", "10.0.0.0/8", 1);
	expect("a", "10.0.0.2", 3);
	expect("a", "fd00::/8", 5);
	expect("a", "10.0.0.3", 0);
	expect("a", "fd00::1", 0);
	expect("b", "fd00::1", 1);
	expect("b", "10.0.0.2", 2);
	expect("b", "192.0.2.7", 3);
	expect("b", "10.0.0.0/8", 4);
	expect("b", "10.0.0.1", 5);
	expect("b", "10.0.0.0/9", 6);
	expect("b", "10.0.0.0/10", 0);
	expect("b", "1.0.0.0/8", 0);
	expect("b", "fd00::/8", 0);
	expect("c", "10.0.0.1", 0);
	ms_sources_places_fini(&places);
}
END_TEST

START_TEST(one_that_stands_twice_is_told_twice_in_the_documents_order)
{
	struct met met = { .count = 0 }, first = { .stop_at = 1 };

	write_members(0, "");
	write_members(1, "10.0.0.9 10.0.0.1 10.0.0.5 10.0.0.1 10.0.0.1");
	ck_assert_int_eq(ms_sources_places_make(&policy, &places), 0);
	ck_assert_int_eq(look_up("b", "10.0.0.1", &met), 0);
	ck_assert_uint_eq(met.count, 3);
	ck_assert_uint_eq(met.lines[0], 2);
	ck_assert_uint_eq(met.lines[1], 4);
	ck_assert_uint_eq(met.lines[2], 5);
	ck_assert_int_eq(look_up("b", "10.0.0.1", &first), 7);
	ck_assert_uint_eq(first.count, 1);
	expect("a", "10.0.0.1", 0);
	ms_sources_places_fini(&places);
}
END_TEST

START_TEST(of_no_policy_nothing_is_known)
{
	places = (struct ms_sources_places) { 0 };
	expect("a", "10.0.0.1", 0);
	ms_sources_places_fini(&places);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sources/places");
	TCase *tcase = tcase_create("places");

	tcase_add_test(tcase, each_member_is_found_where_it_stands);
	tcase_add_test(tcase, one_that_stands_twice_is_told_twice_in_the_documents_order);
	tcase_add_test(tcase, of_no_policy_nothing_is_known);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
