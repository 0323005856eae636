/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to user space, limited per slot: one per `log.every`, or MS_EVENTS_PER_SECOND. What is
 * held back is counted and told with the next event; what the full ring refuses is a gap in `seq`.
 */
#ifndef MS_BPF_LIB_EVENT_H
#define MS_BPF_LIB_EVENT_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/judge.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/stats.h"

/* Has the window that began at `window` ended? They are numbered from 1, so that an untouched line
 * has none. */
static __always_inline int ms_event_is_new_window(__u32 window, __u32 every_ms, __u32 now,
						  __u32 tick_us)
{
	__u64 length_us = every_ms ? (__u64)every_ms * 1000 : 1000000;

	return window == 0 || (__u64)(now + 1 - window) * tick_us >= length_us;
}

/* Events in a window. */
static __always_inline __u32 ms_event_limit(__u32 every_ms)
{
	return every_ms ? 1 : MS_EVENTS_PER_SECOND;
}

/* Would this slot not be heard now? Changes nothing. */
static __always_inline int ms_event_is_mute(const struct ms_slot_log *log, __u32 now, __u32 tick_us)
{
	__u32 every_ms = MS_READ_ONCE(log->every_ms);

	return MS_READ_ONCE(log->sent) >= ms_event_limit(every_ms) &&
	       !ms_event_is_new_window(MS_READ_ONCE(log->window), every_ms, now, tick_us);
}

/* Takes what was denied again since an event told of that. Read in this order what was told of is
 * never ahead; of two CPUs one gets it. */
static __always_inline __u32 ms_event_take_again(struct ms_slot_log *log)
{
	__u32 told = MS_READ_ONCE(log->told), again = MS_READ_ONCE(log->again);

	if (__sync_val_compare_and_swap(&log->told, told, again) != told)
		return 0;
	return again - told;
}

/* May this slot speak now? `*ret_held` = how many it held back since it last did. */
static __always_inline int ms_event_admit(struct ms_slot_log *log, __u32 now, __u32 tick_us,
					  __u32 *ret_held)
{
	__u32 every_ms = log->every_ms;
	__u32 window = MS_READ_ONCE(log->window);

	if (ms_event_is_new_window(window, every_ms, now, tick_us)) {
		if (__sync_val_compare_and_swap(&log->window, window, (now + 1) ?: 1) == window)
			MS_WRITE_ONCE(log->sent, 0);
	}
	if (__sync_fetch_and_add(&log->sent, 1) < ms_event_limit(every_ms)) {
		*ret_held = __sync_lock_test_and_set(&log->suppressed, 0);
		*ret_held += ms_event_take_again(log);
		return 1;
	}
	__sync_fetch_and_add(&log->suppressed, 1);
	return 0;
}

static __always_inline void ms_event_fill(struct ms_event *event, const struct ms_pkt *pkt,
					  const struct ms_scene *scene,
					  const struct ms_answer *answer)
{
	const struct ms_policy_head *policy = ms_scene_policy(scene);
	__be32 *src = (__be32 *)event->src, *dst = (__be32 *)event->dst;

	event->time_ns = bpf_ktime_get_ns();
	event->cpu = bpf_get_smp_processor_id();
	event->ifindex = scene->ifindex;
	event->generation = policy ? policy->generation : 0;
	event->slot = answer->slot;
	event->length = scene->bytes;
	event->verdict = answer->verdict;
	event->reason = answer->reason;
	event->dir = scene->dir;
	event->family = pkt->family;
	event->proto = pkt->proto;
	event->tcp_flags = pkt->tcp_flags;
	event->icmp_type = pkt->icmp_type;
	event->icmp_code = pkt->icmp_code;
	event->sport = pkt->sport;
	event->dport = pkt->dport;
	event->vlan_outer = pkt->vlan_outer;
	event->vlan_inner = pkt->vlan_inner;
	event->ethertype = pkt->ethertype;
	event->flags = answer->verdict == MS_VERDICT_ALLOW ? MS_EVENT_LOG : 0;
	for (int i = 0; i < 4; i++) {
		src[i] = pkt->src[i];
		dst[i] = pkt->dst[i];
	}
	event->dscp = pkt->dscp;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
}

/* A function of its own, global: cold, and the same for every way a packet may end. */
__noinline int ms_event_send(struct ms_pkt *pkt, struct ms_scene *scene, struct ms_answer *answer)
{
	struct ms_control *control = ms_scene_control();
	struct ms_slot_log *log;
	struct ms_stats *stats;
	struct ms_event *event;
	__u32 zero = 0, held = 0, slot;
	__u64 seq;

	if (!pkt || !scene || !answer || !control)
		return 0;
	slot = answer->slot;
	log = bpf_map_lookup_elem(&ms_slotlog, &slot);
	stats = bpf_map_lookup_elem(&ms_stats, &zero);
	if (!log || !stats)
		return 0;
	if (!ms_event_admit(log, scene->now, control->tick_us, &held)) {
		ms_stats_note_here(MS_STAT_SUPPRESSED);
		return 0;
	}
	/* Each attempt ends in exactly one of the two counters, so their sum numbers them. */
	seq = stats->other[MS_STAT_LOGGED] + stats->other[MS_STAT_EVENTS_LOST];
	event = bpf_ringbuf_reserve(&ms_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&log->suppressed, held + 1);
		ms_stats_note_here(MS_STAT_EVENTS_LOST);
		return 0;
	}
	event->seq = seq;
	event->suppressed = held;
	ms_event_fill(event, pkt, scene, answer);
	bpf_ringbuf_submit(event, 0);
	ms_stats_note_here(MS_STAT_LOGGED);
	return 0;
}

/* A rule's own limit travels with its slot, where the cached path finds it. */
__noinline int ms_event_set_limit(__u32 slot, __u32 every_ms)
{
	struct ms_slot_log *log = bpf_map_lookup_elem(&ms_slotlog, &slot);

	if (log && MS_READ_ONCE(log->every_ms) != every_ms)
		MS_WRITE_ONCE(log->every_ms, every_ms);
	return 0;
}

#endif
