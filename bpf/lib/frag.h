/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments. The first one is judged like any packet and remembered; later ones follow it. One that
 * comes before its first passes if some port could be allowed for its addresses and protocol, in
 * its own direction or (an answer) the other: without an allowed first it is never put together.
 */
#ifndef MS_BPF_LIB_FRAG_H
#define MS_BPF_LIB_FRAG_H

#include "bpf/lib/ip6.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/l4.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/scene.h"

/* Receivers give up after 30 s (IPv4) or 60 s (IPv6). */
#define MS_FRAG_LIFE_US 60000000ull

static __always_inline void ms_frag_key_set(struct ms_frag_key *key, const struct ms_scene *scene,
					    const struct ms_pkt *pkt)
{
	for (int i = 0; i < 4; i++) {
		key->src[i] = pkt->src[i];
		key->dst[i] = pkt->dst[i];
	}
	key->id = pkt->frag_id;
	key->zone = scene->zone;
	key->vlan_outer = pkt->vlan_outer;
	key->vlan_inner = pkt->vlan_inner;
	key->proto = pkt->family == 4 ? pkt->proto : 0;
	key->dir_family = scene->dir << 4 | pkt->family;
}

/* Payload bytes up to the end of the header that ports and types are read from. */
static __always_inline __u16 ms_frag_header_end(const struct ms_pkt *pkt)
{
	return pkt->frag_skip + ms_l4_header_len(pkt->family, pkt->proto);
}

/* What became of a first fragment. */
__noinline int ms_frag_remember(struct ms_scene *scene, struct ms_pkt *pkt,
				struct ms_answer *answer)
{
	struct ms_frag_key key = {};
	struct ms_frag frag = {};

	if (!scene || !pkt || !answer)
		return 0;
	frag.epoch = scene->epoch;
	frag.seen = scene->now;
	frag.slot = answer->slot;
	frag.header_end = ms_frag_header_end(pkt);
	frag.verdict = answer->verdict;
	frag.flags = answer->flags & MS_DECISION_ACTIONS;
	ms_frag_key_set(&key, scene, pkt);
	bpf_map_update_elem(&ms_frags, &key, &frag, BPF_ANY);
	return 0;
}

/* A later fragment: 1 = `answer` is filled, 0 = its first is not known, ask ms_frag_ask(). */
__noinline int ms_frag_follow(struct ms_scene *scene, struct ms_pkt *pkt, struct ms_answer *answer)
{
	const struct ms_control *control = ms_scene_control();
	struct ms_frag_key key = {};
	const struct ms_frag *first;
	__u32 header_end;

	if (!scene || !pkt || !answer || !control)
		return 0;
	ms_frag_key_set(&key, scene, pkt);
	first = bpf_map_lookup_elem(&ms_frags, &key);
	if (first && (first->epoch != scene->epoch ||
		      (__u64)(scene->now - first->seen) * control->tick_us > MS_FRAG_LIFE_US))
		first = NULL;
	/* Behind extension headers nobody knows yet where the ports are. */
	if (first)
		header_end = first->header_end;
	else if (pkt->family == 6 && ms_ip6_is_extension(pkt->proto))
		header_end = MS_IP6_BYTES;
	else
		header_end = ms_l4_header_len(pkt->family, pkt->proto);
	if (pkt->frag_off < header_end) {
		ms_answer_deny(answer, MS_REASON_FRAGMENT_OVERLAP);
		return 1;
	}
	if (!first)
		return 0;
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->slot = first->slot;
	answer->verdict = first->verdict;
	answer->flags = first->flags;
	answer->reason = MS_REASON_FRAGMENT;
	answer->mode = MS_MODE_ENFORCE; /* the first one's verdict is tempered already */
	return 1;
}

/* The question about any port. */
static __always_inline void ms_frag_ask(struct ms_query *query, struct ms_scene *scene,
					struct ms_pkt *pkt)
{
	ms_judge_ask(query, scene, pkt);
	query->partial = 1;
	query->what_known = MS_WHAT_PROTO_MASK | MS_WHAT_DSCP_MASK;
	if (pkt->family == 6 && ms_ip6_is_extension(pkt->proto))
		query->what_known = MS_WHAT_DSCP_MASK;
}

#endif
