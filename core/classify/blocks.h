/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that the pairs engine's tables are laid out in: bpf/lib/blocks.h has the layouts. */
#ifndef MS_CORE_CLASSIFY_BLOCKS_H
#define MS_CORE_CLASSIFY_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/blocks.h"
#include "core/classify/engine.h"

struct ms_blocks {
	uint32_t *words; /* MS_BLOCKS_WORDS, zero where nothing was put; pages come as they are used
			  */
	size_t count;    /* words given out */
	struct ms_engine_bound bound; /* that the last refusal was for */
};

/* -ENOMEM */
int ms_blocks_init(struct ms_blocks *blocks);
void ms_blocks_fini(struct ms_blocks *blocks);
/* Room for `count` words, zeroed, within one block and, if it is a line or less, within one line.
 * -ENOSPC, -E2BIG: more than a block; nothing changed then. */
int ms_blocks_alloc(struct ms_blocks *blocks, size_t count, uint32_t *ret_at);
/* Takes back all that was given out since there were `count` words. */
void ms_blocks_rewind(struct ms_blocks *blocks, size_t count);

#endif
