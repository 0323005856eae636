/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ethernet and up to two VLAN tags, the outer one in the frame or taken off by the kernel. */
#ifndef MS_BPF_LIB_ETH_H
#define MS_BPF_LIB_ETH_H

#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/cursor.h"
#include "bpf/lib/packet.h"

#define MS_VID_MASK 0x0fff

struct ms_vlan_tag {
	__be16 tci, ethertype;
};

static __always_inline int ms_eth_is_vlan(__u16 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD;
}

/* Fills ethertype and VIDs; `*ret_off` is where the network header starts. A third tag is refused:
 * what cannot be looked into must not pass as "not IP". */
static __always_inline int ms_eth_parse(struct __sk_buff *skb, struct ms_pkt *pkt, __u32 *ret_off)
{
	struct ethhdr eth_buf;
	struct ms_vlan_tag tag_buf;
	const struct ethhdr *eth;
	const struct ms_vlan_tag *tag;
	__u32 off = sizeof(*eth), tags = 0;

	if (ms_cursor_at(skb, 0, sizeof(*eth), &eth_buf, (const void **)&eth))
		return MS_PARSED_MALFORMED;
	pkt->ethertype = bpf_ntohs(eth->h_proto);
	if (skb->vlan_present) {
		pkt->vlan_outer = skb->vlan_tci & MS_VID_MASK;
		tags = 1;
	}
	for (int i = 0; i < 2; i++) {
		if (!ms_eth_is_vlan(pkt->ethertype))
			break;
		if (tags == 2)
			return MS_PARSED_MALFORMED;
		if (ms_cursor_at(skb, off, sizeof(*tag), &tag_buf, (const void **)&tag))
			return MS_PARSED_MALFORMED;
		if (tags == 0)
			pkt->vlan_outer = bpf_ntohs(tag->tci) & MS_VID_MASK;
		else
			pkt->vlan_inner = bpf_ntohs(tag->tci) & MS_VID_MASK;
		pkt->ethertype = bpf_ntohs(tag->ethertype);
		off += sizeof(*tag);
		tags++;
	}
	if (ms_eth_is_vlan(pkt->ethertype))
		return MS_PARSED_MALFORMED;
	*ret_off = off;
	return MS_PARSED_IP;
}

#endif
