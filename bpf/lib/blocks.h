/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the pairs engine, shared by its compile side
 *(core/classify/{blocks,spans,cuts,pairs}.c) and its look-up side (spans.h, pairs.h): blocks of
 *32-bit words, a run of them per half. What is said by an offset is said in words from the half's
 *first; nothing small lies across a line of 64 bytes, nothing but the slots across a block. Word 0
 *is 0: an empty row, no run.
 *
 * Address to row: a node stands for 16 bits of the address,
 *	n | n keys of 16 bits, two a word, ascending, the first 0 | n children
 * and the child of the last key that is not above the address's bits is a node of the next 16 bits
 * (MS_SPAN_NODE) or a row. IPv4's upper 16 bits are asked by an array of 65,536 children instead.
 *
 * Row: the longest prefix that holds an address (MS_ROW_*), and the row of the next shorter one
 *
 * Filter: a word of hash(source id, destination id) has two bits of each pair there is
 * Slots: a word of the same hash is the first list of a chain and, from MS_SLOT_BEST on, the least
 * decision of any of them, shifted so that all of the policy's fit; 0 = none
 * List: source id | destination id | next list of the chain | cut or 0 | a run: the whole list, or,
 * where there is a cut, what of it a later fragment may ask, whose ports are not known
 * Cut: one of MS_CUT_* | a node of its values, whose children are runs or cuts (MS_SPAN_NODE)
 * Run: entries in the order of judgement, up to the one that says MS_ENTRY_LAST,
 *	source ports | destination ports (first, last << 16) | decision | what and where
 *(MS_ENTRY_*) and, where that says MS_ENTRY_MORE, behind it what | its mask | where | its mask |
 *source set | destination set | 2 words of 0
 */
#ifndef MS_BPF_LIB_BLOCKS_H
#define MS_BPF_LIB_BLOCKS_H

#include <linux/types.h>

#define MS_BLOCK_WORDS (1u << 18) /* 1 MiB */
#define MS_BLOCKS 20              /* per half; 100,000 rules need 11 to 14 of them */
#define MS_BLOCKS_WORDS (MS_BLOCKS * MS_BLOCK_WORDS)

struct ms_block { /* ms_blocks */
	__u32 words[MS_BLOCK_WORDS];
};

#define MS_SPAN_NODE (1u << 31)
#define MS_SPAN_ROOT4 65536u

enum {
	MS_ROW_ID,        /* number, and length << MS_ROW_LEN_SHIFT */
	MS_ROW_BEST,      /* least decision of its rules */
	MS_ROW_PARTNERS,  /* two words: lengths of the other side that its rules pair it with */
	MS_ROW_HELD = 4,  /* two words: its own length, and those of the rows behind */
	MS_ROW_CHAIN = 6, /* least decision here and behind */
	MS_ROW_NEXT,
	MS_ROW_WORDS,
};
#define MS_ROW_LEN_SHIFT 24 /* of the length, folded: 64 and 128 are 0 again */
#define MS_ROW_LEN_MASK 63u

#define MS_SLOT_BEST 23
#define MS_SLOT_LIST ((1u << MS_SLOT_BEST) - 1)
#define MS_SLOT_BEST_BITS 9
_Static_assert(MS_BLOCKS_WORDS <= MS_SLOT_LIST + 1, "a slot can say where any list is");

enum {
	MS_LIST_SRC,
	MS_LIST_DST,
	MS_LIST_NEXT,
	MS_LIST_CUT,
	MS_LIST_RUN, /* here it begins */
};

enum ms_cut { MS_CUT_PROTO, MS_CUT_DPORT, MS_CUT_SPORT, MS_CUT_GROUP, MS_CUT__COUNT };

enum {
	MS_ENTRY_SPORT,
	MS_ENTRY_DPORT,
	MS_ENTRY_DECISION,
	MS_ENTRY_WHAT,
	MS_ENTRY_WORDS,
	MS_ENTRY_MORE_WORDS = 8,
};

/* The last word of an entry; the protocol is in its lowest byte. */
#define MS_ENTRY_GROUP(n) ((__u32)(n) << 8)
#define MS_ENTRY_ANY_PROTO (1u << 16)
#define MS_ENTRY_ANY_GROUP (1u << 17)
#define MS_ENTRY_DENY (1u << 18)
#define MS_ENTRY_PORTS (1u << 19) /* MS_ROW_PORTS */
#define MS_ENTRY_MORE (1u << 20)
#define MS_ENTRY_LAST (1u << 21)
#define MS_ENTRY_DIRS(bits) ((__u32)(bits) << 24)

/* What bounds the look-up, promised by the compile side. */
#define MS_PAIRS_CHAIN 8    /* lists of one slot */
#define MS_PAIRS_CUTS 4     /* cuts one behind the other */
#define MS_PAIRS_ASKED 16   /* rows looked at in one step */
#define MS_PAIRS_WALKED 8   /* entries of a run walked in one */
#define MS_PAIRS_STEPS 2048 /* for one packet */

struct ms_pairs_root {  /* one family's, in ms_policy_head */
	__u32 src, dst; /* IPv4: arrays of MS_SPAN_ROOT4 children, IPv6: a child */
	__u32 filter, filter_mask;
	__u32 slots, slot_mask; /* slots 0 = this family is judged by the linear engine */
	__u32 best_shift;
};

static inline __u64 ms_pairs_hash(__u32 src, __u32 dst)
{
	__u64 hash = ((__u64)src << 32 | dst) * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

/* The filter's bits of a hash; the word is that of its upper half. */
static inline __u32 ms_pairs_filter(__u64 hash)
{
	return 1u << (hash >> 59) | 1u << (hash >> 54 & 31);
}

#endif
