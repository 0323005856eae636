/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an action sends back in the place of a packet that its rule denies: a reset or an ICMP
 * error, redirected to where the packet came from, where it is met again in the other direction. It
 * is nobody's session, and the rules there speak of what others send, so it passes by a note of it
 * (docs/adr/0209): which interface, which direction, tags, and the packet itself, every byte from
 * its IP header on. A note is good for one packet, and not for long. Without one the packet is
 * judged as any.
 */
#ifndef MS_BPF_LIB_RETURNED_H
#define MS_BPF_LIB_RETURNED_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/denied.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/l4.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/session.h"

/* At least as long, in whole ticks, one of which may be all but over when it is made: longer than
 * any is on its way through this machine. */
#define MS_RETURNED_LIFE_US 100000
#define MS_RETURNED_MIN 28 /* IPv4, and eight bytes */

/* `pkt` says where the IP header begins, and the tags. 0, or -1: it is too long, or too short. */
static __always_inline int ms_returned_read(struct __sk_buff *skb, const struct ms_scene *scene,
					    const struct ms_pkt *pkt, struct ms_returned_key *key)
{
	__u32 size = skb->len - pkt->l3_off;

	/* Compared as it is used: kernel 6.1 knows no bounds of what it was computed from. */
	asm volatile("" : "+r"(size));
	if (size > MS_RETURNED_MAX)
		return -1;
	asm volatile("" : "+r"(size));
	if (size < MS_RETURNED_MIN || bpf_skb_load_bytes(skb, pkt->l3_off, key->bytes, size))
		return -1;
	key->ifindex = scene->ifindex;
	key->vlan_outer = pkt->vlan_outer;
	key->vlan_inner = pkt->vlan_inner;
	key->length = size;
	key->dir = scene->dir;
	key->family = pkt->family;
	return 0;
}

/* Does it go from where the packet `pkt` went, to where that came from? */
static __always_inline int ms_returned_is_turned(const struct ms_returned_key *key,
						 const struct ms_pkt *pkt)
{
	const __be32 *ip6 = (const __be32 *)(key->bytes + 8);
	const __be32 *ip4 = (const __be32 *)(key->bytes + 12);

	if (key->family == 4)
		return ip4[0] == pkt->dst[0] && ip4[1] == pkt->src[0];
	for (int i = 0; i < 4; i++)
		if (ip6[i] != pkt->dst[i] || ip6[4 + i] != pkt->src[i])
			return 0;
	return 1;
}

/* Its flow may have been denied the other way a moment ago, and a reset is of its flow. */
__noinline int ms_returned_unmute(struct ms_scene *scene, struct ms_pkt *pkt)
{
	struct ms_flow flow = {};

	if (!scene || !pkt || pkt->proto != MS_PROTO_TCP)
		return 0;
	ms_flow_place(&flow, scene, pkt, scene->dir);
	return ms_denied_forget(&flow);
}

/* An action redirects what it has made of `pkt`, which was denied: `answer` is of that. */
__noinline int ms_returned_note(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
				struct ms_answer *answer)
{
	struct ms_returned_key key = {};
	struct ms_returned note = {};

	if (!scene || !pkt || !answer || ms_returned_read(skb, scene, pkt, &key) ||
	    !ms_returned_is_turned(&key, pkt))
		return 0;
	/* What leaves by loopback is met when it comes in, where both directions are one. */
	if (!(scene->iface_flags & MS_IFACE_LOOPBACK))
		key.dir ^= 1;
	note.made = scene->now;
	note.slot = answer->slot;
	note.flags = answer->flags & MS_DECISION_LOG;
	bpf_map_update_elem(&ms_returned, &key, &note, BPF_ANY);
	ms_returned_unmute(scene, pkt);
	return 0;
}

static __always_inline int ms_returned_may_be(const struct ms_pkt *pkt)
{
	return ms_pkt_is_rst(pkt) || ms_l4_is_icmp_error(pkt);
}

/* 1 = it is one that was noted, and `answer` lets it pass. Whoever takes the note out has it. */
__noinline int ms_returned_take(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
				struct ms_answer *answer)
{
	const struct ms_control *control = ms_scene_control();
	struct ms_returned_key key = {};
	const struct ms_returned *note;
	__u32 slot, flags, age;

	if (!scene || !pkt || !answer || !control || ms_returned_read(skb, scene, pkt, &key))
		return 0;
	note = bpf_map_lookup_elem(&ms_returned, &key);
	if (!note)
		return 0;
	age = scene->now - note->made;
	slot = note->slot;
	flags = note->flags;
	if (bpf_map_delete_elem(&ms_returned, &key) ||
	    age > 1 + MS_RETURNED_LIFE_US / (control->tick_us ?: MS_RETURNED_LIFE_US))
		return 0;
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->slot = slot;
	answer->mode = MS_MODE_INHERIT;
	answer->reason = MS_REASON_ACTION;
	answer->flags = flags;
	return 1;
}

#endif
