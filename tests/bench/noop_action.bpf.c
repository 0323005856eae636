/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An action that does nothing: what is left is the cost of having one. */
#include "microseg/action.bpf.h"

SEC("tc")
int noop_action(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	ms_action_begin(skb, &ctx);
	return ms_action_next(skb);
}

char noop_license[] SEC("license") = "GPL";
