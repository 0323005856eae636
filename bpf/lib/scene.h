/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds for one packet besides the packet: control word, clock, and the facts of the
 * interface, each read once and carried, so that no packet sees two states of anything.
 */
#ifndef MS_BPF_LIB_SCENE_H
#define MS_BPF_LIB_SCENE_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/access.h"
#include "bpf/lib/clock.h"
#include "bpf/lib/maps.h"

struct ms_scene {
	__u32 epoch;
	__u32 now;
	__u32 ifindex;
	__u32 grace_until;
	__u32 packets, bytes; /* that this frame stands for */
	__u32 begun;          /* its flow's cell of ms_begun (denied.h) */
	__u16 zone;
	__u16 group; /* 0 = none */
	__u8 half, bank;
	__u8 panic;
	__u8 side;
	__u8 iface_flags;
	__u8 dir;  /* enum ms_dir */
	__u8 dirs; /* bit per direction whose rules apply: both on loopback */
	__u8 pad;
};

static __always_inline struct ms_control *ms_scene_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ms_control, &zero);
}

static __always_inline struct ms_iface *ms_scene_iface(__u32 ifindex)
{
	struct ms_iface *iface = bpf_map_lookup_elem(&ms_ifaces, &ifindex);

	if (!iface)
		iface = bpf_map_lookup_elem(&ms_ifaces_far, &ifindex);
	if (!iface || iface->ifindex != ifindex)
		return NULL;
	return iface;
}

/*
 * Reads the facts. `word` is the control word to go by. An interface without a line gets group 0.
 * Workload links are looked at from the host's end: what enters there leaves the workload.
 */
static __always_inline void ms_scene_set(struct ms_scene *scene, union ms_control_word word,
					 __u32 ifindex, int egress)
{
	const struct ms_iface *iface = ms_scene_iface(ifindex);

	scene->epoch = word.epoch;
	scene->half = word.half & MS_HALF_MASK;
	scene->bank = !!(word.half & MS_HALF_BANK);
	scene->panic = word.panic;
	scene->now = ms_clock_tick();
	scene->ifindex = ifindex;
	if (iface) {
		scene->grace_until = iface->grace_until;
		scene->zone = iface->zone;
		scene->group = MS_CHOOSE(scene->half, iface->group[1], iface->group[0]);
		scene->side = iface->side >> scene->half & 1;
		scene->iface_flags = iface->flags;
	}
	scene->dir = egress == (scene->side == MS_SIDE_WORKLOAD) ? MS_DIR_IN : MS_DIR_OUT;
	scene->dirs = 1 << scene->dir;
	if (scene->iface_flags & MS_IFACE_LOOPBACK) {
		scene->dir = MS_DIR_IN;
		scene->dirs = 1 << MS_DIR_IN | 1 << MS_DIR_OUT;
	}
}

/* An offloaded frame is as many packets as it will be segments. */
static __always_inline __u32 ms_scene_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs ?: 1;
}

/* Bytes are those of the device's own counters: wire_len has the headers of all segments, but on
 * the way in no link layer header. */
static __always_inline __u32 ms_scene_bytes(const struct __sk_buff *skb)
{
	__u32 wire_len = skb->wire_len, len = skb->len;

	return wire_len > len ? wire_len : len;
}

static __always_inline void ms_scene_measure(struct ms_scene *scene, const struct __sk_buff *skb)
{
	scene->packets = ms_scene_packets(skb);
	scene->bytes = ms_scene_bytes(skb);
}

static __always_inline const struct ms_group *ms_scene_group_of(__u32 half, __u32 group)
{
	__u32 index = half * MS_GROUPS_MAX + (group & (MS_GROUPS_MAX - 1));

	return bpf_map_lookup_elem(&ms_groups, &index);
}

static __always_inline const struct ms_group *ms_scene_group(const struct ms_scene *scene)
{
	return ms_scene_group_of(scene->half, scene->group);
}

static __always_inline const struct ms_policy_head *ms_scene_policy(const struct ms_scene *scene)
{
	__u32 index = scene->half * MS_BANKS + scene->bank;

	return bpf_map_lookup_elem(&ms_policy, &index);
}

#endif
