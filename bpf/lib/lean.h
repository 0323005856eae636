/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shortest way: a plain packet of a two-way session of which nothing is to be noted but that it
 * came. Whatever is not plain (options, extension headers, fragments, tags in the frame, ICMP, TCP
 * flags that change a state, one-way sessions, sessions that log) is the slow program's, which
 * knows all of it; this one only has to be sure that what it takes is plain. The offsets vary, so
 * it takes CAP_PERFMON to load; without it the entry programs go by fast.h.
 *
 * Endpoints are put in order by arithmetic, not by branches: which one is lower is a coin's throw
 * from flow to flow.
 */
#ifndef MS_BPF_LIB_LEAN_H
#define MS_BPF_LIB_LEAN_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/eth.h"
#include "bpf/lib/ip4.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/session.h"

/* What a session must not have for a packet of it to be plain, beside another TCP state than
 * established. */
#define MS_LEAN_UNUSUAL                                                                            \
	(MS_SESS_TCP_MASK | MS_SESS_RST_LO | MS_SESS_RST_HI | MS_SESS_ACTIONS | MS_SESS_LOG |      \
	 MS_SESS_AUDIT | MS_SESS_DENIED)

/* A packet as far as it is looked at here. */
struct ms_lean {
	const struct ms_control *control;
	__u32 epoch;
	__u32 zone;
	__u32 vlan_outer;
	__u32 flips; /* MS_KEY_LO_OUT where the lower endpoint's packets go as this one, else 0 */
	__u32 loopback;
};

/* Is this a plain transport header, with all of it inside the frame and `room`? */
static __always_inline int ms_lean_l4(const void *l4, const void *end, __u32 room, __u32 proto)
{
	if (proto == MS_PROTO_UDP)
		return l4 + sizeof(struct udphdr) <= end && room >= sizeof(struct udphdr);
	return proto == MS_PROTO_TCP && l4 + sizeof(struct tcphdr) <= end &&
	       room >= sizeof(struct tcphdr) &&
	       !(((const __u8 *)l4)[MS_L4_TCP_FLAGS] &
		 (MS_TCP_SYN_FLAG | MS_TCP_FIN_FLAG | MS_TCP_RST_FLAG));
}

/* All ones if `a` > `b`; both below 2^63. */
static __always_inline __u64 ms_lean_above(__u64 a, __u64 b)
{
	__s64 sign = (__s64)(b - a) >> 63;

	/* Keeps the compiler from making a branch of it again. */
	asm volatile("" : "+r"(sign));
	return sign;
}

/* Flags of a key, of a packet that the endpoint `index` sent (ms_flow_set). */
static __always_inline __u32 ms_lean_key_flags(const struct ms_lean *lean, __u32 index)
{
	return lean->loopback ? 0 : (index ^ lean->flips) << 1;
}
_Static_assert(MS_KEY_LO_OUT == 1 << 1, "as shifted above");

/* `tail` is zone, protocol and flags as they lie in a struct ms_key4. */
static __always_inline struct ms_session *ms_lean_find4(const struct ms_lean *lean, __u32 lo,
							__u32 hi, __u32 ports, __u32 tail)
{
#ifdef MS_SET_TABLE
	__u64 key[MS_LINE4_WORDS] = { lo | (__u64)hi << 32, ports | (__u64)tail << 32 };

	if (lean->vlan_outer) {
		__u64 wide[MS_LINE6_WORDS] = {
			key[0], key[1], lean->vlan_outer, 0, 0, (__u64)MS_KEY_WIDE4 << 32,
		};

		return ms_lines_find_wide(wide);
	}
	return ms_lines_find(lean->control, key, 0);
#else
	__u32 key[5] = { lo, hi, ports, tail, lean->vlan_outer };

	_Static_assert(sizeof(key) == sizeof(struct ms_key4), "the same memory");
	return bpf_map_lookup_elem(&ms_sess4, &key);
#endif
}

static __always_inline struct ms_session *ms_lean_find6(const __u32 *key)
{
#ifdef MS_SET_TABLE
	return ms_lines_find_wide((const __u64 *)key);
#else
	return bpf_map_lookup_elem(&ms_sess6, key);
#endif
}

/* Counts the packet of a session that is in force. 1 = done. */
static __always_inline int ms_lean_take(struct __sk_buff *skb, struct ms_session *session,
					const struct ms_lean *lean, __u32 proto, __u32 index,
					__u32 key_flags)
{
	__u32 usual = 0, now, zero = 0, word;
	struct ms_stats *stats;
	__u64 packets, bytes;

	if (!session || MS_READ_ONCE(session->epoch) != lean->epoch)
		return 0;
	if (proto == MS_PROTO_TCP)
		usual = MS_TCP_ESTABLISHED << MS_SESS_TCP_SHIFT;
	word = MS_READ_ONCE(session->word);
	if ((word & MS_LEAN_UNUSUAL) != usual)
		return 0;
	now = ms_clock_tick();
	/* Of this tick: cannot be expired. */
	if (MS_READ_ONCE(session->last_seen) != now) {
		__u32 limit = lean->control->timeouts[ms_session_timeout(proto, word)];

		if ((__s32)(now - MS_READ_ONCE(session->last_seen)) > (__s32)limit)
			return 0;
		MS_WRITE_ONCE(session->last_seen, now);
	}
	stats = bpf_map_lookup_elem(&ms_stats, &zero);
	if (!stats)
		return 0;
	packets = ms_scene_packets(skb);
	bytes = ms_scene_bytes(skb);
	__sync_fetch_and_add(&session->packets[index], packets);
	__sync_fetch_and_add(&session->bytes[index], bytes);
	stats->packets[MS_REASON_SESSION][MS_VERDICT_ALLOW] += packets;
	stats->bytes[MS_REASON_SESSION][MS_VERDICT_ALLOW] += bytes;
	if (MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD)
		ms_session_fold(session, lean->zone, key_flags, MS_READ_ONCE(session->word));
	return 1;
}

static __always_inline int ms_lean_ip4(struct __sk_buff *skb, const void *at, __u32 present,
				       const struct ms_lean *lean)
{
	const void *end = (const void *)(long)skb->data_end, *l4 = at + sizeof(struct iphdr);
	__u32 total, ports, src, dst, proto, index, flags;
	const struct iphdr *ip = at;
	struct ms_session *session;
	__u64 swap;

	if (l4 > end || *(const __u8 *)at != 0x45 ||
	    (ip->frag_off & bpf_htons(MS_IP4_MORE | MS_IP4_OFFSET)))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	proto = ip->protocol;
	if (total > present || total < sizeof(*ip) ||
	    !ms_lean_l4(l4, end, total - sizeof(*ip), proto))
		return 0;
	src = ip->saddr;
	dst = ip->daddr;
	ports = *(const __u32 *)l4;
	swap = ms_lean_above((__u64)src << 16 | (ports & 0xffff), (__u64)dst << 16 | ports >> 16);
	index = swap & 1;
	swap &= src ^ dst;
	ports = ports >> (index * 16) | ports << (-(index * 16) & 31);
	flags = ms_lean_key_flags(lean, index);
	session = ms_lean_find4(lean, (__u32)(src ^ swap), (__u32)(dst ^ swap), ports,
				lean->zone | proto << 16 | flags << 24);
	return ms_lean_take(skb, session, lean, proto, index, flags);
}

static __always_inline int ms_lean_ip6(struct __sk_buff *skb, const void *at, __u32 present,
				       const struct ms_lean *lean)
{
	const void *end = (const void *)(long)skb->data_end, *l4 = at + sizeof(struct ipv6hdr);
	__u32 payload, ports, proto, index, flags;
	const struct ipv6hdr *ip = at;
	const __be32 *src, *dst;
	/* A struct ms_key6 with its mark (flow_key.h). */
	__u32 key[2 * MS_LINE6_WORDS] __attribute__((aligned(8)));
	__u64 a, b, swap;

	if (l4 > end || ip->version != 6)
		return 0;
	payload = bpf_ntohs(ip->payload_len);
	proto = ip->nexthdr;
	if (payload + sizeof(*ip) > present || !ms_lean_l4(l4, end, payload, proto))
		return 0;
	src = ip->saddr.in6_u.u6_addr32;
	dst = ip->daddr.in6_u.u6_addr32;
	ports = *(const __u32 *)l4;
	/* The first word that differs decides, or the port. */
	a = (__u64)src[3] << 16 | (ports & 0xffff);
	b = (__u64)dst[3] << 16 | ports >> 16;
	MS_UNROLL
	for (int i = 2; i >= 0; i--) {
		if (src[i] != dst[i]) {
			a = src[i];
			b = dst[i];
		}
	}
	swap = ms_lean_above(a, b);
	index = swap & 1;
	for (int i = 0; i < 4; i++) {
		__u32 differ = (src[i] ^ dst[i]) & swap;

		key[i] = src[i] ^ differ;
		key[4 + i] = dst[i] ^ differ;
	}
	flags = ms_lean_key_flags(lean, index);
	key[8] = ports >> (index * 16) | ports << (-(index * 16) & 31);
	key[9] = lean->zone | proto << 16 | flags << 24;
	key[10] = lean->vlan_outer;
	key[11] = MS_KEY_WIDE6;
	return ms_lean_take(skb, ms_lean_find6(key), lean, proto, index, flags);
}

/* 1 = the packet is allowed and counted. */
static __always_inline int ms_lean_hit(struct __sk_buff *skb, const struct ms_control *control,
				       union ms_control_word word, const struct ms_iface *iface,
				       const int egress)
{
	const void *at = (const void *)(long)skb->data;
	struct ms_lean lean = { .control = control, .epoch = word.epoch, .zone = iface->zone };
	__u32 half = word.half & 1, present = skb->len;
	__u16 ethertype;

	if (iface->group[half] == 0)
		return 0;
	/* As ms_scene_set() has it. */
	lean.flips = (iface->side >> half & 1) ^ egress;
	lean.loopback = iface->flags & MS_IFACE_LOOPBACK;
	if (iface->flags & MS_IFACE_L3) {
		ethertype = skb->protocol;
	} else {
		const struct ethhdr *eth = at;

		if (at + sizeof(*eth) > (const void *)(long)skb->data_end)
			return 0;
		ethertype = eth->h_proto;
		at += sizeof(*eth);
		present -= sizeof(*eth);
		if (skb->vlan_present)
			lean.vlan_outer = skb->vlan_tci & MS_VID_MASK;
	}
	if (ethertype == bpf_htons(ETH_P_IP))
		return ms_lean_ip4(skb, at, present, &lean);
	if (ethertype == bpf_htons(ETH_P_IPV6))
		return ms_lean_ip6(skb, at, present, &lean);
	return 0;
}

#endif
