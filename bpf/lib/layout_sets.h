/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of sets and their members; a part of layout.h, under its version. */
#ifndef MS_BPF_LIB_LAYOUT_SETS_H
#define MS_BPF_LIB_LAYOUT_SETS_H

#include <linux/types.h>

/* ---- sets: ms_set4/6, LPM_TRIE ---- */

struct ms_set_key4 {
	__u32 prefixlen; /* 32 for the set's id, and the member's length */
	__u32 set;
	__be32 addr;
};

struct ms_set_key6 {
	__u32 prefixlen;
	__u32 set;
	__be32 addr[4];
};

/* Entries of each family: for all sets of the policy together, which is one of a million with
 * itself as it will be beside it, and those that only set:host may use. */
#define MS_SET_MEMBERS_MAX (1u << 21)
#define MS_SET_HOST_MEMBERS 4096

struct ms_set_entry {
	__u32 expires; /* the member's own end: tick, 0 = never */
	/* The latest end of this member and all that cover it. A look-up finds the longest member
	 * alone, and that one may have expired before a wider one has. */
	__u32 until;
};

/*
 * ---- members: of which sets an address is a member ----
 *
 * Each prefix of a set is a key, but for the sets of ms_asked. What its value says is also said of
 * all wider prefixes, since the longest that holds an address speaks alone. The prefixes of two
 * lengths of a family (struct ms_asked) are in ms_told4/6, HASH, as far as there is room; the
 * others in ms_member4/6, LPM_TRIE.
 *
 * The kernel gives the memory of what is taken out of a HASH to what comes next, whoever reads it
 * still. But one write takes out and another one puts in: what was read counts if no write has
 * begun since before it was looked up (ms_asked.writes). Loads are taken to be in order, as in
 * lines.h: where they are not, nothing is put into these two.
 */
struct ms_member_key4 {
	__u32 prefixlen;
	__be32 addr;
};

struct ms_member_key6 {
	__u32 prefixlen;
	__be32 addr[4];
};

#define MS_TOLD_MAX (1u << 18) /* prefixes of a family in ms_told4/6 */
#define MS_MEMBER_SETS 15
#define MS_MEMBER_MANY 0xffff /* in `count`: of more sets than are named */

struct ms_member_sets {
	__u16 count;
	__u8 len; /* the prefix's */
	__u8 pad;
	struct {
		__u32 set;
		__u32 until; /* as ms_set_entry's */
	} of[MS_MEMBER_SETS];
};
_Static_assert(sizeof(struct ms_member_sets) == 124, "packed by hand");

/*
 * ms_asked: ARRAY of one, mmap-able. Sets too large to be told: an address is asked of each of
 * them. A set may for a moment be both. Zero, as in new tables, is not ready: each set that any
 * rule asks for is asked of then, as it is of an address that has MS_MEMBER_MANY.
 */
#define MS_ASKED_MAX 128 /* a power of two */

/* A byte of `lengths` each: the full length and another one, of prefixes that are in ms_told4/6, 0
 * = there are none of it; one more than the longest of ms_member4/6, 0 = nothing is there. */
#define MS_LENGTH_FULL(lengths) ((lengths)&0xff)
#define MS_LENGTH_OTHER(lengths) ((lengths) >> 8 & 0xff)
#define MS_LENGTH_BEYOND(lengths) ((lengths) >> 16 & 0xff)

/* Of the sets that are asked of, or told: a bit of each. Bit 0 is of no set, too. */
#define MS_SET_BIT(set) (1u << ((set)&31))

struct ms_asked {
	__u32 next_set;   /* ids of sets from there on have never been used */
	__u32 is_ready;   /* addresses are told all they should */
	__u32 count;      /* places behind them are free */
	__u32 writes;     /* to any of the four tables of members, before each, if is_ready */
	__u32 lengths[2]; /* IPv4, IPv6 */
	__u32 bits;       /* MS_SET_BIT() of `sets` */
	__u32 sets[MS_ASKED_MAX]; /* a set keeps its place, 0 = it is free */
};
_Static_assert(sizeof(struct ms_asked) == 540, "no padding");

#endif
