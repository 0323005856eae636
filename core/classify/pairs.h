/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pairs engine's compile side: the rows of a source's prefix become runs, parted by the places
 * of their destinations' prefixes (bpf/lib/blocks.h). Rows that ask for a set stand with it; where
 * there are a few of them only, it asks as the prefix of length 0 does, and once more in its entry.
 */
#ifndef MS_CORE_CLASSIFY_PAIRS_H
#define MS_CORE_CLASSIFY_PAIRS_H

#include <stdbool.h>

#include "core/classify/blocks.h"
#include "core/classify/rows.h"

/* One family's rows, in the order of judgement. -ENOSPC, -E2BIG: more than the look-up is bounded
 * to, another engine must do, and `*ret_bound` says why; -ENOMEM. */
int ms_pairs_build(struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
		   struct ms_pairs_root *ret_root, struct ms_engine_bound *ret_bound);

/* Do so many of one family's rows ask for sets that walking them is dear, however few there are?
 */
bool ms_pairs_by_sets(const struct ms_rows *rows, unsigned int family);

#endif
