/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet's place in its flow, and where the engine `set` keeps the flow's session. Both sides
 * compute the latter: programs when they look for a session, the daemon when it moves sessions from
 * another table.
 */
#ifndef MS_BPF_LIB_FLOW_KEY_H
#define MS_BPF_LIB_FLOW_KEY_H

#include <linux/types.h>

#include "bpf/lib/layout.h"

/* A key as a table of lines has it is narrow, two words, for IPv4 without tags: a struct ms_key4
 * has no more then. Every other one is wide, six words with a mark of its family behind it. */
enum { MS_KEY_NARROW = 0, MS_KEY_WIDE4 = 4, MS_KEY_WIDE6 = 6 };

union ms_key {
	struct ms_key4 k4;
	struct ms_key6 k6;
	struct {
		__u8 key[sizeof(struct ms_key6)];
		__u32 mark; /* MS_KEY_NARROW, ... */
	};
	__u64 words[MS_LINE6_WORDS];
};
_Static_assert(sizeof(union ms_key) == 48, "six words");

struct ms_flow {
	union ms_key key;
	__u8 family;
	__u8 index; /* 0 = sent by the lower endpoint, 1 = by the higher */
	__u8 flags; /* the key's, as zone is */
	__u8 way;   /* of its one-way session, while that is in hand (oneway.h) */
	__u16 zone;
	__u16 pad1;
};
_Static_assert(sizeof(struct ms_flow) == 56, "no padding");

#define MS_FLOW_KEY_INLINE static inline __attribute__((always_inline))

/* `key` comes with zeroes behind its struct ms_key4 or ms_key6. */
MS_FLOW_KEY_INLINE void ms_flow_key_mark(union ms_key *key, __u8 family)
{
	if (family == 6)
		key->mark = MS_KEY_WIDE6;
	else
		key->mark = key->k4.vlan_outer || key->k4.vlan_inner ? MS_KEY_WIDE4 : MS_KEY_NARROW;
}

/* Where a line may lie. */
struct ms_lines_place {
	__u32 first, second; /* hashes */
	__u32 way;           /* where a scan begins */
	__u32 tag;           /* of the line, as MS_TAG_MASK */
};

/* Two words of a key. */
MS_FLOW_KEY_INLINE __u64 ms_lines_mix(const __u64 *key, __u32 seed, __u64 first, __u64 second)
{
	__u64 hash = (key[0] ^ seed) * first;

	hash = (hash ^ hash >> 32 ^ key[1]) * second;
	return (hash ^ hash >> 32) * first;
}

/* The words of a wide key are mixed in pairs that do not wait for one another, each with factors of
 * its own, so that what two pairs have in common does not cancel out in the sum. */
MS_FLOW_KEY_INLINE struct ms_lines_place ms_lines_place(const __u64 *key, int wide, __u32 seed)
{
	const __u64 k1 = 0x9e3779b97f4a7c15ull, k2 = 0xd6e8feb86659fd93ull;
	struct ms_lines_place place;
	__u64 hash = ms_lines_mix(key, seed, k1, k2);

	if (wide) {
		hash += ms_lines_mix(key + 2, seed, 0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull);
		hash += ms_lines_mix(key + 4, seed, 0xff51afd7ed558ccdull, 0xc4ceb9fe1a85ec53ull);
		hash = (hash ^ hash >> 32) * k2;
	}
	place.way = hash >> 61;
	place.first = hash >> 29;
	place.second = (hash ^ hash >> 32) * k2 >> 32;
	place.tag = (place.first & MS_TAG_MASK) ?: MS_TAG_MASK;
	return place;
}

/* A hash to one of `sets`, without a division. */
MS_FLOW_KEY_INLINE __u32 ms_lines_index(__u32 hash, __u32 sets)
{
	return (__u64)hash * sets >> 32;
}

/* Where keys of a set that has been full lie: in MS_SET_OVER sets from the second hash's on. */
MS_FLOW_KEY_INLINE __u32 ms_lines_next(__u32 set, __u32 sets)
{
	return set + 1 < sets ? set + 1 : 0;
}

/* A set's word of ms_tags; those of wide lines come behind the others. */
MS_FLOW_KEY_INLINE __u32 ms_lines_tags_index(__u32 set, __u32 sets, int wide)
{
	return wide ? sets + set : set;
}

/* A tag in its line's byte. */
MS_FLOW_KEY_INLINE __u64 ms_lines_tag_at(__u32 tag, __u32 way)
{
	return (__u64)tag << (way % MS_SET_WAYS * 8);
}

#endif
