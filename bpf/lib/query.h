/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question that a packet puts to the classifier, and what every engine asks of it alike. */
#ifndef MS_BPF_LIB_QUERY_H
#define MS_BPF_LIB_QUERY_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/rules.h"

struct ms_query {
	__be32 src[4], dst[4];
	__u32 what, what_known; /* MS_WHAT_*; bits that are not known match nothing or anything */
	__u32 where;            /* MS_WHERE_* */
	/* MS_SET_BIT() of the sets that the end may be in that is not `sets_which`. */
	__u32 may;
	union {
		__u32 rows_end; /* linear: index behind the half's last row of this family */
		__u32 run;      /* pairs: the run or the cut to go on with, 0 = none */
	};
	__u32 now;
	__u16 sport, dport; /* host order */
	__u8 family;
	__u8 dirs;
	__u8 group;
	__u8 half : 1;
	__u8 bank : 1;
	__u8 partial : 1; /* ports and types are not known: would any do? */
	__u8 failsafe : 1;
	__u8 dir : 1;
	__u8 side : 1;
	/* Where it stands among the sets (set_rows.h): whose are asked, MS_SET_*, and how. */
	__u8 sets_which : 1;
	__u8 sets_stage : 3;
	/* Where the pairs engine stands (pairs.h). */
	__u8 late;        /* late rules of the query's family */
	__u8 place_shift; /* from the place to 16 bits of it */
	__u8 region;      /* which 64th of the places it is in */
	__u32 found;      /* best decision so far */
	__u32 row;        /* the source's row to look at next */
	__u32 behind;     /* least decision from there on, MS_DECISION_NONE = all have been */
	__u32 place;      /* of the destination */
	__u32 sets_at;
};
_Static_assert(sizeof(struct ms_query) == 88, "no padding");
_Static_assert(MS_LATE_ROWS <= 255, "a byte says how many there are");

/* Where ms_policy has what is said of this policy. */
static __always_inline __u32 ms_query_head(const struct ms_query *query)
{
	return query->half * MS_BANKS + query->bank;
}

enum { MS_SET_SRC = 0, MS_SET_DST = 1 };

/* Where a walk of rules that stand with sets is: `sets_stage` (set_rows.h). */
enum {
	MS_SETS_THROUGH, /* both sides have been asked */
	MS_SETS_TURN,    /* the next side is to begin */
	MS_SETS_MEMBERS, /* what the address is told; sets_at = the id asked last */
	MS_SETS_ASKED,   /* ms_asked; sets_at = the place to ask next */
	MS_SETS_LISTED,  /* all sets of the policy, instead of both; sets_at likewise */
};

/* Is the query's source or destination a live member of `set`? */
__noinline int ms_set_has(struct ms_query *query, __u32 set, __u32 which)
{
	struct ms_set_entry *entry;
	struct ms_set_key6 key; /* an IPv4 one is its beginning */

	if (!query)
		return 0;
	key.prefixlen = 32 + (query->family == 4 ? 32 : 128);
	key.set = set;
	for (int i = 0; i < 4; i++)
		key.addr[i] = MS_CHOOSE(which == MS_SET_SRC, query->src[i], query->dst[i]);
	if (query->family == 4)
		entry = bpf_map_lookup_elem(&ms_set4, &key);
	else
		entry = bpf_map_lookup_elem(&ms_set6, &key);
	return entry && (entry->until == 0 || (__s32)(entry->until - query->now) > 0);
}

#endif
