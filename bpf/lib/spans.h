/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading ms_blocks (blocks.h), and the way from an address or a port to what stands for it. */
#ifndef MS_BPF_LIB_SPANS_H
#define MS_BPF_LIB_SPANS_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/query.h"

static __always_inline const struct ms_block *ms_spans_block(__u32 at)
{
	__u32 index = at / MS_BLOCK_WORDS;

	return bpf_map_lookup_elem(&ms_blocks, &index);
}

/* A word of the block that `at` lies in. */
static __always_inline __u32 ms_spans_word(const struct ms_block *block, __u32 at)
{
	return block->words[at & (MS_BLOCK_WORDS - 1)];
}

#define MS_SPANS_STEPS 17 /* a node has at most 65,536 keys */

/* Child of the node at `node` that `value` falls to. The halving does not branch on what it
 * compares: nobody could predict it. */
static __always_inline __u32 ms_spans_find(__u32 node, __u32 value)
{
	const struct ms_block *block = ms_spans_block(node);
	__u32 left, count, place = 0;

	if (!block)
		return 0;
	count = ms_spans_word(block, node);
	left = count;
	MS_UNROLL
	for (int i = 0; i < MS_SPANS_STEPS; i++) {
		__u32 half = left >> 1, at = place + half;
		__u32 key = ms_spans_word(block, node + 1 + (at >> 1)) >> ((at & 1) << 4) & 0xffff;

		if (left <= 1)
			break;
		/* All ones where the key is not above the value. */
		place += half & (__u32)(((__s64)key - (__s64)value - 1) >> 63);
		left -= half;
	}
	return ms_spans_word(block, node + 1 + ((count + 1) >> 1) + place);
}

__noinline int ms_spans_search(__u32 node, __u32 value)
{
	return (int)ms_spans_find(node, value);
}

/* The first row of an address, IPv4; `base` is the half's first word. */
static __always_inline __u32 ms_spans_row4(__u32 base, __u32 root, __be32 wire)
{
	__u32 addr = bpf_ntohl(wire), at = base + root + (addr >> 16);
	const struct ms_block *block = ms_spans_block(at);
	__u32 child;

	if (!block)
		return 0;
	child = ms_spans_word(block, at);
	if (child & MS_SPAN_NODE)
		child = ms_spans_search(base + (child & ~MS_SPAN_NODE), addr & 0xffff);
	return child;
}

/* The first row of the query's source or destination, IPv6; `child` is the root. */
__noinline int ms_spans_row6(struct ms_query *query, __u32 base, __u32 child, __u32 which)
{
	if (!query)
		return 0;
	MS_UNROLL
	for (int i = 0; i < 8; i++) {
		__u32 word = MS_CHOOSE(which == MS_SET_SRC, query->src[i / 2], query->dst[i / 2]);

		if (!(child & MS_SPAN_NODE))
			return child;
		child = ms_spans_search(base + (child & ~MS_SPAN_NODE),
					bpf_ntohl(word) >> (i & 1 ? 0 : 16) & 0xffff);
	}
	return child;
}

#endif
