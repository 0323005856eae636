/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts the packets it sees, by one byte of its arguments. */
#include "microseg/action.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} tally_seen SEC(".maps");

SEC("tc") int tally(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;
	__u64 *seen;
	__u32 which;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	which = *(const __u8 *)ctx.args & 15;
	seen = bpf_map_lookup_elem(&tally_seen, &which);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	return ms_action_next(skb);
}
