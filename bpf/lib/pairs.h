/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pairs engine: the prefixes that hold the source and those that hold the destination, the
 * longest first, and each pair of them asked for its list as long as it could better what has been
 * found.
 *
 * A walk of steps: each looks for the next pair that may have a list, or goes on with that list.
 * Where it stands is kept in the query, so that the verifier sees one step and nothing that grows.
 * The compile side promises that MS_PAIRS_STEPS are enough. Functions are called from few places:
 * kernels walk all ways to call them, one by one, to add up their stacks.
 */
#ifndef MS_BPF_LIB_PAIRS_H
#define MS_BPF_LIB_PAIRS_H

#include "bpf/lib/spans.h"

static __always_inline __u32 ms_pairs_base(const struct ms_query *query)
{
	return query->half * MS_BLOCKS_WORDS;
}

static __always_inline __u64 ms_pairs_lengths(const struct ms_block *block, __u32 at)
{
	return ms_spans_word(block, at) | (__u64)ms_spans_word(block, at + 1) << 32;
}

static __always_inline __u32 ms_pairs_length(__u32 id)
{
	return id >> MS_ROW_LEN_SHIFT & MS_ROW_LEN_MASK;
}

/* The first list of the slot of two ids, if one there could better what has been found; else 0. */
__noinline int ms_pairs_slot(struct ms_query *query, __u32 src, __u32 dst)
{
	const struct ms_policy_head *policy;
	const struct ms_pairs_root *root;
	const struct ms_block *block;
	__u32 head, at, bits, is4, slot;
	__u64 hash;

	if (!query)
		return 0;
	head = ms_query_head(query);
	policy = bpf_map_lookup_elem(&ms_policy, &head);
	if (!policy)
		return 0;
	root = policy->pairs;
	is4 = query->family == 4;
	hash = ms_pairs_hash(src, dst);
	bits = ms_pairs_filter(hash);
	at = MS_CHOOSE(is4, root[0].filter_mask, root[1].filter_mask) & hash >> 32;
	at += ms_pairs_base(query) + MS_CHOOSE(is4, root[0].filter, root[1].filter);
	block = ms_spans_block(at);
	if (!block || (ms_spans_word(block, at) & bits) != bits)
		return 0;
	at = MS_CHOOSE(is4, root[0].slot_mask, root[1].slot_mask) & hash;
	at += ms_pairs_base(query) + MS_CHOOSE(is4, root[0].slots, root[1].slots);
	block = ms_spans_block(at);
	if (!block)
		return 0;
	slot = ms_spans_word(block, at);
	/* All are below MS_DECISION_NONE, which stays above all that is shifted. */
	if (slot >> MS_SLOT_BEST > query->found >>
	    (MS_CHOOSE(is4, root[0].best_shift, root[1].best_shift) & 31))
		return 0;
	return (int)(slot & MS_SLOT_LIST);
}

/* The run or the cut of the pair looked at last, if one of the lists from `list` on is its own. */
__noinline int ms_pairs_open(struct ms_query *query, __u32 list)
{
	const struct ms_block *block;
	__u32 src, dst, cut;

	if (!query)
		return 0;
	block = ms_spans_block(query->src_at);
	if (!block)
		return 0;
	src = ms_spans_word(block, query->src_at + MS_ROW_ID);
	block = ms_spans_block(query->dst_hit);
	if (!block)
		return 0;
	dst = ms_spans_word(block, query->dst_hit + MS_ROW_ID);
	MS_UNROLL
	for (int i = 0; i < MS_PAIRS_CHAIN; i++) {
		__u32 at = ms_pairs_base(query) + list;

		block = ms_spans_block(at);
		if (!block || !list)
			return 0;
		if (ms_spans_word(block, at + MS_LIST_SRC) == src &&
		    ms_spans_word(block, at + MS_LIST_DST) == dst) {
			cut = ms_spans_word(block, at + MS_LIST_CUT);
			/* What is not known of the packet might be anything. */
			if (!cut || query->partial)
				return (int)(list + MS_LIST_RUN);
			return (int)(cut | MS_SPAN_NODE);
		}
		list = ms_spans_word(block, at + MS_LIST_NEXT);
	}
	return 0;
}

#define MS_PAIRS_DONE (~0u) /* no list */

/* The next list that may be a pair's; 0 = ask again, MS_PAIRS_DONE = there is none. */
__noinline int ms_pairs_next(struct ms_query *query)
{
	const struct ms_block *srcs, *dsts, *heads;
	__u32 src = 0, dst = 0;
	__u64 partners;

	if (!query)
		return (int)MS_PAIRS_DONE;
	srcs = ms_spans_block(query->src_at);
	heads = ms_spans_block(query->dst_head);
	if (!srcs || !heads)
		return (int)MS_PAIRS_DONE;
	MS_UNROLL
	for (int i = 0; i < MS_PAIRS_ASKED; i++) {
		__u32 at = query->dst_at, next;

		if (!at) {
			next = ms_spans_word(srcs, query->src_at + MS_ROW_NEXT);
			if (!next)
				return (int)MS_PAIRS_DONE;
			next += ms_pairs_base(query);
			query->src_at = next;
			srcs = ms_spans_block(next);
			if (!srcs || ms_spans_word(srcs, next + MS_ROW_CHAIN) >= query->found)
				return (int)MS_PAIRS_DONE;
			if (ms_spans_word(srcs, next + MS_ROW_BEST) < query->found &&
			    (ms_pairs_lengths(srcs, next + MS_ROW_PARTNERS) &
			     ms_pairs_lengths(heads, query->dst_head + MS_ROW_HELD)))
				query->dst_at = query->dst_head;
			continue;
		}
		query->dst_at = 0;
		dsts = ms_spans_block(at);
		if (!dsts)
			return (int)MS_PAIRS_DONE;
		partners = ms_pairs_lengths(srcs, query->src_at + MS_ROW_PARTNERS);
		/* Neither here nor behind is one that could better it, or that is a partner. */
		if (ms_spans_word(dsts, at + MS_ROW_CHAIN) >= query->found ||
		    !(partners & ms_pairs_lengths(dsts, at + MS_ROW_HELD)))
			continue;
		next = ms_spans_word(dsts, at + MS_ROW_NEXT);
		if (next)
			query->dst_at = next + ms_pairs_base(query);
		if (ms_spans_word(dsts, at + MS_ROW_BEST) >= query->found)
			continue;
		src = ms_spans_word(srcs, query->src_at + MS_ROW_ID);
		dst = ms_spans_word(dsts, at + MS_ROW_ID);
		if (partners >> ms_pairs_length(dst) &
		    ms_pairs_lengths(dsts, at + MS_ROW_PARTNERS) >> ms_pairs_length(src) & 1) {
			query->dst_hit = at;
			break;
		}
		src = 0;
	}
	return src ? ms_pairs_slot(query, src, dst) : 0;
}

static __always_inline __u32 ms_pairs_value(const struct ms_query *query, __u32 kind)
{
	if (kind == MS_CUT_PROTO)
		return query->what & MS_WHAT_PROTO_MASK;
	if (kind == MS_CUT_GROUP)
		return query->group & 0xff;
	return MS_CHOOSE(kind == MS_CUT_DPORT, query->dport, query->sport);
}

/* The run to walk of the list cut at `cut`, or its next cut; 0 = it has none for this packet. */
__noinline int ms_pairs_cut(struct ms_query *query, __u32 cut)
{
	const struct ms_block *block;
	__u32 at;

	if (!query)
		return 0;
	at = ms_pairs_base(query) + (cut & ~MS_SPAN_NODE);
	block = ms_spans_block(at);
	if (!block)
		return 0;
	return (int)ms_spans_find(at + 1, ms_pairs_value(query, ms_spans_word(block, at)));
}

/* What an entry asks besides, in the words behind it. */
__noinline int ms_pairs_more(struct ms_query *query, __u32 at)
{
	const struct ms_block *block = ms_spans_block(at);
	__u32 set;

	if (!query || !block)
		return 0;
	if ((query->what ^ ms_spans_word(block, at)) & ms_spans_word(block, at + 1) &
	    query->what_known)
		return 0;
	if ((query->where ^ ms_spans_word(block, at + 2)) & ms_spans_word(block, at + 3))
		return 0;
	set = ms_spans_word(block, at + 4);
	if (set && !ms_set_has(query, set, MS_SET_SRC))
		return 0;
	set = ms_spans_word(block, at + 5);
	if (set && !ms_set_has(query, set, MS_SET_DST))
		return 0;
	return 1;
}

/* Is a value from `span`'s lower half to its upper half? */
static __always_inline int ms_pairs_within(__u16 value, __u32 span)
{
	return (__u16)(value - (__u16)span) <= (__u16)((span >> 16) - span);
}

static __always_inline int ms_pairs_matches(const struct ms_query *query,
					    const struct ms_block *block, __u32 at, __u32 asked)
{
	__u32 known = query->what_known & MS_WHAT_PROTO_MASK;
	__u32 differs =
		asked ^ ((query->what & MS_WHAT_PROTO_MASK) | MS_ENTRY_GROUP(query->group & 0xff));

	/* 0 where anything does, ones where not. */
	known &= (asked >> 16 & 1) - 1;
	known |= ((asked >> 17 & 1) - 1) & 0xff00;
	if ((differs & known) || !(asked >> 24 & query->dirs))
		return 0;
	/* Ports unknown: a deny for some of them settles nothing, an allow for some might be it. */
	if (query->partial)
		return (asked & (MS_ENTRY_PORTS | MS_ENTRY_DENY)) !=
		       (MS_ENTRY_PORTS | MS_ENTRY_DENY);
	return ms_pairs_within(query->sport, ms_spans_word(block, at + MS_ENTRY_SPORT)) &&
	       ms_pairs_within(query->dport, ms_spans_word(block, at + MS_ENTRY_DPORT));
}

/* Walks a part of the run at `run`; where it goes on, 0 = it is over. */
__noinline int ms_pairs_run(struct ms_query *query, __u32 run)
{
	__u32 at, asked = 0, decision = 0;
	const struct ms_block *block;
	int matches = 0;

	if (!query)
		return 0;
	at = ms_pairs_base(query) + run;
	block = ms_spans_block(at);
	if (!block)
		return 0;
	MS_UNROLL
	for (int i = 0; i < MS_PAIRS_WALKED; i++) {
		decision = ms_spans_word(block, at + MS_ENTRY_DECISION);
		asked = ms_spans_word(block, at + MS_ENTRY_WHAT);
		if (decision >= query->found)
			return 0;
		matches = ms_pairs_matches(query, block, at, asked);
		if (matches)
			break;
		if (asked & MS_ENTRY_LAST)
			return 0;
		at += MS_ENTRY_WORDS;
		if (asked & MS_ENTRY_MORE)
			at += MS_ENTRY_MORE_WORDS;
	}
	if (!matches)
		return (int)(at - ms_pairs_base(query));
	if (!(asked & MS_ENTRY_MORE) || ms_pairs_more(query, at + MS_ENTRY_WORDS)) {
		query->found = decision;
		return 0;
	}
	if (asked & MS_ENTRY_LAST)
		return 0;
	return (int)(at + MS_ENTRY_WORDS + MS_ENTRY_MORE_WORDS - ms_pairs_base(query));
}

/* One step; -1 = there is nothing left to ask. */
static __always_inline int ms_pairs_step(struct ms_query *query)
{
	__u32 run = query->run;

	if (!run) {
		run = ms_pairs_next(query);
		if (run == MS_PAIRS_DONE)
			return -1;
		if (run)
			run = ms_pairs_open(query, run);
	}
	if (run & MS_SPAN_NODE)
		run = ms_pairs_cut(query, run);
	if (run && !(run & MS_SPAN_NODE))
		run = ms_pairs_run(query, run);
	query->run = run;
	return 0;
}

#define MS_PAIRS_FAN 64

__noinline int ms_pairs_walk(struct ms_query *query)
{
	if (!query)
		return -1;
	MS_LOOP_OF_CALLS
	for (int i = 0; i < MS_PAIRS_FAN; i++)
		if (ms_pairs_step(query) < 0)
			return -1;
	return 0;
}

/* Goes to the first pair. 0 = the policy has no pairs for this family. */
__noinline int ms_pairs_begin(struct ms_query *query)
{
	const struct ms_policy_head *policy;
	const struct ms_pairs_root *root;
	const struct ms_block *srcs, *dsts;
	__u32 head, base, is4, src, dst;

	if (!query)
		return 0;
	head = ms_query_head(query);
	policy = bpf_map_lookup_elem(&ms_policy, &head);
	if (!policy)
		return 0;
	root = policy->pairs;
	is4 = query->family == 4;
	if (!MS_CHOOSE(is4, root[0].slots, root[1].slots))
		return 0;
	base = ms_pairs_base(query);
	if (is4) {
		src = ms_spans_row4(base, root[0].src, query->src[0]);
		dst = ms_spans_row4(base, root[0].dst, query->dst[0]);
	} else {
		src = ms_spans_row6(query, base, root[1].src, MS_SET_SRC);
		dst = ms_spans_row6(query, base, root[1].dst, MS_SET_DST);
	}
	query->found = MS_DECISION_NONE;
	query->run = 0;
	query->src_at = base + src;
	query->dst_head = base + dst;
	query->dst_at = 0;
	srcs = ms_spans_block(query->src_at);
	dsts = ms_spans_block(query->dst_head);
	/* Word 0 and what follows is a row that nothing pairs with, and nothing is behind. */
	if (srcs && dsts &&
	    (ms_pairs_lengths(srcs, query->src_at + MS_ROW_PARTNERS) &
	     ms_pairs_lengths(dsts, query->dst_head + MS_ROW_HELD)))
		query->dst_at = query->dst_head;
	return 1;
}

/* The index of the deciding rule in ms_decisions, negative = no rule matches. */
static __always_inline int ms_pairs_find(struct ms_query *query)
{
	MS_LOOP_OF_CALLS
	for (int i = 0; i < MS_PAIRS_STEPS / MS_PAIRS_FAN; i++)
		if (ms_pairs_walk(query) < 0)
			break;
	return (int)query->found;
}

#endif
