/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a packet once it is parsed; everything after the parser reads this and never the
 * frame, so no packet pointer outlives the function that took it.
 */
#ifndef MS_BPF_LIB_PACKET_H
#define MS_BPF_LIB_PACKET_H

#include <linux/types.h>

enum ms_parsed {
	MS_PARSED_IP,
	MS_PARSED_NON_IP,
	MS_PARSED_MALFORMED, /* not the IP its ethertype says */
	MS_PARSED_TINY,      /* first fragment that cuts its transport header */
};

enum ms_fragment { MS_FRAGMENT_NOT, MS_FRAGMENT_FIRST, MS_FRAGMENT_LATER };

struct ms_pkt {
	__be32 src[4], dst[4]; /* IPv4 in the first word, the rest zero */
	__u32 l4_off;          /* from the start of the frame */
	__u32 l4_end;          /* where the IP packet says it ends */
	__u32 frag_id;         /* as on the wire */
	__be16 sport, dport;   /* TCP, UDP, SCTP; sport: identifier of an ICMP query,
				* code of another ICMP message */
	__u16 ethertype;       /* host order */
	__u16 vlan_outer, vlan_inner;
	__u16 frag_off;  /* bytes */
	__u16 frag_skip; /* bytes between fragment header and transport header, IPv6 */
	__u8 family;     /* 4, 6, 0 = no IP header understood */
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 fragment; /* enum ms_fragment */
	__u8 dscp;     /* upper six bits of the DS field */
	__u8 l3_off;   /* of the IP header, from the start of the frame */
	__u8 pad[2];
};
_Static_assert(sizeof(struct ms_pkt) == 68, "no padding");

/* A packet as it was judged, kept while its rule's actions have it in hand. */
struct ms_judged {
	__u32 ifindex, slot, rest; /* whose it is; the last as in cb[] */
	struct ms_pkt pkt;
};

#define MS_JUDGED 16 /* a power of two */

/* What an action sends back, and the note of it (returned.h). */
#define MS_RETURNED 4096   /* about as many on their way at a time; more push older ones out */
#define MS_RETURNED_MAX 96 /* an ICMPv6 error that quotes an IPv6 header and eight bytes */

struct ms_returned_key {
	__u32 ifindex;
	__u16 vlan_outer, vlan_inner;
	__u16 length;
	__u8 dir, family;
	__u8 bytes[MS_RETURNED_MAX]; /* from the IP header on, zeroes behind them */
};
_Static_assert(sizeof(struct ms_returned_key) == 12 + MS_RETURNED_MAX, "no padding");

struct ms_returned {
	__u32 made;  /* tick */
	__u32 slot;  /* of the rule whose action it is */
	__u32 flags; /* MS_DECISION_LOG or 0 */
};
_Static_assert(sizeof(struct ms_returned) == 12, "no padding");

#define MS_TCP_FIN_FLAG 0x01
#define MS_TCP_SYN_FLAG 0x02
#define MS_TCP_RST_FLAG 0x04
#define MS_TCP_ACK_FLAG 0x10

#define MS_PROTO_ICMP 1
#define MS_PROTO_TCP 6
#define MS_PROTO_UDP 17
#define MS_PROTO_ICMPV6 58
#define MS_PROTO_SCTP 132

/* Each family has its own ICMP; the other's number is just a protocol without ports. */
static __always_inline int ms_pkt_is_icmp(const struct ms_pkt *pkt)
{
	return pkt->proto == (pkt->family == 4 ? MS_PROTO_ICMP : MS_PROTO_ICMPV6);
}

/* Opens a connection: SYN, but neither an answer to one nor an end. */
static __always_inline int ms_pkt_is_syn(const struct ms_pkt *pkt)
{
	return pkt->proto == MS_PROTO_TCP &&
	       (pkt->tcp_flags & (MS_TCP_SYN_FLAG | MS_TCP_ACK_FLAG | MS_TCP_RST_FLAG)) ==
		       MS_TCP_SYN_FLAG;
}

static __always_inline int ms_pkt_is_rst(const struct ms_pkt *pkt)
{
	return pkt->proto == MS_PROTO_TCP && (pkt->tcp_flags & MS_TCP_RST_FLAG);
}

#endif
