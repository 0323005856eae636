/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The linear engine: the first row that matches.
 *
 * The walk is a tree of calls without a counter: a function for 16 rows, one that calls it 16
 * times, one that calls that. Each is global, with one pointer and a scalar, so the verifier sees
 * 16 steps of it once. A loop over all rows is too much for kernel 6.1, and for any kernel without
 * CAP_PERFMON.
 */
#ifndef MS_BPF_LIB_LINEAR_H
#define MS_BPF_LIB_LINEAR_H

#include "bpf/lib/query.h"

/* All but the addresses. Differences are gathered without branching: rows mostly differ. */
static __always_inline int ms_row_matches(struct ms_query *query, const struct ms_row_rest *rest)
{
	__u32 differs = (query->what ^ rest->what) & rest->what_mask & query->what_known;

	differs |= (query->where ^ rest->where) & rest->where_mask;
	if (differs || !(query->dirs & rest->dirs))
		return 0;
	if (!query->partial && ((__u16)(query->sport - rest->sport_first) >
					(__u16)(rest->sport_last - rest->sport_first) ||
				(__u16)(query->dport - rest->dport_first) >
					(__u16)(rest->dport_last - rest->dport_first)))
		return 0;
	/* Ports unknown: a deny for some of them settles nothing, an allow for some might be it. */
	if (query->partial && (rest->flags & MS_ROW_PORTS) && (rest->flags & MS_ROW_DENY))
		return 0;
	if (rest->src_set && !ms_set_has(query, rest->src_set, MS_SET_SRC))
		return 0;
	if (rest->dst_set && !ms_set_has(query, rest->dst_set, MS_SET_DST))
		return 0;
	return 1;
}

#define MS_SCAN_FAN 16

/* One row: its decision, -1 = it does not match, -2 = the rows end before it. */
static __always_inline int ms_row4_asks(struct ms_query *query, __u32 index)
{
	const struct ms_row4 *row;

	if (index >= query->rows_end)
		return -2;
	row = bpf_map_lookup_elem(&ms_rules4, &index);
	if (!row)
		return -2;
	if (((query->src[0] ^ row->src) & row->src_mask) |
	    ((query->dst[0] ^ row->dst) & row->dst_mask))
		return -1;
	return ms_row_matches(query, &row->rest) ? (int)row->rest.decision : -1;
}

static __always_inline int ms_row6_asks(struct ms_query *query, __u32 index)
{
	const struct ms_row6 *row;
	__u32 differs = 0;

	if (index >= query->rows_end)
		return -2;
	row = bpf_map_lookup_elem(&ms_rules6, &index);
	if (!row)
		return -2;
	for (int word = 0; word < 4; word++) {
		differs |= (query->src[word] ^ row->src[word]) & row->src_mask[word];
		differs |= (query->dst[word] ^ row->dst[word]) & row->dst_mask[word];
	}
	return !differs && ms_row_matches(query, &row->rest) ? (int)row->rest.decision : -1;
}

/* A function of 16 steps of `width` rows each: the first answer that is not "no match". */
#define MS_SCAN(name, loop, step, width)                                                           \
	__noinline int name(struct ms_query *query, __u32 first)                                   \
	{                                                                                          \
		int found;                                                                         \
                                                                                                   \
		if (!query)                                                                        \
			return -2;                                                                 \
		loop for (__u32 i = 0; i < MS_SCAN_FAN; i++)                                       \
		{                                                                                  \
			found = step(query, first + i * (width));                                  \
			if (found != -1)                                                           \
				return found;                                                      \
		}                                                                                  \
		return -1;                                                                         \
	}

MS_SCAN(ms_scan4_rows, MS_UNROLL, ms_row4_asks, 1)
MS_SCAN(ms_scan4_block, MS_LOOP_OF_CALLS, ms_scan4_rows, MS_SCAN_FAN)
MS_SCAN(ms_scan4, MS_LOOP_OF_CALLS, ms_scan4_block, MS_SCAN_FAN *MS_SCAN_FAN)
MS_SCAN(ms_scan6_rows, MS_UNROLL, ms_row6_asks, 1)
MS_SCAN(ms_scan6_block, MS_LOOP_OF_CALLS, ms_scan6_rows, MS_SCAN_FAN)
MS_SCAN(ms_scan6, MS_LOOP_OF_CALLS, ms_scan6_block, MS_SCAN_FAN *MS_SCAN_FAN)

#define MS_SCAN_ROWS (MS_SCAN_FAN * MS_SCAN_FAN * MS_SCAN_FAN)
_Static_assert(MS_RULES_ROWS % MS_SCAN_ROWS == 0, "whole scans");

/* The index of the deciding rule in ms_decisions, negative = no rule matches. */
static __always_inline int ms_linear_find(struct ms_query *query)
{
	__u32 base = query->half * MS_RULES_ROWS;
	int found = -1;

	MS_LOOP_OF_CALLS
	for (__u32 i = 0; i < MS_RULES_ROWS / MS_SCAN_ROWS; i++) {
		if (query->family == 4)
			found = ms_scan4(query, base + i * MS_SCAN_ROWS);
		else
			found = ms_scan6(query, base + i * MS_SCAN_ROWS);
		if (found != -1)
			break;
	}
	return found;
}

#endif
