// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/* Denies what has a TTL (IPv4) or hop limit (IPv6) below the rule's least. */
#include <microseg/action.bpf.h>

#include "ttl_guard.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TTL_OFFSET 8       /* in an IPv4 header */
#define HOP_LIMIT_OFFSET 7 /* in an IPv6 header */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, TTL_GUARD_RULES);
	__type(key, __u32);
	__type(value, struct ttl_guard_seen);
} ttl_seen SEC(".maps");

static __always_inline struct ttl_guard_seen *seen_of(__u32 rule)
{
	struct ttl_guard_seen *seen = bpf_map_lookup_elem(&ttl_seen, &rule), none = { 0 };

	if (seen)
		return seen;
	bpf_map_update_elem(&ttl_seen, &rule, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ttl_seen, &rule);
}

SEC("tc")
int ttl_guard(struct __sk_buff *skb)
{
	const struct ttl_guard_args *args;
	struct ttl_guard_seen *seen;
	struct ms_action_ctx ctx;
	__u8 ttl;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	args = ctx.args;
	/* The answers to a flow come here too, and what this host sends begins with a TTL of 64. */
	if (args->dir != TTL_GUARD_BOTH &&
	    args->dir != (ctx.dir == MS_DIR_OUT ? TTL_GUARD_OUT : TTL_GUARD_IN))
		return ms_action_next(skb);
	seen = seen_of(ctx.rule);
	if (bpf_skb_load_bytes(skb,
			       ctx.l3_off + (ctx.ip_version == 6 ? HOP_LIMIT_OFFSET : TTL_OFFSET),
			       &ttl, sizeof(ttl)) < 0) {
		if (seen)
			seen->unread++;
		return ms_action_end(skb, MS_VERDICT_DENY);
	}
	if (ttl < args->min) {
		if (seen)
			seen->low++;
		return ms_action_end(skb, MS_VERDICT_DENY);
	}
	if (seen)
		seen->fine++;
	return ms_action_next(skb);
}
