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
 * ---- members: ms_member4/6, LPM_TRIE; of which sets an address is a member ----
 *
 * Each prefix of a set is a key, but for the sets of ms_asked. What its value says is also said of
 * all wider prefixes, since a look-up finds the longest alone.
 */
struct ms_member_key4 {
	__u32 prefixlen;
	__be32 addr;
};

struct ms_member_key6 {
	__u32 prefixlen;
	__be32 addr[4];
};

#define MS_MEMBER_SETS 15
#define MS_MEMBER_MANY (~0u) /* in `count`: of more sets than are named */

struct ms_member_sets {
	__u32 count;
	struct {
		__u32 set;
		__u32 until; /* as ms_set_entry's */
	} of[MS_MEMBER_SETS];
};
_Static_assert(sizeof(struct ms_member_sets) == 124, "packed by hand");

/*
 * ms_asked: ARRAY of one. Sets too large for ms_member4/6: an address is asked of each of them. A
 * set may for a moment be both. Zero, as in new tables, is not ready: each set that any rule asks
 * for is asked of then, as it is of an address that has MS_MEMBER_MANY.
 */
#define MS_ASKED_MAX 128 /* a power of two */

struct ms_asked {
	__u32 next_set;           /* ids of sets from there on have never been used */
	__u32 is_ready;           /* ms_member4/6 say all they should */
	__u32 count;              /* places behind them are free */
	__u32 sets[MS_ASKED_MAX]; /* a set keeps its place, 0 = it is free */
};
_Static_assert(sizeof(struct ms_asked) == 524, "no padding");

#endif
