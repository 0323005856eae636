/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/membership.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

static uint32_t now; /* ticks; one a second here */

#define NS_PER_S 1000000000ULL

static uint32_t deadline(void *user, const struct ms_set_member *member)
{
	uint64_t began = member->began_ns ? member->began_ns : now * NS_PER_S;

	(void)user;
	return (uint32_t)((began + member->timeout_ns) / NS_PER_S);
}

static struct ms_set_member member(const char *text, uint64_t seconds, enum ms_source source)
{
	struct ms_set_member of = { .timeout_ns = seconds * 1000000000,
				    .origin = { .source = source } };

	ck_assert(ms_cidr_parse(text, &of.cidr));
	return of;
}

static struct ms_membership build(struct ms_set_member *members, size_t count)
{
	struct ms_set_def def = { .name = (char *)"set", .members = members, .n_members = count };
	struct ms_membership membership;

	ck_assert_int_eq(ms_membership_build(&def, now, deadline, NULL, &membership), 0);
	return membership;
}

START_TEST(prefixes_in_their_order_are_found_in_one_walk)
{
	static const struct {
		const char *text;
		bool is_there;
	} asked[] = {
		{ "10.0.0.0/8", true },   { "10.0.0.0/16", false }, { "10.0.0.1/32", true },
		{ "10.0.0.2/32", false }, { "10.0.0.3/32", true },  { "::1/128", false },
	};
	struct ms_set_member members[] = {
		member("10.0.0.3", 0, MS_SOURCE_FILE),
		member("10.0.0.0/8", 0, MS_SOURCE_FILE),
		member("10.0.0.1", 0, MS_SOURCE_FILE),
	};
	struct ms_membership set = build(members, 3);
	size_t at = 0;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct ms_set_member wanted = member(asked[i].text, 0, MS_SOURCE_FILE);
		const struct ms_member *found = ms_membership_find_next(&set, &at, &wanted.cidr);

		ck_assert_msg((found != NULL) == asked[i].is_there, "%s", asked[i].text);
		ck_assert(!found || ms_cidr_compare(&found->cidr, &wanted.cidr) == 0);
		ck_assert_ptr_eq(found, ms_membership_find(&set, &wanted.cidr));
	}
	ms_membership_fini(&set);
}
END_TEST

START_TEST(duplicates_become_the_one_that_stays_longer)
{
	struct ms_set_member members[] = {
		member("10.0.0.2", 5, MS_SOURCE_FILE),
		member("10.0.0.1", 0, MS_SOURCE_FILE),
		member("10.0.0.1", 9, MS_SOURCE_RUNTIME),
		member("10.0.0.2", 7, MS_SOURCE_RUNTIME),
	};
	struct ms_membership set;

	now = 100;
	set = build(members, 4);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(set.members[0].expires_tick, 0);
	ck_assert_uint_eq(set.members[1].expires_tick, 107);
	ms_membership_fini(&set);
}
END_TEST

/* In each order: when the time of one began, and what he says, of all who hold one prefix. */
START_TEST(a_prefix_is_in_until_the_last_who_holds_it_lets_go)
{
	static const struct {
		struct {
			uint32_t began, seconds;
			enum ms_source source;
		} holders[3];
		size_t count;
		uint32_t end;
	} cases[] = {
		{ { { 100, 60, MS_SOURCE_FILE } }, 1, 160 },
		{ { { 100, 0, MS_SOURCE_PLUGIN }, { 130, 9, MS_SOURCE_RUNTIME } }, 2, 0 },
		{ { { 100, 60, MS_SOURCE_PLUGIN }, { 130, 9, MS_SOURCE_RUNTIME } }, 2, 160 },
		{ { { 100, 60, MS_SOURCE_PLUGIN }, { 130, 90, MS_SOURCE_RUNTIME } }, 2, 220 },
		/* Two sources: the shorter time, said again later, is the one that lasts. */
		{ { { 80, 60, MS_SOURCE_PLUGIN }, { 120, 30, MS_SOURCE_PLUGIN } }, 2, 150 },
		{ { { 80, 60, MS_SOURCE_PLUGIN }, { 100, 30, MS_SOURCE_PLUGIN } }, 2, 140 },
		{ { { 90, 60, MS_SOURCE_FILE },
		    { 120, 20, MS_SOURCE_PLUGIN },
		    { 130, 5, MS_SOURCE_RUNTIME } },
		  3,
		  150 },
		/* What is over stays over. */
		{ { { 50, 60, MS_SOURCE_FILE }, { 60, 20, MS_SOURCE_PLUGIN } }, 2, 110 },
	};

	now = 130;
	for (size_t i = 0; i < ms_array_size(cases); i++) {
		for (size_t first = 0; first < cases[i].count; first++) {
			struct ms_set_member members[3];
			struct ms_membership set;

			for (size_t h = 0; h < cases[i].count; h++) {
				size_t at = (h + first) % cases[i].count;

				members[h] = member("10.0.0.1", cases[i].holders[at].seconds,
						    cases[i].holders[at].source);
				members[h].began_ns = cases[i].holders[at].began * NS_PER_S;
			}
			set = build(members, cases[i].count);
			ck_assert_uint_eq(set.count, 1);
			ck_assert_msg(set.members[0].expires_tick == cases[i].end,
				      "case %zu from %zu: ends at %u, not %u", i, first,
				      set.members[0].expires_tick, cases[i].end);
			ms_membership_fini(&set);
		}
	}
}
END_TEST

START_TEST(put_and_remove_keep_the_order)
{
	static const char *const texts[] = { "10.0.0.5", "10.0.0.0/8", "::1", "10.0.0.1",
					     "10.0.0.5" };
	struct ms_membership set = { 0 };
	struct ms_member one = { 0 };

	for (size_t i = 0; i < 5; i++) {
		ck_assert(ms_cidr_parse(texts[i], &one.cidr));
		ck_assert_int_eq(ms_membership_put(&set, &one), 0);
	}
	ck_assert_uint_eq(set.count, 4);
	for (size_t i = 1; i < set.count; i++)
		ck_assert_int_lt(ms_cidr_compare(&set.members[i - 1].cidr, &set.members[i].cidr),
				 0);
	ck_assert(ms_membership_remove(&set, &one.cidr));
	ck_assert(!ms_membership_remove(&set, &one.cidr));
	ck_assert_ptr_null(ms_membership_find(&set, &one.cidr));
	ms_membership_fini(&set);
}
END_TEST

START_TEST(equal_allows_a_tick_of_rounding_and_no_more)
{
	struct ms_set_member members[] = { member("10.0.0.1", 60, MS_SOURCE_RUNTIME) };
	struct ms_membership a, b;

	now = 100;
	a = build(members, 1);
	now = 101;
	b = build(members, 1);
	ck_assert(ms_membership_equal(&a, &b));
	ms_membership_fini(&b);
	now = 110;
	b = build(members, 1);
	ck_assert(!ms_membership_equal(&a, &b));
	ms_membership_fini(&a);
	ms_membership_fini(&b);
}
END_TEST

static void expect_until(struct ms_membership *set, const char *text, uint32_t until)
{
	struct ms_cidr cidr;

	ck_assert(ms_cidr_parse(text, &cidr));
	ck_assert_uint_eq(ms_membership_find(set, &cidr)->until_tick, until);
}

static int count_changed(void *user, const struct ms_member *changed)
{
	(void)changed;
	++*(unsigned int *)user;
	return 0;
}

START_TEST(a_prefix_ends_with_the_last_member_that_covers_it)
{
	struct ms_set_member members[] = {
		member("10.0.0.0/8", 50, MS_SOURCE_FILE),
		member("10.1.0.0/16", 90, MS_SOURCE_FILE),
		member("10.1.1.0/24", 20, MS_SOURCE_FILE),
		member("10.1.1.1", 95, MS_SOURCE_FILE),
		member("10.2.0.0/16", 1, MS_SOURCE_FILE),
		member("11.0.0.0/8", 2, MS_SOURCE_FILE),
		member("2001:db8::/32", 0, MS_SOURCE_FILE),
		member("2001:db8::1", 3, MS_SOURCE_FILE),
	};
	struct ms_member wide = { .expires_tick = 0 };
	unsigned int changed = 0;
	struct ms_membership set;

	now = 100;
	set = build(members, 8);
	expect_until(&set, "10.0.0.0/8", 150);
	expect_until(&set, "10.1.0.0/16", 190);
	expect_until(&set, "10.1.1.0/24", 190);
	expect_until(&set, "10.1.1.1", 195);
	expect_until(&set, "10.2.0.0/16", 150);
	expect_until(&set, "11.0.0.0/8", 102);
	expect_until(&set, "2001:db8::1", 0);

	/* One in the middle, for ever: those within it, and no others. */
	ck_assert(ms_cidr_parse("10.1.0.0/20", &wide.cidr));
	ck_assert_int_eq(ms_membership_put(&set, &wide), 0);
	ms_membership_settle(&set, &wide.cidr, count_changed, &changed);
	ck_assert_uint_eq(changed, 2);
	expect_until(&set, "10.1.1.1", 0);
	expect_until(&set, "10.1.0.0/16", 190);
	ck_assert(ms_membership_remove(&set, &wide.cidr));
	ms_membership_settle(&set, &wide.cidr, count_changed, &changed);
	ck_assert_uint_eq(changed, 4);
	expect_until(&set, "10.1.1.0/24", 190);
	expect_until(&set, "10.1.1.1", 195);
	ms_membership_fini(&set);
}
END_TEST

START_TEST(two_sets_have_in_common_what_both_hold)
{
	struct ms_set_member members[] = {
		member("10.0.0.1", 0, MS_SOURCE_FILE),
		member("10.0.0.2", 7, MS_SOURCE_FILE),
		member("10.0.0.3", 0, MS_SOURCE_FILE),
		member("::1", 0, MS_SOURCE_FILE),
	};
	struct ms_membership a = build(members, 3), b = build(members + 1, 3);

	ck_assert_uint_eq(ms_membership_common(&a, &b), 2);
	ck_assert_uint_eq(ms_membership_common(&b, &a), 2);
	ck_assert_uint_eq(ms_membership_common(&a, &a), 3);
	ms_membership_fini(&a);
	ms_membership_fini(&b);
}
END_TEST

START_TEST(what_meets_a_set_has_an_address_in_common)
{
	/* Sorted as they will be; ends in ticks from 100. */
	struct ms_set_member members[] = {
		member("10.0.0.0/8", 5, MS_SOURCE_FILE),
		member("10.1.0.0/16", 20, MS_SOURCE_FILE),
		member("192.0.2.1", 0, MS_SOURCE_FILE),
		member("2001:db8::/32", 9, MS_SOURCE_FILE),
	};
	static const struct {
		const char *cidr;
		uint32_t now;
		bool meets;
	} cases[] = {
		{ "10.200.0.1", 104, true },     { "10.200.0.1", 105, false },
		{ "10.1.2.3", 119, true },       { "10.1.2.3", 120, false },
		{ "10.0.0.0/8", 104, true },     { "10.0.0.0/8", 119, true },
		{ "10.0.0.0/8", 120, false },    { "8.0.0.0/5", 119, true },
		{ "192.0.2.0/24", 500, true },   { "192.0.2.1", 500, true },
		{ "192.0.2.2", 100, false },     { "2001:db8:1::/48", 108, true },
		{ "2001:db8::/32", 109, false }, { "0.0.0.0/0", 500, true },
		{ "::/0", 109, false },
	};
	struct ms_membership set;

	now = 100;
	set = build(members, 4);
	for (size_t i = 0; i < ms_array_size(cases); i++) {
		struct ms_cidr cidr;

		ck_assert(ms_cidr_parse(cases[i].cidr, &cidr));
		ck_assert_msg(ms_membership_meets(&set, &cidr, cases[i].now) == cases[i].meets,
			      "%s at %u", cases[i].cidr, cases[i].now);
	}
	ms_membership_fini(&set);
}
END_TEST

START_TEST(what_lies_within_is_counted_as_far_as_is_asked)
{
	struct ms_set_member members[] = {
		member("10.0.0.0/8", 0, MS_SOURCE_FILE),
		member("10.1.0.0/16", 0, MS_SOURCE_FILE),
		member("10.1.2.3", 0, MS_SOURCE_FILE),
		member("10.2.0.0/16", 0, MS_SOURCE_FILE),
		member("192.0.2.1", 0, MS_SOURCE_FILE),
		member("2001:db8::1", 0, MS_SOURCE_FILE),
		member("2001:db8::/32", 0, MS_SOURCE_FILE),
	};
	static const struct {
		const char *cidr;
		size_t most, within;
	} cases[] = {
		{ "10.0.0.0/8", 100, 4 },  { "10.1.0.0/16", 100, 2 }, { "10.1.2.0/24", 100, 1 },
		{ "10.3.0.0/16", 100, 0 }, { "0.0.0.0/0", 100, 5 },   { "::/0", 100, 2 },
		{ "0.0.0.0/0", 5, 5 },     { "0.0.0.0/0", 3, 3 },     { "0.0.0.0/0", 0, 0 },
	};
	struct ms_membership set = build(members, ms_array_size(members));

	for (size_t i = 0; i < ms_array_size(cases); i++) {
		struct ms_cidr cidr;

		ck_assert(ms_cidr_parse(cases[i].cidr, &cidr));
		ck_assert_uint_eq(ms_membership_within(&set, &cidr, cases[i].most),
				  cases[i].within);
	}
	ms_membership_fini(&set);
}
END_TEST

/* ---- the next end, at random ---- */

static uint64_t state;

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 32) * limit >> 32);
}

/* Few prefixes, so that they come again; one in four stays, and one has ended before it comes. */
static struct ms_set_member draw(void)
{
	static const uint32_t longest[] = { 5, 100, 5000, 1u << 31 };
	struct ms_set_member drawn = { .cidr = { .addr.family = 4, .len = 32 } };

	drawn.cidr.addr.bytes[2] = (uint8_t)below(2);
	drawn.cidr.addr.bytes[3] = (uint8_t)below(200);
	if (below(4))
		drawn.timeout_ns = (1 + below(longest[below(4)] - 1)) * NS_PER_S;
	return drawn;
}

static struct ms_member put_drawn(struct ms_membership *set)
{
	struct ms_set_member drawn = draw();
	struct ms_member one = {
		.cidr = drawn.cidr,
		.expires_tick =
			drawn.timeout_ns ? now + (uint32_t)(drawn.timeout_ns / NS_PER_S) : 0,
	};

	if (one.expires_tick && below(8) == 0)
		one.expires_tick = now - below(50);
	ck_assert_int_eq(ms_membership_put(set, &one), 0);
	return one;
}

static void expect_next_end(struct ms_membership *set)
{
	int32_t nearest = INT32_MAX;
	uint32_t tick = 0;
	bool is_any;

	for (size_t i = 0; i < set->count; i++) {
		int32_t left = (int32_t)(set->members[i].expires_tick - now);

		if (set->members[i].expires_tick && left > 0 && left < nearest)
			nearest = left;
	}
	is_any = ms_membership_next_end(set, now, &tick);
	ck_assert_int_eq(is_any, nearest != INT32_MAX);
	ck_assert(!is_any || tick - now == (uint32_t)nearest);
}

/* All members are other ones, or the same in another place. */
static void change_all(struct ms_membership *set)
{
	struct ms_set_member members[400]; /* as many as can be drawn */
	struct ms_membership other;
	bool is_same = below(2);

	for (size_t i = 0; i < ms_array_size(members); i++)
		members[i] = is_same && i < set->count
				     ? (struct ms_set_member) { .cidr = set->members[i].cidr }
				     : draw();
	other = build(members, is_same ? set->count : ms_array_size(members));
	if (is_same)
		ck_assert_int_eq(ms_membership_carry(&other, set), 0);
	ms_membership_fini(set);
	*set = other;
}

START_TEST(the_next_end_is_what_a_walk_finds)
{
	/* Ticks wrap on the way, or do not. */
	static const uint32_t beginnings[] = { 1000, UINT32_MAX - 3000, INT32_MAX - 3000u };
	struct ms_membership set;

	now = beginnings[_i];
	state = 20261130 + (uint64_t)_i;
	set = build(NULL, 0);
	for (unsigned int round = 0; round < 20000; round++) {
		struct ms_member drawn = put_drawn(&set);

		if (below(2))
			ms_membership_remove(&set, &drawn.cidr);
		else if (set.count && below(4) == 0)
			ms_membership_remove(&set, &set.members[below((uint32_t)set.count)].cidr);
		if (below(500) == 0)
			change_all(&set);
		now += below(8) ? 0 : below(30);
		if (below(3) == 0)
			expect_next_end(&set);
		ck_assert_uint_le(set.ends.removed.count, set.count + 65);
		ck_assert_uint_le(set.ends.put.count, 2 * set.count + 65);
	}
	ms_membership_fini(&set);
}
END_TEST

/* The longest time there is, beside what has passed and was not asked for since. */
START_TEST(the_furthest_end_is_not_before_one_that_has_passed)
{
	struct ms_member one = { .cidr = { .addr.family = 4, .len = 32 } };
	const uint32_t ticks[] = { 110, 100 + (uint32_t)INT32_MAX, 200 + (uint32_t)INT32_MAX };
	struct ms_membership set;
	uint32_t tick;

	now = 100;
	set = build(NULL, 0);
	for (size_t i = 0; i < ms_array_size(ticks); i++) {
		one.cidr.addr.bytes[3] = (uint8_t)i;
		one.expires_tick = ticks[i];
		ck_assert_int_eq(ms_membership_put(&set, &one), 0);
	}
	ck_assert(ms_membership_next_end(&set, 200, &tick));
	ck_assert_uint_eq(tick, ticks[1]);
	ms_membership_fini(&set);
}
END_TEST

/* Those that stay are not looked at: nothing is kept of them. */
START_TEST(members_that_stay_are_not_among_the_ends)
{
	struct ms_member one = { .cidr = { .addr.family = 4, .len = 32 } };
	struct ms_membership set;
	uint32_t tick;

	now = 100;
	set = build(NULL, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		one.cidr.addr.bytes[2] = (uint8_t)(i >> 8);
		one.cidr.addr.bytes[3] = (uint8_t)i;
		one.expires_tick = i % 100 ? 0 : 200 + i;
		ck_assert_int_eq(ms_membership_put(&set, &one), 0);
	}
	ck_assert_uint_eq(set.ends.put.count, 10);
	ck_assert(ms_membership_next_end(&set, now, &tick));
	ck_assert_uint_eq(tick, 200);
	ck_assert(ms_membership_next_end(&set, 1050, &tick));
	ck_assert_uint_eq(tick, 1100);
	ck_assert_uint_eq(set.ends.put.count, 1);
	ck_assert(!ms_membership_next_end(&set, 1100, &tick));
	ms_membership_fini(&set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("core/membership");
	TCase *tcase = tcase_create("membership");

	tcase_add_test(tcase, prefixes_in_their_order_are_found_in_one_walk);
	tcase_add_test(tcase, duplicates_become_the_one_that_stays_longer);
	tcase_add_test(tcase, a_prefix_is_in_until_the_last_who_holds_it_lets_go);
	tcase_add_test(tcase, put_and_remove_keep_the_order);
	tcase_add_test(tcase, equal_allows_a_tick_of_rounding_and_no_more);
	tcase_add_test(tcase, a_prefix_ends_with_the_last_member_that_covers_it);
	tcase_add_loop_test(tcase, the_next_end_is_what_a_walk_finds, 0, 3);
	tcase_add_test(tcase, the_furthest_end_is_not_before_one_that_has_passed);
	tcase_add_test(tcase, members_that_stay_are_not_among_the_ends);
	tcase_add_test(tcase, what_meets_a_set_has_an_address_in_common);
	tcase_add_test(tcase, what_lies_within_is_counted_as_far_as_is_asked);
	tcase_add_test(tcase, two_sets_have_in_common_what_both_hold);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
