/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that the datapath must not take for an action's. */
#include "microseg/action.bpf.h"

SEC("tc")
int own_code(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

SEC("tc")
int own_code_for_ip6(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0 || ctx.ip_version != 6)
		return ms_action_next(skb);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int own_code_for_denied(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0 || !(ctx.flags & MS_ACTION_DENIED))
		return ms_action_next(skb);
	return TC_ACT_SHOT;
}

SEC("tc")
int no_verdict(struct __sk_buff *skb)
{
	return ms_action_end(skb, MS_VERDICT_AUDIT);
}

SEC("tc")
int lets_pass(struct __sk_buff *skb)
{
	return ms_action_taken(skb, TC_ACT_OK);
}

SEC("tc")
int spoils_cb(struct __sk_buff *skb)
{
	MS_CB_STORE(skb, MS_CHAIN_REST, 0);
	return ms_action_next(skb);
}

/* Fine, unless they say that they only look. */
SEC("tc")
int ends(struct __sk_buff *skb)
{
	return ms_action_end(skb, MS_VERDICT_ALLOW);
}

SEC("tc")
int takes(struct __sk_buff *skb)
{
	return ms_action_taken(skb, TC_ACT_SHOT);
}

SEC("tc")
int marks(struct __sk_buff *skb)
{
	skb->mark = 1;
	return ms_action_next(skb);
}

SEC("tc")
int gives_priority(struct __sk_buff *skb)
{
	skb->priority = 1;
	return ms_action_next(skb);
}

static __always_inline int is_udp(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	return ms_action_begin(skb, &ctx) == 0 && ctx.l4_proto == 17;
}

SEC("tc")
int rewrites(struct __sk_buff *skb)
{
	__u8 byte = 0xff;

	if (is_udp(skb))
		bpf_skb_store_bytes(skb, 0, &byte, sizeof(byte), 0);
	return ms_action_next(skb);
}

SEC("tc")
int cuts(struct __sk_buff *skb)
{
	if (is_udp(skb))
		bpf_skb_change_tail(skb, skb->len - 1, 0);
	return ms_action_next(skb);
}

SEC("xdp")
int of_another_type(struct xdp_md *xdp)
{
	return XDP_PASS;
}

char test_license[] SEC("license") = "GPL";
