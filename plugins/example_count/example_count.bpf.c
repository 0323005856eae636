// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/* Counts, and goes on with the rule's list. */
#include <microseg/action.bpf.h>

#include "example_count.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* By the rule's number. Of the action's own: kept over a reload and an end of the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, EXAMPLE_COUNT_RULES);
	__type(key, __u32);
	__type(value, struct example_count_sums);
} sums SEC(".maps");

SEC("tc")
int example_count(struct __sk_buff *skb)
{
	struct example_count_sums *now, none = { 0 };
	const struct example_count_args *args;
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	args = ctx.args;
	now = bpf_map_lookup_elem(&sums, &ctx.rule);
	if (!now) {
		bpf_map_update_elem(&sums, &ctx.rule, &none, BPF_NOEXIST);
		now = bpf_map_lookup_elem(&sums, &ctx.rule);
	}
	if (now) { /* otherwise there are too many rules: this one is not counted */
		now->packets++;
		now->bytes += skb->len;
		if (skb->len > args->over)
			now->large++;
	}
	return ms_action_next(skb);
}
