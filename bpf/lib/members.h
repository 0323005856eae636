/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an address is told of the sets it is a member of (layout_sets.h). */
#ifndef MS_BPF_LIB_MEMBERS_H
#define MS_BPF_LIB_MEMBERS_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/query.h"

static __always_inline const struct ms_asked *ms_members_asked(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ms_asked, &zero);
}

/* Goes before what is read of members, and what is told by it is ms_members_hold() asked. */
static __always_inline __u32 ms_members_begin(const struct ms_asked *asked)
{
	__u32 writes = MS_READ_ONCE(asked->writes);

	asm volatile("" : : : "memory");
	return writes;
}

/* Does it count what has been read since? */
static __always_inline int ms_members_hold(const struct ms_asked *asked, __u32 writes)
{
	asm volatile("" : : : "memory");
	return MS_READ_ONCE(asked->writes) == writes;
}

/* Of the query's source or destination, MS_SET_*; an IPv4 one is the beginning. */
static __always_inline void ms_members_key(const struct ms_query *query, __u32 which,
					   struct ms_member_key6 *ret_key)
{
	ret_key->prefixlen = query->family == 4 ? 32 : 128;
	MS_UNROLL
	for (int i = 0; i < 4; i++)
		ret_key->addr[i] = MS_CHOOSE(which == MS_SET_SRC, query->src[i], query->dst[i]);
}

/* The prefix of that length around it. */
static __always_inline void ms_members_cut(struct ms_member_key6 *key, __u32 len)
{
	__u32 left = len;

	key->prefixlen = len;
	MS_UNROLL
	for (int i = 0; i < 4; i++) {
		__u32 bits = left > 32 ? 32 : left;

		key->addr[i] &= bpf_htonl((__u32)(~0ull << (32 - bits)));
		left -= bits;
	}
}

#define MS_MEMBERS_FIND(query, name, key)                                                          \
	((query)->family == 4 ? (const struct ms_member_sets *)bpf_map_lookup_elem(&name##4, key)  \
			      : (const struct ms_member_sets *)bpf_map_lookup_elem(&name##6, key))

/* What is said of the longest prefix that holds that address; NULL = none does. Between
 * ms_members_begin() and ms_members_hold(), as all that is read of it. */
static __always_inline const struct ms_member_sets *
ms_members_of(const struct ms_query *query, const struct ms_asked *asked, __u32 which)
{
	const struct ms_member_sets *told = NULL, *member;
	struct ms_member_key6 key;
	__u32 lengths4 = MS_READ_ONCE(asked->lengths[0]),
	      lengths6 = MS_READ_ONCE(asked->lengths[1]);
	__u32 lengths = query->family == 4 ? lengths4 : lengths6;

	ms_members_key(query, which, &key);
	if (MS_LENGTH_FULL(lengths)) {
		told = MS_MEMBERS_FIND(query, ms_told, &key);
		if (told)
			return told;
	}
	if (MS_LENGTH_OTHER(lengths)) {
		ms_members_cut(&key, MS_LENGTH_OTHER(lengths));
		told = MS_MEMBERS_FIND(query, ms_told, &key);
	}
	/* One that is there and as long is the same prefix, and of before. */
	if (MS_LENGTH_BEYOND(lengths) <= (told ? MS_LENGTH_OTHER(lengths) + 1 : 0))
		return told;
	ms_members_key(query, which, &key);
	member = MS_MEMBERS_FIND(query, ms_member, &key);
	return !told || (member && member->len > told->len) ? member : told;
}

static __always_inline int ms_members_is_over(const struct ms_query *query, __u32 until)
{
	return until && (__s32)(until - query->now) <= 0;
}

/* Is the query's source or destination a member of `set`? Negative = that is to be asked of the
 * set. Where rules of the one end's sets are walked, it is known from then on which the other end
 * may be in. */
__noinline int ms_members_say(struct ms_query *query, __u32 set, __u32 which)
{
	const struct ms_member_sets *member;
	const struct ms_asked *asked;
	__u32 writes, count;
	int says = 0;
	__u32 may;

	if (!query)
		return -1;
	asked = ms_members_asked();
	if (!asked || !MS_READ_ONCE(asked->is_ready))
		return -1;
	may = MS_READ_ONCE(asked->bits);
	if (may & MS_SET_BIT(set))
		return -1;
	may |= MS_SET_BIT(0);
	writes = ms_members_begin(asked);
	member = ms_members_of(query, asked, which);
	count = member ? member->count : 0;
	MS_UNROLL
	for (__u32 i = 0; i < MS_MEMBER_SETS; i++) {
		__u32 one;

		/* Or the two ends of the loop become one, of a number that the compiler does not
		 * know. */
		asm volatile("" : "+r"(count));
		if (i >= count)
			break;
		one = member->of[i].set;
		if (ms_members_is_over(query, member->of[i].until))
			one = 0;
		may |= MS_SET_BIT(one);
		says |= one == set;
	}
	if (!ms_members_hold(asked, writes) || count == MS_MEMBER_MANY)
		return -1;
	if (query->sets_stage > MS_SETS_TURN && which != query->sets_which)
		query->may = may;
	return says;
}

/* Is the query's source or destination a live member of `set`? */
static __always_inline int ms_sets_has(struct ms_query *query, __u32 set, __u32 which)
{
	int says = ms_members_say(query, set, which);

	return says < 0 ? ms_set_has(query, set, which) : says;
}

#endif
