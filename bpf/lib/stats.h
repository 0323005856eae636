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

static __always_inline void ms_stats_packet(const struct ms_scene *scene, __u32 reason,
					    __u32 verdict)
{
	__u32 zero = 0;
	struct ms_stats *stats = bpf_map_lookup_elem(&ms_stats, &zero);

	if (!stats || reason >= MS_REASON__COUNT || verdict >= MS_VERDICT__COUNT)
		return;
	stats->packets[reason][verdict] += scene->packets;
	stats->bytes[reason][verdict] += scene->bytes;
}

/* Atomic, because ms_reap counts from process context, where a packet may come in between. */
static __always_inline void ms_stats_note(enum ms_stat stat)
{
	__u32 zero = 0;
	struct ms_stats *stats = bpf_map_lookup_elem(&ms_stats, &zero);

	if (stats)
		__sync_fetch_and_add(&stats->other[stat], 1);
}

/* Packets of a slot; taking back is adding the negative. Atomic for the same reason. */
static __always_inline void ms_stats_slot(__u32 slot, __u64 packets, __u64 bytes)
{
	struct ms_slot_count *count = bpf_map_lookup_elem(&ms_slotcnt, &slot);

	if (!count)
		return;
	__sync_fetch_and_add(&count->packets, packets);
	__sync_fetch_and_add(&count->bytes, bytes);
}

static __always_inline void ms_stats_zone(__u32 zone, __u64 dir, __u64 dropped, __u64 packets,
					  __u64 bytes)
{
	struct ms_zone_count *count = bpf_map_lookup_elem(&ms_zonecnt, &zone);

	if (!count || zone == 0)
		return;
	/* Bounds in a form that the compiler cannot fold away and kernel 6.1 follows. */
	asm volatile("%0 &= 1" : "+r"(dir));
	asm volatile("%0 &= 1" : "+r"(dropped));
	__sync_fetch_and_add(&count->packets[dir][dropped], packets);
	__sync_fetch_and_add(&count->bytes[dir][dropped], bytes);
}

/* A rule was the answer of a classification. */
static __always_inline void ms_stats_answer(__u32 slot, __u32 now)
{
	struct ms_slot_meta *meta = bpf_map_lookup_elem(&ms_slotmeta, &slot);

	if (!meta)
		return;
	__sync_fetch_and_add(&meta->hits, 1);
	meta->last_hit = now;
}

#endif
