/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transport headers: ports, TCP flags, ICMP type, code and identifier. */
#ifndef MS_BPF_LIB_L4_H
#define MS_BPF_LIB_L4_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/cursor.h"
#include "bpf/lib/layout.h"
#include "bpf/lib/packet.h"

struct ms_l4_head { /* the first bytes of any of them */
	__be16 sport, dport;
	__be16 icmp_id, seq;
};

#define MS_L4_TCP_FLAGS 13 /* offset */

/* Bytes that must be there for the header to be one; 0 = a protocol without ports. */
static __always_inline __u32 ms_l4_header_len(__u8 family, __u8 proto)
{
	if (proto == MS_PROTO_TCP)
		return 20;
	if (proto == MS_PROTO_UDP)
		return 8;
	if (proto == MS_PROTO_SCTP)
		return 12;
	if (proto == (family == 4 ? MS_PROTO_ICMP : MS_PROTO_ICMPV6))
		return 8;
	return 0;
}

/* What an ICMP message asks or answers: its type class, and whether it is the answer. A class of
 * MS_ICMP_ONEWAY has none. Queries have code 0: what has another may be another rule's. */
static __always_inline __u16 ms_l4_icmp_class(__u8 family, __u8 type, __u8 code, int *ret_is_reply)
{
	*ret_is_reply = 0;
	if (code)
		return MS_ICMP_ONEWAY | type;
	if (family == 6) {
		*ret_is_reply = type == 129;
		return type == 128 || type == 129 ? MS_ICMP_ECHO : MS_ICMP_ONEWAY | type;
	}
	switch (type) {
	case 0:
		*ret_is_reply = 1;
		return MS_ICMP_ECHO;
	case 8:
		return MS_ICMP_ECHO;
	case 14:
		*ret_is_reply = 1;
		return MS_ICMP_TIMESTAMP;
	case 13:
		return MS_ICMP_TIMESTAMP;
	case 16:
		*ret_is_reply = 1;
		return MS_ICMP_INFO;
	case 15:
		return MS_ICMP_INFO;
	case 18:
		*ret_is_reply = 1;
		return MS_ICMP_MASK;
	case 17:
		return MS_ICMP_MASK;
	default:
		return MS_ICMP_ONEWAY | type;
	}
}

/* The type that a reply answers. */
static __always_inline __u8 ms_l4_icmp_request(__u8 family, __u8 type)
{
	if (family == 6)
		return 128;
	return type == 0 ? 8 : type - 1;
}

/* Errors quote the packet they are about. */
static __always_inline int ms_l4_is_icmp_error(const struct ms_pkt *pkt)
{
	if (!ms_pkt_is_icmp(pkt))
		return 0;
	if (pkt->family == 6)
		return pkt->icmp_type >= 1 && pkt->icmp_type <= 4;
	return pkt->icmp_type == 3 || pkt->icmp_type == 4 || pkt->icmp_type == 5 ||
	       pkt->icmp_type == 11 || pkt->icmp_type == 12;
}

static __always_inline void ms_l4_take(struct ms_pkt *pkt, const struct ms_l4_head *head)
{
	int is_reply;

	if (!ms_pkt_is_icmp(pkt)) {
		pkt->sport = head->sport;
		pkt->dport = head->dport;
		return;
	}
	pkt->icmp_type = bpf_ntohs(head->sport) >> 8;
	pkt->icmp_code = bpf_ntohs(head->sport) & 0xff;
	pkt->sport = head->icmp_id;
	if (ms_l4_icmp_class(pkt->family, pkt->icmp_type, pkt->icmp_code, &is_reply) &
	    MS_ICMP_ONEWAY)
		pkt->sport = bpf_htons(pkt->icmp_code);
}

static __always_inline int ms_l4_parse(struct __sk_buff *skb, struct ms_pkt *pkt)
{
	__u32 len = ms_l4_header_len(pkt->family, pkt->proto);
	const struct ms_l4_head *head;
	struct ms_l4_head buf[2]; /* enough for TCP's flags */

	if (len == 0 || pkt->fragment == MS_FRAGMENT_LATER)
		return MS_PARSED_IP;
	if (pkt->l4_off + len > pkt->l4_end)
		return pkt->fragment == MS_FRAGMENT_FIRST ? MS_PARSED_TINY : MS_PARSED_MALFORMED;
	if (pkt->proto == MS_PROTO_TCP) {
		if (ms_cursor_at(skb, pkt->l4_off, sizeof(buf), buf, (const void **)&head))
			return MS_PARSED_MALFORMED;
		pkt->tcp_flags = ((const __u8 *)head)[MS_L4_TCP_FLAGS];
	} else if (ms_cursor_at(skb, pkt->l4_off, sizeof(*head), buf, (const void **)&head)) {
		return MS_PARSED_MALFORMED;
	}
	ms_l4_take(pkt, head);
	return MS_PARSED_IP;
}

#endif
