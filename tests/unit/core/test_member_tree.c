/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree against a list of members: what is stored of each prefix is what all members that cover
 * it say, whatever was put in and taken out before.
 */
#include "core/set_table/member_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/ms_check.h"

#define SETS 18 /* more than are named of one prefix */
#define MEMBERS_MAX 600

struct stored {
	struct ms_cidr cidr;
	struct ms_member_sets sets;
};

struct member {
	struct ms_cidr cidr;
	uint32_t set, until;
};

static struct ms_member_tree *tree;
static struct stored stored[MEMBERS_MAX];
static size_t n_stored;
static struct member members[MEMBERS_MAX];
static size_t n_members;
static uint64_t state;
static int refusal; /* what the next hooks return */
static size_t n_written;

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 32) * limit >> 32);
}

static struct stored *find_stored(const struct ms_cidr *cidr)
{
	for (size_t i = 0; i < n_stored; i++)
		if (ms_cidr_compare(&stored[i].cidr, cidr) == 0)
			return &stored[i];
	return NULL;
}

static int store(void *user, const struct ms_cidr *cidr, const struct ms_member_sets *sets)
{
	struct stored *at = find_stored(cidr);

	(void)user;
	n_written++;
	if (refusal)
		return refusal;
	if (!at) {
		ck_assert_uint_lt(n_stored, MEMBERS_MAX);
		at = &stored[n_stored++];
	}
	*at = (struct stored) { *cidr, *sets };
	return 0;
}

static int drop(void *user, const struct ms_cidr *cidr)
{
	struct stored *at = find_stored(cidr);

	(void)user;
	ck_assert_ptr_nonnull(at);
	*at = stored[--n_stored];
	return refusal;
}

static void setup(void)
{
	const struct ms_member_tree_hooks hooks = { store, drop, NULL };

	tree = ms_member_tree_new(&hooks);
	ck_assert_ptr_nonnull(tree);
	n_stored = n_members = n_written = 0;
	refusal = 0;
	state = 20261130;
}

static void teardown(void)
{
	tree = ms_member_tree_free(tree);
}

static struct ms_cidr cidr(const char *text)
{
	struct ms_cidr parsed;

	ck_assert(ms_cidr_parse(text, &parsed));
	return parsed;
}

static int put(uint32_t set, const char *text, uint32_t until)
{
	struct ms_cidr parsed = cidr(text);

	return ms_member_tree_put(tree, set, &parsed, until);
}

static int take_out(uint32_t set, const char *text)
{
	struct ms_cidr parsed = cidr(text);

	return ms_member_tree_remove(tree, set, &parsed);
}

static int put_late(uint32_t set, const char *text, uint32_t until)
{
	struct ms_cidr parsed = cidr(text);

	return ms_member_tree_put_late(tree, set, &parsed, until);
}

static int take_out_late(uint32_t set, const char *text)
{
	struct ms_cidr parsed = cidr(text);

	return ms_member_tree_remove_late(tree, set, &parsed);
}

static bool release_some(size_t most)
{
	int r;
	bool is_more = ms_member_tree_release_some(tree, most, &r);

	ck_assert_int_eq(r, 0);
	return is_more;
}

static bool is_due(void)
{
	return release_some(0);
}

/* As "SET SET@UNTIL", "many", or "-" where nothing is stored. */
static const char *said(const char *text)
{
	static char words[256];
	struct ms_cidr parsed = cidr(text);
	const struct stored *at = find_stored(&parsed);
	size_t length = 0;

	if (!at)
		return "-";
	if (at->sets.count == MS_MEMBER_MANY)
		return "many";
	words[0] = '\0';
	for (uint32_t i = 0; i < at->sets.count; i++) {
		length += (size_t)snprintf(words + length, sizeof(words) - length, "%s%u",
					   i ? " " : "", at->sets.of[i].set);
		if (at->sets.of[i].until)
			length += (size_t)snprintf(words + length, sizeof(words) - length, "@%u",
						   at->sets.of[i].until);
	}
	return words;
}

START_TEST(a_prefix_says_what_wider_ones_say)
{
	ck_assert_int_eq(put(7, "10.1.2.3", 0), 0);
	ck_assert_int_eq(put(5, "10.0.0.0/8", 0), 0);
	ck_assert_int_eq(put(9, "10.1.0.0/16", 30), 0);
	ck_assert_str_eq(said("10.0.0.0/8"), "5");
	ck_assert_str_eq(said("10.1.0.0/16"), "5 9@30");
	ck_assert_str_eq(said("10.1.2.3"), "5 7 9@30");
	/* The same set within itself: the inner one knows both ends. */
	ck_assert_int_eq(put(9, "10.1.2.3", 50), 0);
	ck_assert_str_eq(said("10.1.2.3"), "5 7 9@50");
	ck_assert_str_eq(said("10.1.0.0/16"), "5 9@30");
	ck_assert_int_eq(take_out(5, "10.0.0.0/8"), 0);
	ck_assert_str_eq(said("10.0.0.0/8"), "-");
	ck_assert_str_eq(said("10.1.0.0/16"), "9@30");
	ck_assert_str_eq(said("10.1.2.3"), "7 9@50");
	ck_assert_int_eq(take_out(5, "10.0.0.0/8"), -ENOENT);
	ck_assert_int_eq(take_out(5, "10.1.2.3"), -ENOENT);
}
END_TEST

START_TEST(a_change_writes_what_it_is_about)
{
	ck_assert_int_eq(put(1, "10.0.0.0/24", 0), 0);
	for (unsigned int i = 0; i < 100; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.1.%u", i);
		ck_assert_int_eq(put(2, text, 0), 0);
	}
	n_written = 0;
	ck_assert_int_eq(put(3, "10.0.1.50", 0), 0);
	ck_assert_uint_eq(n_written, 1);
	ck_assert_int_eq(put(4, "10.0.1.0/24", 0), 0);
	ck_assert_uint_eq(n_written, 1 + 1 + 100);
}
END_TEST

/* As many as a change would go to, or more: forks are among them. */
START_TEST(what_lies_within_is_counted_as_far_as_is_asked)
{
	struct ms_cidr all = cidr("10.0.0.0/8"), none = cidr("11.0.0.0/8"), half, one;

	ck_assert_uint_eq(ms_member_tree_within(tree, &all, 100), 0);
	for (unsigned int i = 0; i < 64; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.0.1", i * 4);
		ck_assert_int_eq(put(i % 2, text, 0), 0);
	}
	half = cidr("10.128.0.0/9");
	one = cidr("10.4.0.1");
	ck_assert_uint_eq(ms_member_tree_within(tree, &all, 1000), 64 + 63);
	ck_assert_uint_eq(ms_member_tree_within(tree, &half, 1000), 32 + 31);
	ck_assert_uint_eq(ms_member_tree_within(tree, &one, 1000), 1);
	ck_assert_uint_eq(ms_member_tree_within(tree, &none, 1000), 0);
	ck_assert_uint_eq(ms_member_tree_within(tree, &all, 127), 127);
	ck_assert_uint_eq(ms_member_tree_within(tree, &all, 50), 50);
	ck_assert_uint_eq(ms_member_tree_within(tree, &all, 0), 0);
	/* One that is there already. */
	ck_assert_int_eq(put(3, "10.128.0.0/9", 0), 0);
	ck_assert_uint_eq(ms_member_tree_within(tree, &half, 1000), 1 + 32 + 30);
	n_written = 0;
	ck_assert_int_eq(put(4, "10.128.0.0/9", 0), 0);
	ck_assert_uint_eq(n_written, 1 + 32);
}
END_TEST

START_TEST(more_sets_than_are_named_are_many)
{
	for (uint32_t set = MS_MEMBER_SETS; set > 0; set--)
		ck_assert_int_eq(put(set, "10.0.0.1", 0), 0);
	ck_assert_str_eq(said("10.0.0.1"), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	ck_assert_int_eq(put(16, "10.0.0.0/24", 0), 0);
	ck_assert_str_eq(said("10.0.0.1"), "many");
	ck_assert_str_eq(said("10.0.0.0/24"), "16");
	ck_assert_int_eq(take_out(4, "10.0.0.1"), 0);
	ck_assert_str_eq(said("10.0.0.1"), "1 2 3 5 6 7 8 9 10 11 12 13 14 15 16");
}
END_TEST

START_TEST(what_is_refused_is_the_trees_all_the_same)
{
	ck_assert_int_eq(put(1, "10.0.0.0/24", 0), 0);
	refusal = -ENOSPC;
	ck_assert_int_eq(put(2, "10.0.0.1", 0), -ENOSPC);
	ck_assert_str_eq(said("10.0.0.1"), "-");
	refusal = 0;
	ck_assert_int_eq(put(2, "10.0.0.1", 0), 0);
	ck_assert_str_eq(said("10.0.0.1"), "1 2");
}
END_TEST

START_TEST(what_is_held_is_stored_once)
{
	ck_assert_int_eq(put(1, "10.0.0.0/24", 0), 0);
	ck_assert_int_eq(put(1, "10.0.1.7", 0), 0);
	n_written = 0;
	ms_member_tree_hold(tree);
	for (uint32_t set = 2; set < 10; set++)
		ck_assert_int_eq(put(set, "10.0.0.0/16", 0), 0);
	ck_assert_int_eq(take_out(1, "10.0.0.0/24"), 0);
	ck_assert_int_eq(put(3, "10.0.9.9", 0), 0);
	ck_assert_int_eq(take_out(3, "10.0.9.9"), 0);
	ck_assert_uint_eq(n_written, 0);
	ck_assert_str_eq(said("10.0.0.0/24"), "1");
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_eq(n_written, 2);
	ck_assert_str_eq(said("10.0.0.0/16"), "2 3 4 5 6 7 8 9");
	ck_assert_str_eq(said("10.0.0.0/24"), "-");
	ck_assert_str_eq(said("10.0.1.7"), "1 2 3 4 5 6 7 8 9");
	ck_assert_str_eq(said("10.0.9.9"), "-");
	ck_assert_int_eq(put(3, "10.0.9.9", 0), 0);
	ck_assert_str_eq(said("10.0.9.9"), "2 3 4 5 6 7 8 9");
}
END_TEST

/* However large the tree is: the way to each change is as deep as prefixes are long, at most. */
START_TEST(a_release_goes_where_something_has_changed)
{
	enum { SIDE = 64, CHANGES = 3 };
	char text[32];

	ms_member_tree_hold(tree);
	for (unsigned int i = 0; i < SIDE * 4; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1", i / SIDE, i % SIDE);
		ck_assert_int_eq(put(1, text, 0), 0);
	}
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_ge(ms_member_tree_visited(tree), SIDE * 4);
	ms_member_tree_hold(tree);
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_eq(ms_member_tree_visited(tree), 0);
	ms_member_tree_hold(tree);
	n_written = 0;
	ck_assert_int_eq(take_out(1, "10.0.7.1"), 0);
	ck_assert_int_eq(put(1, "10.2.9.1", 30), 0);
	ck_assert_int_eq(put(1, "10.3.9.9", 0), 0);
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_eq(n_written, 2);
	ck_assert_uint_le(ms_member_tree_visited(tree), CHANGES * 11);
	ms_member_tree_hold(tree);
	n_written = 0;
	ck_assert_int_eq(put(2, "10.1.0.0/16", 0), 0);
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_eq(n_written, 1 + SIDE);
	ck_assert_uint_le(ms_member_tree_visited(tree), 2 * SIDE + 3);
	ck_assert_str_eq(said("10.1.5.1"), "1 2");
	ck_assert_str_eq(said("10.2.9.1"), "1@30");
}
END_TEST

START_TEST(what_is_late_is_told_by_rounds)
{
	enum { HOSTS = 100, ROUND = 30 };
	char text[32];
	unsigned int rounds = 0;

	for (unsigned int i = 0; i < HOSTS; i++) {
		snprintf(text, sizeof(text), "10.0.1.%u", i);
		ck_assert_int_eq(put(2, text, 0), 0);
	}
	ck_assert(!is_due());
	n_written = 0;
	ck_assert_int_eq(put_late(3, "10.0.0.0/16", 0), 0);
	ck_assert(is_due());
	ck_assert_uint_eq(n_written, 0);
	/* Others are not late. */
	ck_assert_int_eq(put(4, "10.0.1.99", 0), 0);
	ck_assert_int_eq(put(4, "10.0.9.9", 0), 0);
	ck_assert_str_eq(said("10.0.1.99"), "2 3 4");
	ck_assert_str_eq(said("10.0.9.9"), "3 4");
	ck_assert_str_eq(said("10.0.1.98"), "2");
	for (; is_due(); rounds++) {
		n_written = 0;
		release_some(ROUND);
		ck_assert_uint_le(n_written, ROUND);
		/* The wide one first. */
		ck_assert_str_eq(said("10.0.0.0/16"), "3");
	}
	ck_assert_uint_ge(rounds, HOSTS / ROUND);
	ck_assert_str_eq(said("10.0.1.98"), "2 3");
	/* It goes before it is through, and comes to nothing. */
	ck_assert_int_eq(take_out_late(3, "10.0.0.0/16"), 0);
	release_some(ROUND);
	ck_assert_int_eq(put_late(3, "10.0.0.0/16", 0), 0);
	ck_assert_int_eq(take_out(2, "10.0.1.50"), 0);
	ck_assert_str_eq(said("10.0.1.50"), "-");
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_str_eq(said("10.0.1.0"), "2 3");
	ck_assert_str_eq(said("10.0.0.0/16"), "3");
}
END_TEST

/* A neighbour that goes takes the fork out, and what waits behind it stays. */
START_TEST(what_is_late_is_not_lost_by_others)
{
	ck_assert_int_eq(put(1, "10.0.0.0/16", 0), 0);
	ck_assert_int_eq(put(1, "10.0.0.1", 0), 0);
	ck_assert_int_eq(put(1, "10.1.0.0/16", 0), 0);
	ck_assert_int_eq(take_out_late(1, "10.0.0.0/16"), 0);
	ck_assert_int_eq(take_out(1, "10.0.0.1"), 0);
	ck_assert_int_eq(take_out(1, "10.1.0.0/16"), 0);
	ck_assert_str_eq(said("10.0.0.0/16"), "1");
	/* And one that comes puts a fork before it. */
	ck_assert_int_eq(put(1, "10.64.0.0/16", 0), 0);
	ck_assert(is_due());
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_str_eq(said("10.0.0.0/16"), "-");
	ck_assert_uint_eq(n_stored, 1);
}
END_TEST

/* As many nodes as are asked for, and then the rest. */
START_TEST(a_release_may_come_in_parts)
{
	char text[32];
	size_t parts = 1;
	int r;

	ms_member_tree_hold(tree);
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		ck_assert_int_eq(put(1, text, 0), 0);
	}
	ck_assert_int_eq(put(2, "10.0.0.0/24", 0), 0);
	while (ms_member_tree_release_some(tree, 50, &r)) {
		ck_assert_uint_le(ms_member_tree_visited(tree), 50);
		ck_assert_int_eq(r, 0);
		parts++;
	}
	ck_assert_uint_ge(parts, 5);
	ck_assert_uint_eq(n_written, 201);
	ck_assert_str_eq(said("10.0.0.0"), "1 2");
	ck_assert_str_eq(said("10.0.0.199"), "1 2");
}
END_TEST

/* Whoever cannot wait, and what is around it: what it stands within is said of it, too. */
START_TEST(what_is_hurried_is_not_held)
{
	ms_member_tree_hold(tree);
	ck_assert_int_eq(put(1, "10.0.0.0/24", 0), 0);
	ck_assert_int_eq(put(1, "10.0.0.9", 0), 0);
	ms_member_tree_hurry(tree, true);
	ck_assert_int_eq(put(2, "10.0.0.8", 0), 0); /* with a fork above the other one */
	ms_member_tree_hurry(tree, false);
	ck_assert_str_eq(said("10.0.0.8"), "1 2");
	ck_assert_str_eq(said("10.0.0.9"), "-");
	ck_assert_str_eq(said("10.0.0.0/24"), "-");
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_str_eq(said("10.0.0.9"), "1");
	ck_assert_str_eq(said("10.0.0.0/24"), "1");
	ck_assert_str_eq(said("10.0.0.8"), "1 2");
}
END_TEST

/* Rounds of others do not end what one holds, and tell what is late. */
START_TEST(a_hurried_round_leaves_it_held)
{
	ms_member_tree_hold(tree);
	ms_member_tree_hurry(tree, true);
	release_some(0); /* nothing is due */
	ck_assert_int_eq(put_late(1, "10.0.0.0/24", 0), 0);
	ck_assert_str_eq(said("10.0.0.0/24"), "-");
	while (is_due())
		release_some(1);
	ms_member_tree_hurry(tree, false);
	ck_assert_str_eq(said("10.0.0.0/24"), "1");
	ck_assert_int_eq(put(2, "10.0.0.9", 0), 0);
	ck_assert_str_eq(said("10.0.0.9"), "-");
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_int_eq(put(2, "10.0.0.8", 0), 0);
	ck_assert_str_eq(said("10.0.0.8"), "1 2");
}
END_TEST

/* ---- at random ---- */

static struct member *find_member(uint32_t set, const struct ms_cidr *of)
{
	for (size_t i = 0; i < n_members; i++)
		if (members[i].set == set && ms_cidr_compare(&members[i].cidr, of) == 0)
			return &members[i];
	return NULL;
}

/* What the list says: of each set the longest member that covers it. */
static void expect(const struct ms_cidr *of)
{
	const struct stored *at = find_stored(of);
	const struct member *best[SETS] = { NULL };
	uint32_t count = 0;
	bool is_member = false;

	for (size_t i = 0; i < n_members; i++) {
		const struct member *member = &members[i];

		is_member |= ms_cidr_compare(&member->cidr, of) == 0;
		if (ms_cidr_covers(&member->cidr, of) &&
		    (!best[member->set] || best[member->set]->cidr.len < member->cidr.len))
			best[member->set] = member;
	}
	ck_assert_int_eq(at != NULL, is_member);
	for (uint32_t set = 0; at && set < SETS; set++) {
		if (!best[set])
			continue;
		if (at->sets.count != MS_MEMBER_MANY) {
			ck_assert_uint_lt(count, at->sets.count);
			ck_assert_uint_eq(at->sets.of[count].set, set);
			ck_assert_uint_eq(at->sets.of[count].until, best[set]->until);
		}
		count++;
	}
	if (at)
		ck_assert_uint_eq(at->sets.count, count > MS_MEMBER_SETS ? MS_MEMBER_MANY : count);
}

/* Bits of few kinds, so that many cover each other. */
static struct ms_cidr draw(void)
{
	struct ms_cidr drawn = { .addr.family = below(2) ? 4 : 6 };
	unsigned int bits = drawn.addr.family == 4 ? 32 : 128;

	drawn.len = (uint8_t)(below(3) ? below(bits + 1) : bits);
	for (unsigned int bit = 0; bit < drawn.len; bit++)
		if (below(8) == 0)
			drawn.addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return drawn;
}

#define AT_ONCE 130 /* nodes that a part of a release goes to */

/* Some of what is held is stored, or all of it. */
static void release(bool is_all)
{
	int r = 0;

	while (is_all && ms_member_tree_release_some(tree, AT_ONCE, &r))
		ck_assert_int_eq(r, 0);
	if (is_all || !ms_member_tree_release_some(tree, AT_ONCE, &r))
		ms_member_tree_hold(tree);
	ck_assert_int_eq(r, 0);
}

/* At once; all now and then; some late; and some at once, some late, while the rest is held. */
START_TEST(it_says_what_a_list_says)
{
	if (_i == 1 || _i == 3)
		ms_member_tree_hold(tree);
	for (unsigned int round = 0; round < 6000; round++) {
		struct member *known = n_members ? &members[below((uint32_t)n_members)] : NULL;
		struct ms_cidr of = known && below(2) ? known->cidr : draw();
		uint32_t set = known && below(2) ? known->set : below(SETS);
		bool is_hurried = _i == 3 && below(2), is_changed = true;
		bool is_late = (_i == 2 || is_hurried) && below(2);

		ms_member_tree_hurry(tree, is_hurried);
		known = find_member(set, &of);
		if (known && (below(3) || n_members > MEMBERS_MAX / 2)) {
			ck_assert_int_eq((is_late ? ms_member_tree_remove_late
						  : ms_member_tree_remove)(tree, set, &of),
					 0);
			*known = members[--n_members];
		} else if (known || n_members < MEMBERS_MAX / 2) {
			uint32_t until = below(100);

			ck_assert_int_eq((is_late ? ms_member_tree_put_late
						  : ms_member_tree_put)(tree, set, &of, until),
					 0);
			if (!known)
				known = &members[n_members++];
			*known = (struct member) { of, set, until };
		} else {
			ck_assert_int_eq(ms_member_tree_remove(tree, set, &of), -ENOENT);
			is_changed = false;
		}
		if (is_hurried && below(4) == 0)
			release_some(below(6));
		ms_member_tree_hurry(tree, false);
		if (_i == 0 || ((_i == 2 || is_hurried) && is_changed && !is_late))
			expect(&of);
		if (_i == 2 && below(4) == 0)
			release_some(below(6));
		while (_i == 2 && round % 100 == 0 && is_due())
			release_some(1 + below(9));
		if (_i == 1 && round % 100 == 0) {
			ck_assert_int_eq(ms_member_tree_release(tree), 0);
			ms_member_tree_hold(tree);
		}
		if (_i == 3 && round % 20 == 0)
			release(round % 100 == 0);
		if (round % 100 == 0)
			for (size_t i = 0; i < n_members; i++)
				expect(&members[i].cidr);
	}
	while (n_members) {
		const struct member *last = &members[--n_members];

		ck_assert_int_eq(ms_member_tree_remove(tree, last->set, &last->cidr), 0);
	}
	ck_assert_int_eq(ms_member_tree_release(tree), 0);
	ck_assert_uint_eq(n_stored, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("member_tree");
	TCase *tcase = tcase_create("tree");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_prefix_says_what_wider_ones_say);
	tcase_add_test(tcase, a_change_writes_what_it_is_about);
	tcase_add_test(tcase, what_lies_within_is_counted_as_far_as_is_asked);
	tcase_add_test(tcase, more_sets_than_are_named_are_many);
	tcase_add_test(tcase, what_is_refused_is_the_trees_all_the_same);
	tcase_add_test(tcase, what_is_held_is_stored_once);
	tcase_add_test(tcase, a_release_goes_where_something_has_changed);
	tcase_add_test(tcase, what_is_late_is_told_by_rounds);
	tcase_add_test(tcase, what_is_late_is_not_lost_by_others);
	tcase_add_test(tcase, a_release_may_come_in_parts);
	tcase_add_test(tcase, what_is_hurried_is_not_held);
	tcase_add_test(tcase, a_hurried_round_leaves_it_held);
	tcase_add_loop_test(tcase, it_says_what_a_list_says, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
