/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4: header with options, fragments. */
#ifndef MS_BPF_LIB_IP4_H
#define MS_BPF_LIB_IP4_H

#include <linux/ip.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/cursor.h"
#include "bpf/lib/packet.h"

#define MS_IP4_MORE 0x2000
#define MS_IP4_OFFSET 0x1fff

static __always_inline int ms_ip4_parse(struct __sk_buff *skb, __u32 off, struct ms_pkt *pkt)
{
	struct iphdr buf;
	const struct iphdr *ip;
	__u32 header, total, present = skb->len - off;
	__u16 frag;

	if (ms_cursor_at(skb, off, sizeof(*ip), &buf, (const void **)&ip) || ip->version != 4 ||
	    ip->ihl < 5)
		return MS_PARSED_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	/* A segmentation offload beyond 64 kB does not fit the field. */
	if (total == 0 && skb->gso_size)
		total = present;
	if (total < header || total > present)
		return MS_PARSED_MALFORMED;
	pkt->family = 4;
	pkt->src[0] = ip->saddr;
	pkt->dst[0] = ip->daddr;
	pkt->proto = ip->protocol;
	pkt->dscp = ip->tos >> 2;
	pkt->l4_off = off + header;
	pkt->l4_end = off + total;
	frag = bpf_ntohs(ip->frag_off);
	if (frag & (MS_IP4_MORE | MS_IP4_OFFSET)) {
		pkt->frag_id = ip->id;
		pkt->frag_off = (frag & MS_IP4_OFFSET) * 8;
		pkt->fragment = pkt->frag_off ? MS_FRAGMENT_LATER : MS_FRAGMENT_FIRST;
	}
	return MS_PARSED_IP;
}

#endif
