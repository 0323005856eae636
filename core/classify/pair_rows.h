/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of a prefix or of a set, which are chained, and their runs (bpf/lib/blocks.h). */
#ifndef MS_CORE_CLASSIFY_PAIR_ROWS_H
#define MS_CORE_CLASSIFY_PAIR_ROWS_H

#include "core/classify/cuts.h"

struct ms_pair_rows {
	struct ms_blocks *blocks;
	size_t most_spread;                 /* runs that an entry may stand in, on the average */
	uint32_t place_shift, region_shift; /* of the places that entries ask for */
};

/* There are so many places. */
void ms_pair_rows_measure(struct ms_pair_rows *rows, size_t n_places);

/*
 * Rows of these entries, in the order of judgement, before the row at `*next`, which becomes the
 * first of them. Wide entries that would stand in all too many runs have a row of their own,
 * behind; `list` is put in another order for that. `*steps` grows by what a walk of them may take.
 * -ENOSPC, -E2BIG, -ENOMEM: what has been put into the blocks is of no use.
 */
int ms_pair_rows_put(struct ms_pair_rows *rows, const struct ms_cuts_entry **list, size_t count,
		     uint32_t *next, size_t *steps);

#endif
