/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The neighbours of the datapath on the hooks of real devices: who comes first says that a packet
 * is there, who comes last that it came through. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

__u64 seen, passed;
__u32 veth_ifindex;

/* As a VLAN device on top would: the outer tag goes beside the frame, the frame to the veth. */
SEC("tc")
int offload(struct __sk_buff *skb)
{
	__u16 tag[2];

	if (bpf_skb_load_bytes(skb, 12, tag, sizeof(tag)) == 0 &&
	    (tag[0] == bpf_htons(ETH_P_8021Q) || tag[0] == bpf_htons(ETH_P_8021AD)) &&
	    bpf_skb_vlan_pop(skb) == 0)
		bpf_skb_vlan_push(skb, tag[0], bpf_ntohs(tag[1]));
	return bpf_redirect(veth_ifindex, 0);
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&seen, 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int last(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&passed, 1);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
