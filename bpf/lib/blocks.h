/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the pairs engine, shared by its compile side
 * (core/classify/{blocks,spans,cuts,pairs}.c) and its look-up side (spans.h, pairs.h): blocks of
 * words of 32 bits, a run of them per half. What is said by an offset is said in words from the
 * half's first; nothing lies across a block, nothing small across a line of 64 bytes. Word 0 is 0:
 * no run; as a row, an empty one.
 *
 * Node: from 16 bits of a value to a child. Said by MS_SPAN_NODE | kind | shift | offset, and laid
 * out as
 *	65536 >> shift buckets, one for each value >> shift | pairs: key, child
 * keys ascending, the first 0. A bucket says which pairs its values may fall to (number of the
 * first, count << 16); the child is that of the last key not above the value.
 *
 * Address to leaf: a child of a node is a node of the next 16 bits, or the leaf. IPv4's upper 16
 * bits are asked by an array of 65,536 children instead. A source's leaf is a row, a destination's
 * a place: the number, from 1 on, of the longest prefix that holds it, in the order of address and
 * length. What lies within a prefix is from its place to its last one.
 *
 * Row: the longest prefix that holds a source (MS_ROW_*): its rules, and the row of the next
 * shorter one
 * Run: entries in the order of judgement, up to the one that says MS_ENTRY_LAST: source ports |
 * destination ports (first, last << 16) | decision | what and where (MS_ENTRY_*) | first and last
 * place of the destination | a set | a word of 0 and, where it says MS_ENTRY_MORE, as it does where
 * it asks for a set, behind it what | its mask | where | its mask | source set | destination set |
 * 2 words of 0
 *
 * Sets: two parts of MS_SETS_WORDS, of rules that stand with a source's set and of those that stand
 * with a destination's. A set's row is found by its id, as an IPv6 source's is by its address; all
 * rows are listed, too, by pairs of id and row. Entries of a source's set ask for places as those
 * of a prefix do; those of a destination's ask for places of the source, found as in IPv6.
 *
 * Cut: a node of a kind (enum ms_cut), whose children are runs or cuts, or 0: nothing there
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
#define MS_SPAN_KIND 28  /* of a cut; three bits */
#define MS_SPAN_SHIFT 23 /* five bits */
#define MS_SPAN_AT ((1u << MS_SPAN_SHIFT) - 1)
#define MS_SPAN_ROOT4 65536u
#define MS_SPAN_BUCKETS 4096u /* of one node */
#define MS_SPAN_STEPS 10      /* that halving a bucket's pairs may take */
_Static_assert(MS_BLOCKS_WORDS <= MS_SPAN_AT + 1, "a child can say where any node is");

enum {
	MS_ROW_BEST,      /* least decision of its rules */
	MS_ROW_NEXT,      /* 0 = there is none */
	MS_ROW_BEHIND,    /* least decision from there on, MS_DECISION_NONE = there is none */
	MS_ROW_TABLE,     /* run or cut of its rules */
	MS_ROW_PARTIAL,   /* the same for a later fragment, whose ports are not known */
	MS_ROW_PLACES,    /* two words: which 64ths of the places its rules' destinations touch */
	MS_ROW_WORDS = 8, /* here a short run begins */
};

/* Of one side, in words from its part's first. */
enum {
	MS_SETS_BEST,        /* least decision of its rules */
	MS_SETS_ROOT,        /* child from id to row */
	MS_SETS_COUNT,       /* of sets */
	MS_SETS_LIST,        /* of pairs */
	MS_SETS_PLACES,      /* of a destination's: child from source to place */
	MS_SETS_PLACE_SHIFT, /* as of struct ms_pairs_root */
	MS_SETS_REGION_SHIFT,
	MS_SETS_WORDS = 8,
};

/* By what a long run is cut. */
enum ms_cut {
	MS_CUT_PLACE, /* of the destination, >> place_shift */
	MS_CUT_GROUP,
	MS_CUT_PROTO,
	MS_CUT_DPORT,
	MS_CUT_SPORT,
	MS_CUT__COUNT
};

enum {
	MS_ENTRY_SPORT,
	MS_ENTRY_DPORT,
	MS_ENTRY_DECISION,
	MS_ENTRY_WHAT,
	MS_ENTRY_FIRST,
	MS_ENTRY_END,
	MS_ENTRY_SET, /* of a row that stands with a set: that of the other end, 0 = it asks for
			 none */
	MS_ENTRY_WORDS = 8,
};

/* The fourth word of an entry; the protocol is in its lowest byte. */
#define MS_ENTRY_GROUP(n) ((__u32)(n) << 8)
#define MS_ENTRY_ANY_PROTO (1u << 16)
#define MS_ENTRY_ANY_GROUP (1u << 17)
#define MS_ENTRY_DENY (1u << 18)
#define MS_ENTRY_PORTS (1u << 19) /* MS_ROW_PORTS */
#define MS_ENTRY_MORE (1u << 20)  /* as many words as an entry has are behind it */
#define MS_ENTRY_LAST (1u << 21)
#define MS_ENTRY_DIRS(bits) ((__u32)(bits) << 24)

/* What bounds the look-up, promised by the compile side. */
#define MS_PAIRS_CUTS 4     /* cuts one behind the other */
#define MS_PAIRS_ASKED 8    /* rows looked at in one step */
#define MS_PAIRS_WALKED 8   /* entries of a run walked in one */
#define MS_PAIRS_LISTED 8   /* sets that are listed or asked of, looked at in one */
#define MS_PAIRS_STEPS 8192 /* for a packet whose addresses are told their sets */
/* For any: addresses in more sets than one is told of, or that are asked of all, go through all
 * rows of those. */
#define MS_PAIRS_STEPS_MOST 131072
/* Beyond these: looks once more, at members that were written meanwhile. */
#define MS_PAIRS_STEPS_AGAIN 4096

struct ms_pairs_root {      /* one family's, in ms_policy_head */
	__u32 src, dst;     /* IPv4: arrays of MS_SPAN_ROOT4 children, IPv6: a child */
	__u32 place_shift;  /* to 16 bits, for MS_CUT_PLACE */
	__u32 region_shift; /* to 6 bits, for MS_ROW_PLACES */
	__u32 sets;         /* 0 = no rule stands with a set */
};                          /* src 0 = this family is judged by the linear engine */

#endif
