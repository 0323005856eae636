/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Late rules: those that came after the engine's tables were made. They are few, so they are
 * walked. Each knows before which of the engine's decisions it stands; they are in order, so the
 * first that matches is the only one that can come before what the engine has found.
 */
#ifndef MS_BPF_LIB_LATE_H
#define MS_BPF_LIB_LATE_H

#include "bpf/lib/linear.h"

_Static_assert(MS_LATE_ROWS <= MS_SCAN_FAN * MS_SCAN_FAN, "one scan of a block");

/* The better of `found`, the engine's answer, and the late rules'; an index as it is one. */
__noinline int ms_late_find(struct ms_query *query, int found)
{
	const struct ms_policy_head *policy;
	const struct ms_decision *decision;
	__u32 index, rows, end;
	int late;

	if (!query)
		return found;
	index = ms_query_head(query);
	policy = bpf_map_lookup_elem(&ms_policy, &index);
	if (!policy)
		return found;
	rows = MS_CHOOSE(query->family == 4, policy->late4, policy->late6);
	if (!rows)
		return found;
	index = query->half * MS_RULES_ROWS + MS_LATE_ROW(query->bank);
	/* The same query may be put once more, the other way round. */
	end = query->rows_end;
	query->rows_end = index + rows;
	if (query->family == 4)
		late = ms_scan4_block(query, index);
	else
		late = ms_scan6_block(query, index);
	query->rows_end = end;
	if (late < 0)
		return found;
	index = query->half * MS_DECISIONS + late;
	decision = bpf_map_lookup_elem(&ms_decisions, &index);
	if (!decision || (found >= 0 && decision->before > (__u32)found))
		return found;
	return late;
}

#endif
