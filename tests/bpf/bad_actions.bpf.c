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

SEC("xdp")
int of_another_type(struct xdp_md *xdp)
{
	return XDP_PASS;
}

char test_license[] SEC("license") = "GPL";
