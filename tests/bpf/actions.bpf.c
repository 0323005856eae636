/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Actions of the bench: one for each way a program can go on, and one that tells what it was told.
 */
#include "microseg/action.bpf.h"

#include "tests/bpf/actions.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_action_seen);
} test_seen SEC(".maps");

SEC("tc")
int pass_on(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	return ms_action_next(skb);
}

/* At the end of a list, as every action did before there was MS_CHAIN_SETTLED. */
SEC("tc")
int end_as_before(struct __sk_buff *skb)
{
	return ms_action_finish(skb, MS_CHAIN_RUNS, 0);
}

SEC("tc")
int end_deny(struct __sk_buff *skb)
{
	return ms_action_end(skb, MS_VERDICT_DENY);
}

SEC("tc")
int end_allow(struct __sk_buff *skb)
{
	return ms_action_end(skb, MS_VERDICT_ALLOW);
}

SEC("tc")
int take(struct __sk_buff *skb)
{
	return ms_action_taken(skb, TC_ACT_STOLEN);
}

SEC("tc")
int tell(struct __sk_buff *skb)
{
	struct test_action_seen *seen;
	struct ms_action_ctx ctx;
	__u32 zero = 0;

	seen = bpf_map_lookup_elem(&test_seen, &zero);
	if (!seen || ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	seen->runs++;
	seen->dir = ctx.dir;
	seen->ip_version = ctx.ip_version;
	seen->l4_proto = ctx.l4_proto;
	seen->flags = ctx.flags;
	seen->l3_off = ctx.l3_off;
	seen->l4_off = ctx.l4_off;
	seen->rule = ctx.rule;
	seen->ifindex = ctx.ifindex;
	seen->arg = *(const __u8 *)ctx.args;
	seen->length = MS_CB_LOAD(skb, MS_CHAIN_LIST) >> MS_CHAIN_COUNT_SHIFT;
	seen->sum = seen->sum * 10 + seen->arg;
	return ms_action_next(skb);
}

/* No action: goes on with an entry program, on a stack that it has left no zero on. */
SEC("tc")
int litter(struct __sk_buff *skb)
{
	volatile __u64 stack[56];

	for (int i = 0; i < 56; i++)
		stack[i] = 0x5a5a5a5a5a5a5a5aull;
	bpf_tail_call(skb, &ms_progs, TEST_LITTER_SLOT);
	return 0;
}

char test_license[] SEC("license") = "GPL";
