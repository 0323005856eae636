/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of entries, and cuts: where a run is long, what of it a packet's destination, protocol, port
 * or group still lets in question stands as a shorter run of its own (bpf/lib/blocks.h).
 */
#ifndef MS_CORE_CLASSIFY_CUTS_H
#define MS_CORE_CLASSIFY_CUTS_H

#include "bpf/lib/rules.h"
#include "core/classify/spans.h"

#define MS_CUTS_SHORT 6 /* entries: walked as fast as a cut would be asked */

struct ms_cuts_entry {
	const struct ms_row_rest *rest;
	uint32_t first, last; /* places of the destination */
};

struct ms_cuts_table {
	uint32_t whole, partial; /* MS_ROW_TABLE, MS_ROW_PARTIAL */
	size_t steps;            /* that the walk of either may take */
};

/* Words that a run of these entries takes. */
size_t ms_cuts_run_words(const struct ms_cuts_entry *const *entries, size_t count);
/* Writes it to where room has been made. */
void ms_cuts_put_run(const struct ms_cuts_entry *const *entries, size_t count, uint32_t *words);
/* Steps that the walk of a run may take. */
size_t ms_cuts_run_steps(const struct ms_cuts_entry *const *entries, size_t count);
/* `*ret_spread` = entries of all runs together that a cut by destination alone would leave.
 * -ENOMEM */
int ms_cuts_spread(const struct ms_cuts_entry *const *entries, size_t count,
		   unsigned int place_shift, size_t *ret_spread);
/* -ENOSPC, -E2BIG, -ENOMEM: what has been put into `blocks` is of no use. */
int ms_cuts_build(struct ms_blocks *blocks, const struct ms_cuts_entry *const *entries,
		  size_t count, unsigned int place_shift, struct ms_cuts_table *ret_table);

#endif
