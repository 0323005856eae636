/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pairs engine's rules of sets: of all sets that any rule asks for, those that have the
 * packet's source, then those that have its destination. What an address is told says which these
 * are (members.h), whatever number of rules ask for others.
 *
 * Where a walk stands is kept in the query, by ids that only grow and places that stay, since
 * members and sets come and go meanwhile.
 */
#ifndef MS_BPF_LIB_SET_ROWS_H
#define MS_BPF_LIB_SET_ROWS_H

#include "bpf/lib/members.h"
#include "bpf/lib/spans.h"

static __always_inline void ms_sets_stage(struct ms_query *query, __u32 stage)
{
	query->sets_stage = stage;
	query->sets_at = 0;
}

/* `sets` as in struct ms_pairs_root. */
static __always_inline void ms_sets_begin(struct ms_query *query, __u32 sets)
{
	query->sets_which = MS_SET_SRC;
	query->may = ~0u;
	ms_sets_stage(query, sets ? MS_SETS_TURN : MS_SETS_THROUGH);
}

/* The side is over. */
static __always_inline void ms_sets_end(struct ms_query *query)
{
	ms_sets_stage(query, query->sets_which == MS_SET_SRC ? MS_SETS_TURN : MS_SETS_THROUGH);
	query->sets_which = MS_SET_DST;
	query->may = ~0u;
}

/* What is said of the side at hand, MS_SETS_*. NULL only for the verifier. */
static __always_inline const __u32 *ms_sets_part(const struct ms_query *query)
{
	const struct ms_policy_head *policy;
	const struct ms_block *block;
	__u32 at = ms_query_head(query);

	policy = bpf_map_lookup_elem(&ms_policy, &at);
	if (!policy)
		return NULL;
	at = ms_spans_base(query) +
	     MS_CHOOSE(query->family == 4, policy->pairs[0].sets, policy->pairs[1].sets);
	if (query->sets_which == MS_SET_DST)
		at += MS_SETS_WORDS;
	block = ms_spans_block(at);
	return block ? ms_spans_eight(block, at) : NULL;
}

/* Goes to a set's row, if anything there could better what has been found. */
static __always_inline int ms_sets_enter_row(struct ms_query *query, __u32 row)
{
	__u32 at = ms_spans_base(query) + row, best;
	const struct ms_block *block = ms_spans_block(at);
	const __u32 *words;

	if (!block || !row)
		return 0;
	words = ms_spans_eight(block, at);
	best = words[MS_ROW_BEST];
	if (words[MS_ROW_BEHIND] < best)
		best = words[MS_ROW_BEHIND];
	if (best >= query->found)
		return 0;
	query->row = row;
	query->behind = best;
	return 1;
}

/* Back from a set's row that is not the packet's. */
static __always_inline void ms_sets_leave(struct ms_query *query)
{
	query->row = 0;
	query->behind = MS_DECISION_NONE;
}

/* Enters a row by its set's id. Calls nothing: with its callers it is as deep as the stack allows.
 */
__noinline int ms_sets_enter(struct ms_query *query, __u32 set)
{
	const __u32 *part;
	__u32 base, child;

	if (!query)
		return 0;
	base = ms_spans_base(query);
	part = ms_sets_part(query);
	if (!part)
		return 0;
	if (!ms_spans_child(base, part[MS_SETS_ROOT], set >> 16, &child) ||
	    !ms_spans_child(base, child, set & 0xffff, &child))
		return 0;
	return ms_sets_enter_row(query, child);
}

/* Begins a side, unless nothing there could better what has been found. */
__noinline int ms_sets_turn(struct ms_query *query)
{
	const struct ms_asked *asked;
	const __u32 *part;
	__u32 shift, place;

	if (!query)
		return 0;
	part = ms_sets_part(query);
	asked = ms_members_asked();
	if (!part || !asked || part[MS_SETS_BEST] >= query->found) {
		ms_sets_end(query);
		return 0;
	}
	ms_sets_stage(query, MS_READ_ONCE(asked->is_ready) ? MS_SETS_MEMBERS : MS_SETS_LISTED);
	if (query->sets_which == MS_SET_SRC)
		return 0;
	query->place_shift = part[MS_SETS_PLACE_SHIFT] & 31;
	shift = part[MS_SETS_REGION_SHIFT] & 31;
	place = ms_spans_leaf6(query, ms_spans_base(query), part[MS_SETS_PLACES], MS_SET_SRC);
	query->place = place;
	query->region = place >> shift & 63;
	return 0;
}

/* What the address is told. */
__noinline int ms_sets_of_member(struct ms_query *query)
{
	const struct ms_member_sets *member;
	const struct ms_asked *asked;
	__u32 writes, count;

	if (!query)
		return 0;
	asked = ms_members_asked();
	if (!asked)
		return 0;
	writes = ms_members_begin(asked);
	member = ms_members_of(query, asked, query->sets_which);
	count = member ? member->count : 0;
	MS_LOOP_OF_CALLS
	for (__u32 i = 0; i < MS_MEMBER_SETS; i++) {
		__u32 set, until;

		if (!member || i >= count || count == MS_MEMBER_MANY)
			break;
		set = member->of[i].set;
		until = member->of[i].until;
		/* Else the next step looks again. */
		if (!ms_members_hold(asked, writes))
			return 0;
		if (set <= query->sets_at || ms_members_is_over(query, until))
			continue;
		query->sets_at = set;
		if (!ms_sets_enter(query, set))
			continue;
		/* Behind the last one nothing need be looked up to see that it was. */
		if (i + 1 >= count)
			ms_sets_stage(query, MS_SETS_ASKED);
		return 1;
	}
	if (ms_members_hold(asked, writes))
		ms_sets_stage(query, count == MS_MEMBER_MANY ? MS_SETS_LISTED : MS_SETS_ASKED);
	return 0;
}

/* The next of those that an address is asked of. */
__noinline int ms_sets_of_asked(struct ms_query *query)
{
	const struct ms_asked *asked;

	if (!query)
		return 0;
	asked = ms_members_asked();
	MS_LOOP_OF_CALLS
	for (int i = 0; asked && i < MS_PAIRS_LISTED; i++) {
		__u32 at = query->sets_at, set;

		if (at >= MS_READ_ONCE(asked->count) || at >= MS_ASKED_MAX) {
			ms_sets_end(query);
			return 0;
		}
		query->sets_at = at + 1;
		set = asked->sets[at & (MS_ASKED_MAX - 1)];
		if (!set || !ms_sets_enter(query, set))
			continue;
		if (ms_set_has(query, set, query->sets_which))
			return 1;
		ms_sets_leave(query);
	}
	return 0;
}

/* The next of all sets that there are rules of. */
__noinline int ms_sets_of_list(struct ms_query *query)
{
	const __u32 *part;
	__u32 base, list, count;

	if (!query)
		return 0;
	base = ms_spans_base(query);
	part = ms_sets_part(query);
	if (!part)
		return 0;
	list = part[MS_SETS_LIST];
	count = part[MS_SETS_COUNT];
	MS_LOOP_OF_CALLS
	for (int i = 0; i < MS_PAIRS_LISTED; i++) {
		__u32 at = query->sets_at, word = base + list + 2 * at, set;
		const struct ms_block *block;

		if (at >= count) {
			ms_sets_end(query);
			return 0;
		}
		query->sets_at = at + 1;
		block = ms_spans_block(word);
		if (!block)
			return 0;
		set = ms_spans_word(block, word);
		if (!ms_sets_enter_row(query, ms_spans_word(block, word + 1)))
			continue;
		if (ms_set_has(query, set, query->sets_which))
			return 1;
		ms_sets_leave(query);
	}
	return 0;
}

/* Goes on to the next set's row, or a step nearer to it; 0 = there is none left. */
static __always_inline int ms_sets_next(struct ms_query *query)
{
	if (query->sets_stage == MS_SETS_THROUGH)
		return 0;
	if (query->sets_stage == MS_SETS_TURN)
		ms_sets_turn(query);
	if (query->sets_stage == MS_SETS_MEMBERS && ms_sets_of_member(query))
		return 1;
	if (query->sets_stage == MS_SETS_ASKED)
		ms_sets_of_asked(query);
	else if (query->sets_stage == MS_SETS_LISTED)
		ms_sets_of_list(query);
	return query->sets_stage != MS_SETS_THROUGH || query->behind < query->found;
}

#endif
