/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
#include <microseg/action.bpf.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int cxx_length(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;
	const __u32 *longest;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	longest = ctx.args;
	return skb->len > *longest ? ms_action_end(skb, MS_VERDICT_DENY) : ms_action_next(skb);
}
