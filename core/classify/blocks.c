/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"

#define LINE_WORDS 16

int ms_blocks_init(struct ms_blocks *blocks)
{
	blocks->words = calloc(MS_BLOCKS_WORDS, sizeof(*blocks->words));
	blocks->count = LINE_WORDS; /* offset 0 is nothing */
	blocks->bound = (struct ms_engine_bound) { .limit = MS_ENGINE_UNLIMITED };
	if (!blocks->words)
		return -ENOMEM;
	blocks->words[MS_ROW_BEHIND] = MS_DECISION_NONE;
	return 0;
}

void ms_blocks_fini(struct ms_blocks *blocks)
{
	free(blocks->words);
	*blocks = (struct ms_blocks) { .words = NULL };
}

void ms_blocks_rewind(struct ms_blocks *blocks, size_t count)
{
	memset(&blocks->words[count], 0, (blocks->count - count) * sizeof(*blocks->words));
	blocks->count = count;
}

static size_t round_up(size_t at, size_t unit)
{
	return (at + unit - 1) / unit * unit;
}

static int refuse(struct ms_blocks *blocks, enum ms_engine_limit limit, size_t most, size_t needed,
		  int r)
{
	blocks->bound = (struct ms_engine_bound) { limit, most * sizeof(*blocks->words),
						   needed * sizeof(*blocks->words) };
	return r;
}

static int give(struct ms_blocks *blocks, size_t at, size_t count, uint32_t *ret_at)
{
	if (count > MS_BLOCKS_WORDS || at > MS_BLOCKS_WORDS - count)
		return refuse(blocks, MS_ENGINE_MEMORY, MS_BLOCKS_WORDS, at + count, -ENOSPC);
	blocks->count = at + count;
	*ret_at = (uint32_t)at;
	return 0;
}

int ms_blocks_alloc(struct ms_blocks *blocks, size_t count, uint32_t *ret_at)
{
	/* Rows and entries are eight words: what starts at a multiple of it has none across two
	 * lines. */
	size_t at = round_up(blocks->count, MS_ENTRY_WORDS);

	if (count > MS_BLOCK_WORDS)
		return refuse(blocks, MS_ENGINE_BLOCK, MS_BLOCK_WORDS, count, -E2BIG);
	if (at % LINE_WORDS + count > LINE_WORDS)
		at = round_up(at, LINE_WORDS);
	if (at % MS_BLOCK_WORDS + count > MS_BLOCK_WORDS)
		at = round_up(at, MS_BLOCK_WORDS);
	return give(blocks, at, count, ret_at);
}
