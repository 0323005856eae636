/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows that stand with a set, and the way from its id to them (bpf/lib/blocks.h). */
#ifndef MS_CORE_CLASSIFY_SET_ROWS_H
#define MS_CORE_CLASSIFY_SET_ROWS_H

#include "core/classify/pair_rows.h"

struct ms_set_rows_item {
	uint32_t set;
	struct ms_cuts_entry entry;
};

/* Steps that a walk of them may take. */
struct ms_set_rows_steps {
	size_t told; /* for an address that is told its sets, the longest that there are */
	size_t all;  /* for any: it may be in every set */
};

/*
 * Rows of one side's sets, of items sorted by set and then in the order of judgement. What is said
 * of the side goes to the words at `part`, but for MS_SETS_PLACES and its shifts; `*steps` grows by
 * what these take. -ENOSPC, -E2BIG, -ENOMEM: what has been put into the blocks is
 * of no use.
 */
int ms_set_rows_put(struct ms_pair_rows *rows, const struct ms_set_rows_item *items, size_t count,
		    uint32_t part, struct ms_set_rows_steps *steps);

#endif
