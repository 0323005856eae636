/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of entries, and cuts: where a run is long, what of it a packet's protocol, port or group
 * still lets in question stands as a shorter run of its own (bpf/lib/blocks.h).
 */
#ifndef MS_CORE_CLASSIFY_CUTS_H
#define MS_CORE_CLASSIFY_CUTS_H

#include "bpf/lib/rules.h"
#include "core/classify/blocks.h"

/* Words that a run of these entries takes. */
size_t ms_cuts_run_words(const struct ms_row_rest *const *entries, size_t count);
/* Writes it to where room has been made. */
void ms_cuts_put_run(const struct ms_row_rest *const *entries, size_t count, uint32_t *words);
/* What of a list may decide on a packet whose ports and types are not known: no deny that asks for
 * them, and of several that ask the same besides them the first. Leaves them at the beginning of
 * `entries`. -ENOMEM */
int ms_cuts_reduce(const struct ms_row_rest **entries, size_t count, size_t *ret_count);
/* Steps that the walk of a run may take. */
size_t ms_cuts_run_steps(const struct ms_row_rest *const *entries, size_t count);
/* `*ret_cut` = 0: the run is better left as it is. `*ret_steps` = what it takes to the end of any
 * run behind the cut. -ENOSPC, -ENOMEM. */
int ms_cuts_build(struct ms_blocks *blocks, const struct ms_row_rest *const *entries, size_t count,
		  uint32_t *ret_cut, size_t *ret_steps);

#endif
