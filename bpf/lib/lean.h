/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shortest way: a plain packet of a two-way session of which nothing is to be noted but that it
 * came, or one that was denied a moment ago (denied.h). If the session's rule has actions, they are
 * begun from here (chain.h). Whatever is not plain (options, extension headers, fragments, tags in
 * the frame, ICMP, TCP flags that change a state, one-way sessions, sessions that log) is the slow
 * program's, which knows all of it; this one only has to be sure that what it takes is plain. The
 * offsets vary, so it takes CAP_PERFMON to load; without it the entry programs go by fast.h.
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

#include "bpf/lib/chain.h"
#include "bpf/lib/denied.h"
#include "bpf/lib/eth.h"
#include "bpf/lib/ip4.h"
#include "bpf/lib/ip6.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/session.h"
#include "bpf/lib/stage.h"

/* What a session must not have for a packet of it to be plain, beside another TCP state than
 * established. */
#define MS_LEAN_UNUSUAL                                                                            \
	(MS_SESS_TCP_MASK | MS_SESS_RST_LO | MS_SESS_RST_HI | MS_SESS_LOG | MS_SESS_AUDIT |        \
	 MS_SESS_DENIED)

enum ms_lean_result {
	MS_LEAN_NOT, /* not for us to say */
	MS_LEAN_ALLOWED,
	MS_LEAN_DENIED,
	MS_LEAN_ABSENT, /* there is no session; what is asked of the denied is complete */
	MS_LEAN_ACTS, /* and more: the slot of the first action of a list, which cb[] is set for */
};

/* A packet as far as it is looked at here. */
struct ms_lean {
	struct __sk_buff *skb;
	const struct ms_control *control;
	const struct ms_denied_ask *ask;
	struct ms_iface *iface;
	__u32 epoch;
	__u32 zone;
	__u32 half;
	__u32 bank; /* MS_CHAIN_BANK or 0 */
	__u32 vlan_outer;
	__u32 flips; /* MS_KEY_LO_OUT where the lower endpoint's packets go as this one, else 0 */
	__u32 loopback;
	__u32 egress; /* the hook */
	__u32 is_ip6;
};

#define MS_LEAN_NO_PORTS (-1)

/* TCP's flags, 0 of UDP; MS_LEAN_NO_PORTS of what is neither, or not wholly inside frame and
 * `room`.
 */
static __always_inline int ms_lean_l4(const void *l4, const void *end, __u32 room, __u32 proto)
{
	if (proto == MS_PROTO_UDP)
		return l4 + sizeof(struct udphdr) <= end && room >= sizeof(struct udphdr)
			       ? 0
			       : MS_LEAN_NO_PORTS;
	if (proto != MS_PROTO_TCP || l4 + sizeof(struct tcphdr) > end ||
	    room < sizeof(struct tcphdr))
		return MS_LEAN_NO_PORTS;
	return ((const __u8 *)l4)[MS_L4_TCP_FLAGS];
}

/* Do these flags leave a TCP state as it is? */
static __always_inline int ms_lean_is_plain(int flags)
{
	return !(flags & (MS_TCP_SYN_FLAG | MS_TCP_FIN_FLAG | MS_TCP_RST_FLAG));
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

/* Of the key that `ask` has: two words of it, all if there is a tag. */
static __always_inline struct ms_session *ms_lean_find4(const struct ms_lean *lean,
							const struct ms_denied_ask *ask)
{
#ifdef MS_SET_TABLE
	if (lean->vlan_outer)
		return ms_lines_find_wide(ask->key);
	return ms_lines_find(lean->control, ask->key, 0);
#else
	__u32 key[5] = { ask->key[0], ask->key[0] >> 32, ask->key[1], ask->key[1] >> 32,
			 lean->vlan_outer };

	_Static_assert(sizeof(key) == sizeof(struct ms_key4), "the same memory");
	return bpf_map_lookup_elem(&ms_sess4, &key);
#endif
}

/* The set of an IPv4 key, as ms_lines_find() works it out; only for MS_STAGE_HASH. */
static __always_inline __u32 ms_lean_set4(const struct ms_lean *lean,
					  const struct ms_denied_ask *ask)
{
	const struct ms_control *control = lean->control;

	return ms_lines_index(ms_lines_place(ask->key, 0, control->session_seed).first,
			      control->session_sets);
}

static __always_inline struct ms_session *ms_lean_find6(const struct ms_lean *lean,
							const __u64 *key)
{
#ifdef MS_SET_TABLE
	return ms_lines_find(lean->control, key, 1);
#else
	return bpf_map_lookup_elem(&ms_sess6, key);
#endif
}

/* The list of a session's rule, if there is one: MS_LEAN_ACTS and more. Behind the counting, so
 * that the two locked additions wait for none of it. */
static __always_inline int ms_lean_begin(const struct ms_lean *lean, __u32 word, __u32 proto,
					 __u32 dir, __u32 bytes)
{
	__u32 what = lean->ask->what;
	__u32 l3_off = lean->iface->flags & MS_IFACE_L3 ? 0 : sizeof(struct ethhdr);
	__u32 l4_off = l3_off + (lean->is_ip6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	const struct ms_chain chain = {
		.rule = (word & MS_SESS_SLOT_MASK) | MS_CHAIN_SESSION | MS_CHAIN_COUNTED |
			(lean->is_ip6 ? MS_CHAIN_IP6 : 0) | (lean->egress ? MS_CHAIN_EGRESS : 0) |
			(what & 1u << MS_DENIED_DIR_SHIFT ? MS_CHAIN_OUT : 0),
		.list = MS_REASON_SESSION << MS_CHAIN_REASON_SHIFT | MS_CHAIN_SETTLED | lean->bank,
		.offsets = l3_off | l4_off << 16,
		.rest = proto | (dir == MS_DIR_OUT ? MS_CHAIN_COUNTED_OUT : 0) |
			bytes << MS_CHAIN_BYTES_SHIFT,
	};
	int first = ms_chain_put(lean->skb, &chain, lean->half, what >> MS_DENIED_GROUP_SHIFT, 0);

	return first < 0 ? MS_LEAN_ALLOWED : MS_LEAN_ACTS + first;
}

/* Counts the packet of a session that is in force. */
static __always_inline int ms_lean_take(struct ms_session *session, const struct ms_lean *lean,
					__u32 proto, __u32 index, __u32 key_flags)
{
	__u32 usual = 0, now, zero = 0, word;
	struct __sk_buff *skb = lean->skb;
	struct ms_stats *stats;
	__u64 packets, bytes;

	MS_STAGE_END(MS_STAGE_SESSION, session, MS_LEAN_ALLOWED);
	if (MS_READ_ONCE(session->epoch) != lean->epoch)
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
	packets = ms_scene_packets(skb);
	bytes = ms_scene_bytes(skb);
	MS_STAGE_END(MS_STAGE_FRESH, packets + bytes + index, MS_LEAN_ALLOWED);
	if (MS_STAGE_HAS(MS_STAGE_PACKETS))
		__sync_fetch_and_add(&session->packets[index], packets);
	if (MS_STAGE_HAS(MS_STAGE_BYTES))
		__sync_fetch_and_add(&session->bytes[index], bytes);
	MS_STAGE_END(MS_STAGE_COUNTED, packets + bytes, MS_LEAN_ALLOWED);
	if (MS_READ_ONCE(session->epoch) == MS_EPOCH_DEAD)
		ms_session_fold(session, lean->zone, key_flags, MS_READ_ONCE(session->word));
	stats = MS_STAGE_HAS(MS_STAGE_STATS) ? bpf_map_lookup_elem(&ms_stats, &zero) : NULL;
	if (stats) {
		stats->packets[MS_REASON_SESSION][MS_VERDICT_ALLOW] += packets;
		stats->bytes[MS_REASON_SESSION][MS_VERDICT_ALLOW] += bytes;
	}
	if (word & MS_SESS_ACTIONS)
		return ms_lean_begin(lean, word, proto, ms_session_dir(key_flags, index), bytes);
	return MS_LEAN_ALLOWED;
}

/* As ms_pkt_is_syn(). */
static __always_inline int ms_lean_is_syn(int flags)
{
	return (flags & (MS_TCP_SYN_FLAG | MS_TCP_ACK_FLAG | MS_TCP_RST_FLAG)) == MS_TCP_SYN_FLAG;
}

static __always_inline int ms_lean_ip4(struct __sk_buff *skb, const void *at, __u32 present,
				       struct ms_lean *lean, struct ms_denied_ask *ask)
{
	const void *end = (const void *)(long)skb->data_end, *l4 = at + sizeof(struct iphdr);
	__u32 total, ports, src, dst, proto, index, flags, tail;
	const struct iphdr *ip = at;
	struct ms_session *session;
	int tcp_flags;
	__u64 swap;

	if (l4 > end || *(const __u8 *)at != 0x45 ||
	    (ip->frag_off & bpf_htons(MS_IP4_MORE | MS_IP4_OFFSET)))
		return MS_LEAN_NOT;
	total = bpf_ntohs(ip->tot_len);
	proto = ip->protocol;
	if (total > present || total < sizeof(*ip))
		return MS_LEAN_NOT;
	tcp_flags = ms_lean_l4(l4, end, total - sizeof(*ip), proto);
	if (tcp_flags == MS_LEAN_NO_PORTS)
		return MS_LEAN_NOT;
	ask->what |= MS_DENIED_DSCP(ip->tos >> 2);
	MS_STAGE_END(MS_STAGE_HEADERS, ask, MS_LEAN_ALLOWED);
	src = ip->saddr;
	dst = ip->daddr;
	ports = *(const __u32 *)l4;
	swap = ms_lean_above((__u64)src << 16 | (ports & 0xffff), (__u64)dst << 16 | ports >> 16);
	index = swap & 1;
	swap &= src ^ dst;
	ports = ports >> (index * 16) | ports << (-(index * 16) & 31);
	flags = ms_lean_key_flags(lean, index);
	tail = lean->zone | proto << 16 | flags << 24;
	src ^= swap;
	dst ^= swap;
	ask->what |= MS_DENIED_FROM_HI(index);
	ask->key[0] = src | (__u64)dst << 32;
	ask->key[1] = ports | (__u64)tail << 32;
	if (lean->vlan_outer) {
		ask->what |= MS_DENIED_MARK(MS_KEY_WIDE4);
		ask->key[2] = lean->vlan_outer;
		ask->key[3] = ask->key[4] = 0;
		ask->key[5] = (__u64)MS_KEY_WIDE4 << 32;
	}
	lean->is_ip6 = 0;
	MS_STAGE_END(MS_STAGE_KEY, ask, MS_LEAN_ALLOWED);
	MS_STAGE_END(MS_STAGE_HASH, ms_lean_set4(lean, ask), MS_LEAN_ALLOWED);
	if (ms_lean_is_plain(tcp_flags)) {
		session = ms_lean_find4(lean, ask);
		if (session)
			return ms_lean_take(session, lean, proto, index, flags);
	} else if (ms_lean_is_syn(tcp_flags)) {
		ask->what |= MS_DENIED_SYN;
	}
	for (int i = MS_LINE4_WORDS; i < MS_LINE6_WORDS && !lean->vlan_outer; i++)
		ask->key[i] = 0;
	return MS_LEAN_ABSENT;
}

static __always_inline int ms_lean_ip6(struct __sk_buff *skb, const void *at, __u32 present,
				       struct ms_lean *lean, struct ms_denied_ask *ask)
{
	const void *end = (const void *)(long)skb->data_end, *l4 = at + sizeof(struct ipv6hdr);
	__u32 payload, ports, proto, index, flags, tail;
	struct ms_session *session;
	const struct ipv6hdr *ip = at;
	const __be32 *src, *dst;
	__u64 a, b, swap;
	int tcp_flags;

	if (l4 > end || ip->version != 6)
		return MS_LEAN_NOT;
	payload = bpf_ntohs(ip->payload_len);
	proto = ip->nexthdr;
	if (payload + sizeof(*ip) > present)
		return MS_LEAN_NOT;
	tcp_flags = ms_lean_l4(l4, end, payload, proto);
	if (tcp_flags == MS_LEAN_NO_PORTS)
		return MS_LEAN_NOT;
	ask->what |= MS_DENIED_DSCP(ms_ip6_dscp(ip)) | MS_DENIED_MARK(MS_KEY_WIDE6);
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
	/* Written in the words that it is read in: a processor hands no two stores on to one load.
	 */
	for (int i = 0; i < 2; i++) {
		a = src[2 * i] | (__u64)src[2 * i + 1] << 32;
		b = dst[2 * i] | (__u64)dst[2 * i + 1] << 32;
		ask->key[i] = a ^ ((a ^ b) & swap);
		ask->key[2 + i] = b ^ ((a ^ b) & swap);
	}
	flags = ms_lean_key_flags(lean, index);
	tail = lean->zone | proto << 16 | flags << 24;
	ports = ports >> (index * 16) | ports << (-(index * 16) & 31);
	ask->key[4] = ports | (__u64)tail << 32;
	ask->key[5] = lean->vlan_outer | (__u64)MS_KEY_WIDE6 << 32;
	lean->is_ip6 = 1;
	ask->what |= MS_DENIED_FROM_HI(index);
	if (ms_lean_is_plain(tcp_flags)) {
		session = ms_lean_find6(lean, ask->key);
		if (session)
			return ms_lean_take(session, lean, proto, index, flags);
	} else if (ms_lean_is_syn(tcp_flags)) {
		ask->what |= MS_DENIED_SYN;
	}
	return MS_LEAN_ABSENT;
}

/* enum ms_lean_result; a packet that we answer for is counted. */
static __always_inline int ms_lean_hit(struct __sk_buff *skb, const struct ms_control *control,
				       union ms_control_word word, struct ms_iface *iface,
				       const int egress)
{
	const void *at = (const void *)(long)skb->data;
	struct ms_denied_ask ask; /* one for both families: the stack is short */
	struct ms_lean lean = {
		.skb = skb,
		.control = control,
		.ask = &ask,
		.iface = iface,
		.epoch = word.epoch,
		.zone = iface->zone,
		.egress = egress,
	};
	__u32 half = word.half & MS_HALF_MASK, side = iface->side >> half & 1, present = skb->len;
	int result = MS_LEAN_NOT;
	__u16 ethertype;

	MS_STAGE_END(MS_STAGE_IFACE, half + side, MS_LEAN_ALLOWED);
	if (iface->group[half] == 0)
		return MS_LEAN_NOT;
	lean.half = half;
	lean.bank = word.half & MS_HALF_BANK ? MS_CHAIN_BANK : 0;
	/* As ms_scene_set() has it. */
	lean.flips = side ^ egress;
	lean.loopback = iface->flags & MS_IFACE_LOOPBACK;
	/* Before a session is looked for, so that little has to be kept meanwhile. */
	ask.epoch = word.epoch;
	ask.what = ms_denied_facts(lean.loopback ? MS_DIR_IN : lean.flips, side, iface->flags,
				   iface->group[half]);
	if (iface->flags & MS_IFACE_L3) {
		ethertype = skb->protocol;
	} else {
		const struct ethhdr *eth = at;

		if (at + sizeof(*eth) > (const void *)(long)skb->data_end)
			return MS_LEAN_NOT;
		ethertype = eth->h_proto;
		at += sizeof(*eth);
		present -= sizeof(*eth);
		if (skb->vlan_present)
			lean.vlan_outer = skb->vlan_tci & MS_VID_MASK;
	}
	MS_STAGE_END(MS_STAGE_ETHERTYPE, &ask, ethertype ? MS_LEAN_ALLOWED : MS_LEAN_NOT);
	if (ethertype == bpf_htons(ETH_P_IP))
		result = ms_lean_ip4(skb, at, present, &lean, &ask);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		result = ms_lean_ip6(skb, at, present, &lean, &ask);
	if (result != MS_LEAN_ABSENT)
		return result;
	if (ms_denied_again(skb, control, iface, &ask))
		return MS_LEAN_DENIED;
#ifdef MS_SET_TABLE
	if (ask.what & MS_DENIED_MARK_MASK)
		ms_oneway_touch(control, ask.key, 1);
	else
		ms_oneway_touch(control, ask.key, 0);
#endif
	return MS_LEAN_NOT;
}

#endif
