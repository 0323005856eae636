/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pairs engine: the rules of each prefix that holds the source, the longest first, and of these
 * those whose destinations hold the packet's, as long as any could better what has been found; then
 * those of the sets that have the source or the destination.
 *
 * A walk of steps: each looks for the next row that may have a rule, or goes on with that row's.
 * Where it stands is kept in the query between steps, so that the verifier sees one step and
 * nothing that grows. The compile side promises that MS_PAIRS_STEPS_MOST are enough.
 */
#ifndef MS_BPF_LIB_PAIRS_H
#define MS_BPF_LIB_PAIRS_H

#include "bpf/lib/set_rows.h"

static __always_inline __u32 ms_pairs_value(const struct ms_query *query, __u32 kind)
{
	if (kind == MS_CUT_PLACE)
		return query->place >> (query->place_shift & 31);
	if (kind == MS_CUT_PROTO)
		return query->what & MS_WHAT_PROTO_MASK;
	if (kind == MS_CUT_GROUP)
		return query->group & 0xff;
	return MS_CHOOSE(kind == MS_CUT_DPORT, query->dport, query->sport);
}

/* Negative = `value` is not from `first` to `last`; each below 2^31. */
static __always_inline __s32 ms_pairs_outside(__u32 value, __u32 first, __u32 last)
{
	return (__s32)((value - first) | (last - value));
}

/*
 * All that an entry asks, but for what stands behind it. Each question makes a number negative, and
 * one branch asks them all: where entries differ, nobody could predict more of them.
 */
static __always_inline int ms_pairs_matches(const struct ms_query *query, const __u32 *entry)
{
	__u32 asked = entry[MS_ENTRY_WHAT], known, differs, blind, ports;
	__u32 partial = -(__u32)query->partial;
	__s32 misses;

	/* 0 where anything does, ones where not. */
	known = ((asked >> 16 & 1) - 1) & query->what_known & MS_WHAT_PROTO_MASK;
	known |= ((asked >> 17 & 1) - 1) & 0xff00;
	differs = (asked ^
		   ((query->what & MS_WHAT_PROTO_MASK) | MS_ENTRY_GROUP(query->group & 0xff))) &
		  known;
	/* Ports unknown: a deny for some of them settles nothing, an allow for some might be it. */
	blind = (asked >> 18 & asked >> 19 & 1) & partial;
	ports = ms_pairs_outside(query->sport, entry[MS_ENTRY_SPORT] & 0xffff,
				 entry[MS_ENTRY_SPORT] >> 16) |
		ms_pairs_outside(query->dport, entry[MS_ENTRY_DPORT] & 0xffff,
				 entry[MS_ENTRY_DPORT] >> 16);
	misses = (__s32)(ports & ~partial) | (__s32) - (differs | blind);
	/* Read for each entry: what is kept for all of a part lies on the stack, which is full. */
	misses |= ms_pairs_outside(MS_READ_ONCE(query->place), entry[MS_ENTRY_FIRST],
				   entry[MS_ENTRY_END]);
	misses |= (__s32)(asked >> 24 & query->dirs) - 1;
	misses |= (__s32)(MS_READ_ONCE(query->may) >> (entry[MS_ENTRY_SET] & 31) & 1) - 1;
	return misses >= 0;
}

/* The run or the cut of the next row that may have something better; 0 = none of those looked at
 * has. */
static __always_inline __u32 ms_pairs_next(struct ms_query *query)
{
	__u32 base = ms_spans_base(query), found = query->found, table = 0;
	__u32 row = query->row, behind = query->behind;

	MS_UNROLL
	for (int i = 0; i < MS_PAIRS_ASKED; i++) {
		const struct ms_block *block;
		const __u32 *words;
		__u64 places;

		block = ms_spans_block(base + row);
		if (!block)
			break;
		words = ms_spans_eight(block, base + row);
		row = words[MS_ROW_NEXT];
		behind = words[MS_ROW_BEHIND];
		places = words[MS_ROW_PLACES] | (__u64)words[MS_ROW_PLACES + 1] << 32;
		if (words[MS_ROW_BEST] < found && places >> (query->region & 63) & 1) {
			table = MS_CHOOSE(query->partial, words[MS_ROW_PARTIAL],
					  words[MS_ROW_TABLE]);
			break;
		}
		if (behind >= found)
			break;
	}
	query->row = row;
	query->behind = behind;
	return table;
}

/* With an entry that matches but for what stands behind it. Offsets are multiples of eight. */
#define MS_PAIRS_MORE 1u

/* Walks a part of the run at `run`; where it goes on, 0 = it is over. */
static __always_inline __u32 ms_pairs_run(struct ms_query *query, __u32 run)
{
	__u32 at = ms_spans_base(query) + run, asked = 0, decision = 0, found = query->found;
	const struct ms_block *block = ms_spans_block(at);
	int matches = 0;

	if (!block)
		return 0;
	MS_UNROLL
	for (int i = 0; i < MS_PAIRS_WALKED; i++) {
		const __u32 *entry = ms_spans_eight(block, at);

		decision = entry[MS_ENTRY_DECISION];
		asked = entry[MS_ENTRY_WHAT];
		if (decision >= found)
			return 0;
		matches = ms_pairs_matches(query, entry);
		if (matches)
			break;
		if (asked & MS_ENTRY_LAST)
			return 0;
		at += MS_ENTRY_WORDS;
		if (asked & MS_ENTRY_MORE)
			at += MS_ENTRY_WORDS;
	}
	at -= ms_spans_base(query);
	if (!matches)
		return at;
	if (asked & MS_ENTRY_MORE)
		return at | MS_PAIRS_MORE;
	query->found = decision;
	return 0;
}

/* Is there anything left to ask? */
static __always_inline int ms_pairs_left(const struct ms_query *query)
{
	return query->run || query->behind < query->found;
}

/* One step, of which there is something left to ask; 0 = now there is not. */
__noinline int ms_pairs_step(struct ms_query *query)
{
	__u32 run;

	if (!query)
		return 0;
	run = query->run;
	if (!run)
		run = ms_pairs_next(query);
	if (run & MS_SPAN_NODE)
		run = ms_spans_find(ms_spans_base(query), run,
				    ms_pairs_value(query, run >> MS_SPAN_KIND & 7));
	if (run && !(run & MS_SPAN_NODE))
		run = ms_pairs_run(query, run);
	query->run = run;
	return ms_pairs_left(query);
}

/* What the entry at `query->run` asks in the words behind it. */
static __always_inline int ms_pairs_more_matches(struct ms_query *query, __u32 at)
{
	const struct ms_block *block = ms_spans_block(at);
	const __u32 *more;
	__u32 src_set, dst_set;

	if (!block)
		return 0;
	more = ms_spans_eight(block, at);
	src_set = more[4];
	dst_set = more[5];
	if ((query->what ^ more[0]) & more[1] & query->what_known)
		return 0;
	if ((query->where ^ more[2]) & more[3])
		return 0;
	if (src_set && !ms_sets_has(query, src_set, MS_SET_SRC))
		return 0;
	return !dst_set || ms_sets_has(query, dst_set, MS_SET_DST);
}

/* Goes on with an entry that said MS_PAIRS_MORE. A function of its own for the stack: what calls
 * the deepest is called from the walk. */
__noinline int ms_pairs_more(struct ms_query *query)
{
	const struct ms_block *block;
	__u32 at, run = 0;

	if (!query)
		return 0;
	at = ms_spans_base(query) + (query->run & ~MS_PAIRS_MORE);
	block = ms_spans_block(at);
	if (!block)
		return 0;
	if (!(ms_spans_eight(block, at)[MS_ENTRY_WHAT] & MS_ENTRY_LAST))
		run = (query->run & ~MS_PAIRS_MORE) + 2 * MS_ENTRY_WORDS;
	if (ms_pairs_more_matches(query, at + MS_ENTRY_WORDS)) {
		block = ms_spans_block(at);
		if (!block)
			return 0;
		query->found = ms_spans_eight(block, at)[MS_ENTRY_DECISION];
		run = 0;
	}
	query->run = run;
	return ms_pairs_left(query);
}

/* Goes to the first row. 0 = the policy has no such rows for this family. Says in any case whether
 * there are late rules, since it looks there. */
__noinline int ms_pairs_begin(struct ms_query *query)
{
	const struct ms_policy_head *policy;
	const struct ms_pairs_root *root;
	__u32 head, base, src = 0, dst = 0;

	if (!query)
		return 0;
	query->late = 0;
	head = ms_query_head(query);
	policy = bpf_map_lookup_elem(&ms_policy, &head);
	if (!policy)
		return 0;
	base = ms_spans_base(query);
	query->late = MS_CHOOSE(query->family == 4, policy->late4, policy->late6);
	if (query->family == 4) {
		root = &policy->pairs[0];
		if (!root->src)
			return 0;
		ms_spans_leaves4(query, base, root, &src, &dst);
	} else {
		root = &policy->pairs[1];
		if (!root->src)
			return 0;
		src = ms_spans_leaf6(query, base, root->src, MS_SET_SRC);
		dst = ms_spans_leaf6(query, base, root->dst, MS_SET_DST);
	}
	query->found = MS_DECISION_NONE;
	query->run = 0;
	query->row = src;
	query->behind = 0;
	query->place = dst;
	query->place_shift = root->place_shift & 31;
	query->region = dst >> (root->region_shift & 31) & 63;
	ms_sets_begin(query, root->sets);
	return 1;
}

/* What bpf_loop() hands on must lie on the stack. */
struct ms_pairs_walk {
	struct ms_query *query;
};

/* 1 = nothing is left to ask. */
static long ms_pairs_walk(__u32 nth, struct ms_pairs_walk *walk)
{
	struct ms_query *query = walk->query;
	int left = ms_pairs_left(query) && ms_pairs_step(query);

	(void)nth;
	if (left && query->run & MS_PAIRS_MORE)
		left = ms_pairs_more(query);
	return !left && !ms_sets_next(query);
}

/* The index of the deciding rule in ms_decisions, negative = no rule matches. */
static __always_inline int ms_pairs_find(struct ms_query *query)
{
	struct ms_pairs_walk walk = { query };

	bpf_loop(MS_PAIRS_STEPS_MOST + MS_PAIRS_STEPS_AGAIN, ms_pairs_walk, &walk, 0);
	/* All eight bytes at once: who has no CAP_PERFMON may not write four over a pointer, and
	 * the compiler gives the place to others. */
	walk.query = NULL;
	asm volatile("" : : "r"(&walk) : "memory");
	return (int)query->found;
}

#endif
