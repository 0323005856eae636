/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading ms_blocks (blocks.h), and the way from an address or a port to what stands for it. */
#ifndef MS_BPF_LIB_SPANS_H
#define MS_BPF_LIB_SPANS_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/query.h"

/* Where the query's half begins. */
static __always_inline __u32 ms_spans_base(const struct ms_query *query)
{
	return query->half * MS_BLOCKS_WORDS;
}

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

/* Eight words of it that begin at a multiple of eight: a row, an entry. */
static __always_inline const __u32 *ms_spans_eight(const struct ms_block *block, __u32 at)
{
	return &block->words[at & (MS_BLOCK_WORDS - 8)];
}

/* A search in a node's bucket. */
struct ms_spans_search {
	const struct ms_block *block;
	__u32 pair, left; /* the first that it may still be, and how many */
	__u32 value;
};

/* At the beginning of what is left to search for `value` below `node`; word 0 where that is a leaf:
 * a node that has nothing. Not by a branch, behind which the verifier would know the one and not
 * the other: that is refused where it hardens against speculation. False only for the verifier. */
static __always_inline int ms_spans_seek(struct ms_spans_search *search, __u32 base, __u32 node,
					 __u32 value)
{
	__u32 is_node = (__u32)((__s32)node >> 31), bucket, shift, at;

	asm volatile("" : "+r"(is_node));
	shift = (node >> MS_SPAN_SHIFT & 31) | (16 & ~is_node);
	at = (base + (node & MS_SPAN_AT)) & is_node;
	search->block = ms_spans_block(at);
	if (!search->block)
		return 0;
	bucket = ms_spans_word(search->block, at + (value >> (shift & 31)));
	/* Pairs begin at an even word. */
	search->pair = at + (((MS_SPAN_ROOT4 >> (shift & 31)) + 1) & ~1u);
	search->pair += (bucket & 0xffff) << 1;
	search->left = bucket >> 16;
	search->value = value;
	return 1;
}

/* Halves what is left, without branching on what it compares: nobody could predict it. */
static __always_inline void ms_spans_halve(struct ms_spans_search *search)
{
	__u32 half = search->left >> 1;
	__u32 key = ms_spans_word(search->block, search->pair + 2 * half);

	/* All ones where the key is not above the value. */
	search->pair += 2 * half & (__u32)(((__s64)key - (__s64)search->value - 1) >> 63);
	search->left -= half;
}

/* Child of `node` that `value` falls to. False only for the verifier. */
static __always_inline int ms_spans_child(__u32 base, __u32 node, __u32 value, __u32 *ret_child)
{
	struct ms_spans_search search;

	if (!ms_spans_seek(&search, base, node, value))
		return 0;
	MS_UNROLL
	for (int i = 0; i < MS_SPAN_STEPS; i++) {
		ms_spans_halve(&search);
		if (search.left <= 1)
			break;
	}
	*ret_child = ms_spans_word(search.block, search.pair + 1);
	return 1;
}

static __always_inline __u32 ms_spans_find(__u32 base, __u32 node, __u32 value)
{
	__u32 child = 0;

	return ms_spans_child(base, node, value, &child) ? child : 0;
}

/* The leaves of an IPv4 source and destination: one does not wait for the other. */
static __always_inline void ms_spans_leaves4(const struct ms_query *query, __u32 base,
					     const struct ms_pairs_root *root, __u32 *ret_src,
					     __u32 *ret_dst)
{
	__u32 src_addr = bpf_ntohl(query->src[0]), dst_addr = bpf_ntohl(query->dst[0]);
	__u32 src_at = base + root->src + (src_addr >> 16);
	__u32 dst_at = base + root->dst + (dst_addr >> 16);
	const struct ms_block *srcs = ms_spans_block(src_at), *dsts = ms_spans_block(dst_at);
	struct ms_spans_search src, dst;
	__u32 src_child, dst_child;

	if (!srcs || !dsts)
		return;
	src_child = ms_spans_word(srcs, src_at);
	dst_child = ms_spans_word(dsts, dst_at);
	if (!ms_spans_seek(&src, base, src_child, src_addr & 0xffff) ||
	    !ms_spans_seek(&dst, base, dst_child, dst_addr & 0xffff))
		return;
	MS_UNROLL
	for (int i = 0; i < MS_SPAN_STEPS; i++) {
		ms_spans_halve(&src);
		ms_spans_halve(&dst);
		if (src.left <= 1 && dst.left <= 1)
			break;
	}
	*ret_src = src_child & MS_SPAN_NODE ? ms_spans_word(src.block, src.pair + 1) : src_child;
	*ret_dst = dst_child & MS_SPAN_NODE ? ms_spans_word(dst.block, dst.pair + 1) : dst_child;
}

__noinline int ms_spans_search(__u32 base, __u32 node, __u32 value)
{
	return (int)ms_spans_find(base, node, value);
}

/* The leaf of the query's source or destination, IPv6; `child` is the root. */
__noinline int ms_spans_leaf6(struct ms_query *query, __u32 base, __u32 child, __u32 which)
{
	if (!query)
		return 0;
	MS_UNROLL
	for (int i = 0; i < 8; i++) {
		__u32 word = MS_CHOOSE(which == MS_SET_SRC, query->src[i / 2], query->dst[i / 2]);

		if (!(child & MS_SPAN_NODE))
			return child;
		child = ms_spans_search(base, child, bpf_ntohl(word) >> (i & 1 ? 0 : 16) & 0xffff);
	}
	return child;
}

#endif
