/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath's classifier on this machine: its own headers, with arrays of this process for maps.
 * Rows go to ms_host_rows, ms_host_build() makes the look-up of them, and ms_classify() of the
 * headers answers; sets are what set_has() of the test says. For one file of a program: the headers
 * define what is global.
 */
#ifndef MS_TESTS_UNIT_CLASSIFY_HOST_H
#define MS_TESTS_UNIT_CLASSIFY_HOST_H

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "core/classify/pairs.h"
#include "tests/harness/look_up.h"
#include "tests/harness/ms_check.h"

static struct ms_rows ms_host_rows;
static struct ms_blocks ms_host_blocks;
static struct ms_policy_head ms_host_head;
static struct ms_set_entry ms_host_member; /* of every set that has the address */

/* Whether the address that ends in the byte `last` is in the set. */
static bool set_has(uint32_t set, const uint8_t *last);

/* How sets are asked for: by what an address is a member of; some of them one by one; all of them,
 * as the index is not there, or as the address is a member of too many. */
enum { MS_HOST_MEMBERS, MS_HOST_ASKED, MS_HOST_NOT_READY, MS_HOST_MANY, MS_HOST__WAYS };

#define MS_HOST_OTHER 8     /* length of prefixes that are told, besides the full one */
#define MS_HOST_SETS 8      /* numbers below */
#define MS_HOST_ASKED_SET 3 /* of which MS_HOST_ASKED asks */

/* Ids differ in either half of their bits, and a query's time is 0. */
#define MS_HOST_SET_ID(number) ((number) << 16 | ((number) ^ 0xffff))
#define ENDED (~0u)

static int ms_host_way;

static struct ms_asked ms_host_asked;

static void *ms_host_member_of(const uint8_t *last)
{
	static struct ms_member_sets sets;

	sets = (struct ms_member_sets) { .len = 128 };
	for (uint32_t set = 1; set < MS_HOST_SETS; set++) {
		if (ms_host_way == MS_HOST_ASKED && set == MS_HOST_ASKED_SET)
			continue;
		/* One that is none any more is told still. */
		sets.of[sets.count].until = set_has(set, last) ? 0 : ENDED;
		sets.of[sets.count++].set = MS_HOST_SET_ID(set);
	}
	if (ms_host_way == MS_HOST_MANY)
		sets.count = MS_MEMBER_MANY;
	return sets.count ? &sets : NULL;
}

/* Of ms_told4/6: a third of all addresses, and a short prefix around all, which is in no set. Of
 * some look-ups the memory is another address's by the time, and says the contrary. */
static void *ms_host_told(uint32_t prefixlen, const uint8_t *last)
{
	static struct ms_member_sets sets;
	static unsigned int turn;

	if (++turn % 7 == 0) {
		sets = (struct ms_member_sets) { .len = 128 };
		for (uint32_t set = 1; set < MS_HOST_SETS; set++)
			if (!set_has(set, last))
				sets.of[sets.count++].set = MS_HOST_SET_ID(set);
		ms_host_asked.writes++;
		return &sets;
	}
	if (prefixlen == MS_HOST_OTHER) {
		sets = (struct ms_member_sets) { .len = MS_HOST_OTHER };
		return &sets;
	}
	return *last % 3 == 0 ? ms_host_member_of(last) : NULL;
}

static void *ms_host_ask(void)
{
	ms_host_asked = (struct ms_asked) { .is_ready = ms_host_way != MS_HOST_NOT_READY,
					    .writes = ms_host_asked.writes };
	ms_host_asked.lengths[0] = 32 | MS_HOST_OTHER << 8 | 33 << 16;
	ms_host_asked.lengths[1] = 128 | MS_HOST_OTHER << 8 | 129 << 16;
	if (ms_host_way == MS_HOST_ASKED) {
		ms_host_asked.count = 12; /* more than one step of it */
		ms_host_asked.sets[10] = MS_HOST_SET_ID(MS_HOST_ASKED_SET);
		ms_host_asked.bits = MS_SET_BIT(MS_HOST_SET_ID(MS_HOST_ASKED_SET));
	}
	return &ms_host_asked;
}

static void *ms_host_look_up(const void *map, const void *key)
{
	const struct ms_set_key6 *key6 = key;
	const struct ms_set_key4 *key4 = key;
	const struct ms_member_key6 *member6 = key;
	const struct ms_member_key4 *member4 = key;
	uint32_t index = *(const uint32_t *)key;

	if (map == &ms_policy)
		return &ms_host_head;
	if (map == &ms_blocks)
		return index < MS_BLOCKS ? ms_host_blocks.words + (size_t)index * MS_BLOCK_WORDS
					 : NULL;
	if (map == &ms_rules4)
		return index < ms_host_rows.n_rows4 ? &ms_host_rows.rows4[index] : NULL;
	if (map == &ms_rules6)
		return index < ms_host_rows.n_rows6 ? &ms_host_rows.rows6[index] : NULL;
	if (map == &ms_set4)
		return set_has(key4->set >> 16, (const uint8_t *)&key4->addr + 3) ? &ms_host_member
										  : NULL;
	if (map == &ms_set6)
		return set_has(key6->set >> 16, (const uint8_t *)key6->addr + 15) ? &ms_host_member
										  : NULL;
	if (map == &ms_told4)
		return ms_host_told(member4->prefixlen, (const uint8_t *)&member4->addr + 3);
	if (map == &ms_told6)
		return ms_host_told(member6->prefixlen, (const uint8_t *)member6->addr + 15);
	if (map == &ms_member4)
		return ms_host_member_of((const uint8_t *)&member4->addr + 3);
	if (map == &ms_member6)
		return ms_host_member_of((const uint8_t *)member6->addr + 15);
	if (map == &ms_asked)
		return ms_host_ask();
	ck_abort_msg("an unexpected map");
	return NULL;
}

static void ms_host_setup(const struct ms_numbering *numbering)
{
	ms_rows_init(&ms_host_rows, numbering);
	ck_assert_int_eq(ms_blocks_init(&ms_host_blocks), 0);
	memset(&ms_host_head, 0, sizeof(ms_host_head));
}

static void ms_host_teardown(void)
{
	ms_rows_fini(&ms_host_rows);
	ms_blocks_fini(&ms_host_blocks);
}

static void ms_host_build(unsigned int family)
{
	struct ms_engine_bound bound;

	ck_assert_int_eq(ms_pairs_build(&ms_host_blocks, &ms_host_rows, family,
					&ms_host_head.pairs[family == 6], &bound),
			 0);
}

/* What each engine answers, -1 = no rule matches. */
static int ms_host_pairs(struct ms_query query)
{
	const struct ms_pairs_root *root = &ms_host_head.pairs[query.family == 6];
	int first = 0;

	for (ms_host_way = 0; ms_host_way < (root->sets ? MS_HOST__WAYS : 1); ms_host_way++) {
		struct ms_query asked = query;
		int found = ms_classify(&asked);

		/* The datapath puts a query again, the other way round. */
		ck_assert_int_eq(ms_classify(&asked), found);
		if (ms_host_way == 0)
			first = found;
		ck_assert_msg(found == first, "%d, and %d by way %d", first, found, ms_host_way);
	}
	return first;
}

static int ms_host_linear(struct ms_query query)
{
	int found;

	query.rows_end =
		(uint32_t)(query.family == 4 ? ms_host_rows.n_rows4 : ms_host_rows.n_rows6);
	found = ms_linear_find(&query);
	return found < 0 ? -1 : found;
}

#endif
