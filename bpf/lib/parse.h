/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A frame to a struct ms_pkt, once per program. */
#ifndef MS_BPF_LIB_PARSE_H
#define MS_BPF_LIB_PARSE_H

#include <linux/if_ether.h>

#include "bpf/lib/eth.h"
#include "bpf/lib/ip4.h"
#include "bpf/lib/ip6.h"
#include "bpf/lib/l4.h"

/*
 * `pkt` comes zeroed. Returns enum ms_parsed; what was understood before a complaint stays in
 * `pkt`, for the event. Whether a device speaks Ethernet is a fact of the interface (`is_l3`), not
 * guessed from the packet. Global: verified once, not once per caller's state.
 */
__noinline int ms_parse(struct __sk_buff *skb, struct ms_pkt *pkt, __u32 is_l3)
{
	__u32 off = 0;
	int r;

	if (!pkt)
		return MS_PARSED_MALFORMED;
	if (is_l3) {
		pkt->ethertype = bpf_ntohs(skb->protocol);
	} else {
		r = ms_eth_parse(skb, pkt, &off);
		if (r != MS_PARSED_IP)
			return r;
	}
	pkt->l3_off = off;
	if (pkt->ethertype == ETH_P_IP)
		r = ms_ip4_parse(skb, off, pkt);
	else if (pkt->ethertype == ETH_P_IPV6)
		r = ms_ip6_parse(skb, off, pkt);
	else
		return MS_PARSED_NON_IP;
	return r == MS_PARSED_IP ? ms_l4_parse(skb, pkt) : r;
}

#endif
