/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors: is the packet they quote one of a session's? */
#ifndef MS_BPF_LIB_RELATED_H
#define MS_BPF_LIB_RELATED_H

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/lib/ip4.h"
#include "bpf/lib/ip6.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/l4.h"
#include "bpf/lib/session.h"

enum ms_related {
	MS_RELATED_NOT,
	MS_RELATED_LIVE,  /* a session in force */
	MS_RELATED_STALE, /* a session to be judged again: `query` asks for it */
};

#define MS_RELATED_QUOTE 8 /* bytes of ICMP header before the quoted packet */

/* Reads the quoted packet, of which only eight bytes past its IP header are promised. */
static __always_inline int ms_related_read4(struct __sk_buff *skb, __u32 off, struct ms_pkt *inner)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    (bpf_ntohs(ip.frag_off) & MS_IP4_OFFSET))
		return -1;
	inner->family = 4;
	inner->src[0] = ip.saddr;
	inner->dst[0] = ip.daddr;
	inner->proto = ip.protocol;
	inner->dscp = ip.tos >> 2;
	inner->l4_off = off + ip.ihl * 4;
	return 0;
}

static __always_inline int ms_related_read6(struct __sk_buff *skb, __u32 off, struct ms_pkt *inner)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.version != 6)
		return -1;
	inner->family = 6;
	for (int i = 0; i < 4; i++) {
		inner->src[i] = ip.saddr.in6_u.u6_addr32[i];
		inner->dst[i] = ip.daddr.in6_u.u6_addr32[i];
	}
	inner->proto = ip.nexthdr;
	inner->dscp = ms_ip6_dscp(&ip);
	inner->l4_off = off + sizeof(ip);
	return 0;
}

/* Fills `inner`, which comes zeroed, from the IP header that the error `pkt` quotes. 0 or -1. */
__noinline int ms_related_ip(struct __sk_buff *skb, struct ms_pkt *pkt, struct ms_pkt *inner)
{
	__u32 off;
	int r;

	if (!pkt || !inner)
		return -1;
	off = pkt->l4_off + MS_RELATED_QUOTE;
	inner->l4_end = pkt->l4_end;
	inner->vlan_outer = pkt->vlan_outer;
	inner->vlan_inner = pkt->vlan_inner;
	if (pkt->family == 4)
		r = ms_related_read4(skb, off, inner);
	else
		r = ms_related_read6(skb, off, inner);
	if (r)
		return -1;
	for (int i = 0; i < 4; i++)
		if (pkt->dst[i] != inner->src[i])
			return -1;
	return 0;
}

/* Its ports, or ICMP type and identifier. 0 or -1. */
__noinline int ms_related_l4(struct __sk_buff *skb, struct ms_pkt *inner)
{
	struct ms_l4_head head;

	if (!inner || inner->fragment == MS_FRAGMENT_LATER)
		return -1;
	if (!ms_l4_header_len(inner->family, inner->proto))
		return 0;
	if (inner->l4_off + sizeof(head) > inner->l4_end ||
	    bpf_skb_load_bytes(skb, inner->l4_off, &head, sizeof(head)))
		return -1;
	ms_l4_take(inner, &head);
	return 0;
}

/*
 * The quoted packet went the other way, from whom the error is sent to. `flow` is scratch of the
 * caller's (the stack is short), `query` is written for MS_RELATED_STALE only.
 */
static __noinline int ms_related(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
				 struct ms_flow *flow, struct ms_query *query)
{
	struct ms_session *session;
	struct ms_pkt inner = {};
	__u32 epoch;
	__u8 dir;

	if (ms_related_ip(skb, pkt, &inner))
		return MS_RELATED_NOT;
	if (inner.family == 6 && ms_ip6_is_extension(inner.proto) &&
	    ms_ip6_walk(skb, &inner) != MS_PARSED_IP)
		return MS_RELATED_NOT;
	if (ms_related_l4(skb, &inner))
		return MS_RELATED_NOT;
	dir = scene->dir;
	if (!(scene->iface_flags & MS_IFACE_LOOPBACK))
		dir ^= 1;
	ms_flow_place(flow, scene, &inner, dir);
	session = ms_session_find(flow);
	if (!session || MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD)
		session = ms_half_find(flow);
	if (!session || ms_session_expired(session, inner.proto, scene->now))
		return MS_RELATED_NOT;
	epoch = MS_READ_ONCE(session->epoch);
	if (epoch == MS_EPOCH_DEAD)
		return MS_RELATED_NOT;
	if (epoch == scene->epoch)
		return MS_READ_ONCE(session->word) & MS_SESS_DENIED ? MS_RELATED_NOT
								    : MS_RELATED_LIVE;
	ms_judge_ask(query, scene, &inner);
	if (dir != scene->dir) {
		query->dir = dir;
		query->dirs = 1 << dir;
	}
	if (!ms_session_from_origin(flow, MS_READ_ONCE(session->word)))
		ms_judge_reverse(query);
	return MS_RELATED_STALE;
}

#endif
