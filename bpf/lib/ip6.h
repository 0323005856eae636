/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv6 and its extension headers: hop-by-hop, routing, destination, fragment, AH; at most 8 of them
 * and 256 bytes. Any other number ends the walk and is the protocol.
 */
#ifndef MS_BPF_LIB_IP6_H
#define MS_BPF_LIB_IP6_H

#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/access.h"
#include "bpf/lib/cursor.h"
#include "bpf/lib/packet.h"

#define MS_IP6_HEADERS 8
#define MS_IP6_BYTES 256

enum {
	MS_IP6_HOPOPTS = 0,
	MS_IP6_ROUTING = 43,
	MS_IP6_FRAGMENT = 44,
	MS_IP6_AUTH = 51,
	MS_IP6_DSTOPTS = 60,
};

/* The DS field lies across the version's byte and the next one. */
static __always_inline __u8 ms_ip6_dscp(const struct ipv6hdr *ip)
{
	return ip->priority << 2 | ip->flow_lbl[0] >> 6;
}

static __always_inline int ms_ip6_is_extension(__u8 proto)
{
	return proto == MS_IP6_HOPOPTS || proto == MS_IP6_ROUTING || proto == MS_IP6_FRAGMENT ||
	       proto == MS_IP6_AUTH || proto == MS_IP6_DSTOPTS;
}

/*
 * Moves proto and l4_off past the extension headers. A function of its own, and global, so that the
 * verifier walks the loop once and not once per way of getting there (6.1 would give up).
 */
__noinline int ms_ip6_walk(struct __sk_buff *skb, struct ms_pkt *pkt)
{
	__u8 header[8] __attribute__((aligned(4)));
	/* 64 bits: without CAP_PERFMON kernel 6.1 lets no four bytes over a spilled eight. */
	__u64 off, end, start, fragment_end = 0;
	__u8 proto;

	if (!pkt)
		return MS_PARSED_MALFORMED;
	proto = pkt->proto;
	start = off = pkt->l4_off;
	end = pkt->l4_end;
	MS_UNROLL
	for (int i = 0; i < MS_IP6_HEADERS; i++) {
		__u32 len;

		if (!ms_ip6_is_extension(proto))
			break;
		if (off + sizeof(header) > end ||
		    bpf_skb_load_bytes(skb, off, header, sizeof(header)))
			return MS_PARSED_MALFORMED;
		if (proto == MS_IP6_FRAGMENT) {
			__u16 frag = (__u16)header[2] << 8 | header[3];

			/* Fragments of fragments are nobody's traffic and hide what is inside. */
			if (fragment_end)
				return MS_PARSED_MALFORMED;
			len = sizeof(header);
			fragment_end = off + len;
			pkt->frag_id = *(__u32 *)&header[4];
			pkt->frag_off = frag & 0xfff8;
			if (pkt->frag_off)
				pkt->fragment = MS_FRAGMENT_LATER;
			else if (frag & 1)
				pkt->fragment = MS_FRAGMENT_FIRST;
		} else if (proto == MS_IP6_AUTH) {
			len = (header[1] + 2) * 4;
		} else {
			len = (header[1] + 1) * 8;
		}
		proto = header[0];
		off += len;
		if (off > end || off - start > MS_IP6_BYTES)
			return MS_PARSED_MALFORMED;
		/* What follows is the middle of something; its first header's number is all that
		 * can be known. */
		if (pkt->fragment == MS_FRAGMENT_LATER)
			break;
	}
	if (pkt->fragment != MS_FRAGMENT_LATER && ms_ip6_is_extension(proto))
		return MS_PARSED_MALFORMED;
	pkt->proto = proto;
	pkt->l4_off = off;
	if (fragment_end)
		pkt->frag_skip = off - fragment_end;
	return MS_PARSED_IP;
}

static __always_inline int ms_ip6_parse(struct __sk_buff *skb, __u32 off, struct ms_pkt *pkt)
{
	struct ipv6hdr buf;
	const struct ipv6hdr *ip;
	__u32 payload, present = skb->len - off;

	if (ms_cursor_at(skb, off, sizeof(*ip), &buf, (const void **)&ip) || ip->version != 6 ||
	    present < sizeof(*ip))
		return MS_PARSED_MALFORMED;
	present -= sizeof(*ip);
	payload = bpf_ntohs(ip->payload_len);
	if (payload == 0 && skb->gso_size)
		payload = present;
	if (payload > present)
		return MS_PARSED_MALFORMED;
	pkt->family = 6;
	for (int i = 0; i < 4; i++) {
		pkt->src[i] = ip->saddr.in6_u.u6_addr32[i];
		pkt->dst[i] = ip->daddr.in6_u.u6_addr32[i];
	}
	pkt->proto = ip->nexthdr;
	pkt->dscp = ms_ip6_dscp(ip);
	pkt->l4_off = off + sizeof(*ip);
	pkt->l4_end = off + sizeof(*ip) + payload;
	return ms_ip6_is_extension(pkt->proto) ? ms_ip6_walk(skb, pkt) : MS_PARSED_IP;
}

#endif
