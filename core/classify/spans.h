/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefixes to nodes and rows: which of them hold an address (bpf/lib/blocks.h). */
#ifndef MS_CORE_CLASSIFY_SPANS_H
#define MS_CORE_CLASSIFY_SPANS_H

#include "core/classify/blocks.h"

struct ms_spans_prefix {
	uint8_t addr[16]; /* host bits zero; an IPv4 one in the first four bytes */
	uint8_t len;
	uint32_t best;     /* least decision of its rules */
	uint64_t partners; /* bits of lengths, folded as in MS_ROW_PARTNERS */
};

/* MS_ROW_ID of the prefix at `place` of a list, and back. */
static inline uint32_t ms_spans_id(const struct ms_spans_prefix *prefix, size_t place)
{
	return (uint32_t)(place + 1) | (uint32_t)(prefix->len & MS_ROW_LEN_MASK)
					       << MS_ROW_LEN_SHIFT;
}

static inline size_t ms_spans_place(uint32_t id)
{
	return (id & ((1u << MS_ROW_LEN_SHIFT) - 1)) - 1;
}

/* By address, then shorter first. */
int ms_spans_compare(const struct ms_spans_prefix *a, const struct ms_spans_prefix *b);

/*
 * `prefixes` are distinct and in that order; `family` 4 or 6.
 * `*ret_root` as in struct ms_pairs_root, `*ret_most` = rows of the longest chain. -ENOSPC,
 * -ENOMEM; what has been put into `blocks` then is of no use.
 */
int ms_spans_build(struct ms_blocks *blocks, unsigned int family,
		   const struct ms_spans_prefix *prefixes, size_t count, uint32_t *ret_root,
		   size_t *ret_most);

#endif
