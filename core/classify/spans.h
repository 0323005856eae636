/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefixes to nodes and rows: which of them hold an address (bpf/lib/blocks.h). */
#ifndef MS_CORE_CLASSIFY_SPANS_H
#define MS_CORE_CLASSIFY_SPANS_H

#include "core/classify/blocks.h"

struct ms_spans_prefix {
	uint8_t addr[16]; /* host bits zero; an IPv4 one in the first four bytes */
	uint8_t len;
	uint32_t best;  /* least decision of its rules */
	uint32_t leaf;  /* child of a node for what it is the longest to hold */
	uint32_t outer; /* place of the next shorter one around it, 0 = there is none */
	uint32_t last;  /* place of the last one within it */
};

/* By address, then shorter first. A prefix's place in that order begins at 1. */
int ms_spans_compare(const struct ms_spans_prefix *a, const struct ms_spans_prefix *b);

/* `prefixes` are distinct and in that order; each learns `outer` and `last`. */
void ms_spans_nest(struct ms_spans_prefix *prefixes, size_t count);

/*
 * A node of `count` keys, ascending, the first 0; `kind` is 0 or a cut's. `*ret_child` says where
 * it is. -ENOSPC, -E2BIG.
 */
int ms_spans_put_node(struct ms_blocks *blocks, const uint16_t *keys, const uint32_t *children,
		      size_t count, unsigned int kind, uint32_t *ret_child);

/*
 * Nodes from an address to the leaf of the longest prefix that holds it, 0 where none does;
 * `family` 4 or 6, `*ret_root` as in struct ms_pairs_root. -ENOSPC, -ENOMEM; what has been put into
 * `blocks` then is of no use.
 */
int ms_spans_build(struct ms_blocks *blocks, unsigned int family,
		   const struct ms_spans_prefix *prefixes, size_t count, uint32_t *ret_root);

#endif
