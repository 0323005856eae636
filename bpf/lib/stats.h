/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters. Every packet is one cell of ms_stats (reason x verdict). Its slot and zone are counted
 * at once here, unless a session carries the count until it ends (session.h).
 */
#ifndef MS_BPF_LIB_STATS_H
#define MS_BPF_LIB_STATS_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/maps.h"
#include "bpf/lib/scene.h"

/*
 * Functions that index by an argument are global: the verifier then takes the argument for unknown.
 * A constant that differs from path to path is refused as an offset where it hardens against
 * speculation (no CAP_PERFMON). Taking back is adding the negative.
 */
__noinline int ms_stats_packet(__u32 reason, __u32 verdict, __u64 packets, __u64 bytes)
{
	__u32 zero = 0;
	struct ms_stats *stats = bpf_map_lookup_elem(&ms_stats, &zero);

	if (!stats || reason >= MS_REASON__COUNT || verdict >= MS_VERDICT__COUNT)
		return 0;
	stats->packets[reason][verdict] += packets;
	stats->bytes[reason][verdict] += bytes;
	return 0;
}

/* Atomic, because ms_reap counts from process context, where a packet may come in between. */
__noinline int ms_stats_note(__u32 stat)
{
	__u32 zero = 0;
	struct ms_stats *stats = bpf_map_lookup_elem(&ms_stats, &zero);

	if (stats && stat < MS_STAT__COUNT)
		__sync_fetch_and_add(&stats->other[stat], 1);
	return 0;
}

/* The same for a packet's program, which ms_reap never comes in between of. */
__noinline int ms_stats_note_here(__u32 stat)
{
	__u32 zero = 0;
	struct ms_stats *stats = bpf_map_lookup_elem(&ms_stats, &zero);

	if (stats && stat < MS_STAT__COUNT)
		stats->other[stat] += 1;
	return 0;
}

/* Packets of a slot. Atomic for the same reason as ms_stats_note(). */
__noinline int ms_stats_slot(__u32 slot, __u64 packets, __u64 bytes)
{
	struct ms_slot_count *count = bpf_map_lookup_elem(&ms_slotcnt, &slot);

	if (!count)
		return 0;
	__sync_fetch_and_add(&count->packets, packets);
	__sync_fetch_and_add(&count->bytes, bytes);
	return 0;
}

/* As ms_stats_note_here(). */
__noinline int ms_stats_slot_here(__u32 slot, __u64 packets, __u64 bytes)
{
	struct ms_slot_count *count = bpf_map_lookup_elem(&ms_slotcnt, &slot);

	if (!count)
		return 0;
	count->packets += packets;
	count->bytes += bytes;
	return 0;
}

__noinline int ms_stats_zone(__u32 zone, __u64 dir, __u64 dropped, __u64 packets, __u64 bytes)
{
	struct ms_zone_count *count = bpf_map_lookup_elem(&ms_zonecnt, &zone);

	if (!count || zone == 0)
		return 0;
	/* Bounds in a form that the compiler cannot fold away and kernel 6.1 follows. */
	asm volatile("%0 &= 1" : "+r"(dir));
	asm volatile("%0 &= 1" : "+r"(dropped));
	__sync_fetch_and_add(&count->packets[dir][dropped], packets);
	__sync_fetch_and_add(&count->bytes[dir][dropped], bytes);
	return 0;
}

/* A frame of a young interface. */
__noinline int ms_stats_gap(__u32 zone, __u64 egress, __u64 frames)
{
	struct ms_zone_gap *gap = bpf_map_lookup_elem(&ms_zonegap, &zone);

	if (!gap)
		return 0;
	asm volatile("%0 &= 1" : "+r"(egress));
	__sync_fetch_and_add(&gap->frames[egress], frames);
	return 0;
}

/* A rule was the answer of a classification. */
__noinline int ms_stats_answer(__u32 slot, __u32 now)
{
	struct ms_slot_meta *meta = bpf_map_lookup_elem(&ms_slotmeta, &slot);

	if (!meta)
		return 0;
	__sync_fetch_and_add(&meta->hits, 1);
	meta->last_hit = now;
	return 0;
}

#endif
