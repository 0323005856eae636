/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ms_action_pace() with times in 1/16 ns, so that a byte's cost at 10 Gbit/s is not mostly
 * rounding. 2^64 of them are 36 years.
 */
#include "microseg/action.bpf.h"

#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "ratelimit.h"

#define BUCKETS 65536
#define TICKS_PER_NS 16
#define TICKS_PER_SECOND (1000000000ull * TICKS_PER_NS)

struct bucket_key {
	__u32 rule, id;
	__u8 from[16], to[16];
	/* These only by session, as `to`, whose lower end stands first. */
	__u16 from_port, to_port; /* of an ICMP query both are its identifier */
	__u32 ifindex;            /* a flow has a session on each interface that it crosses */
	__u8 proto, pad[3];
};

/* A bucket that is pushed out starts full again: of as many sources each is below the rate by far.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BUCKETS);
	__type(key, struct bucket_key);
	__type(value, __u64);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RATELIMIT_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int read_addresses(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
					  struct bucket_key *key)
{
	if (ctx->ip_version == 4)
		return bpf_skb_load_bytes(skb, ctx->l3_off + offsetof(struct iphdr, saddr),
					  key->from, 4) ||
		       bpf_skb_load_bytes(skb, ctx->l3_off + offsetof(struct iphdr, daddr), key->to,
					  4);
	return bpf_skb_load_bytes(skb, ctx->l3_off + offsetof(struct ipv6hdr, saddr), key->from,
				  16) ||
	       bpf_skb_load_bytes(skb, ctx->l3_off + offsetof(struct ipv6hdr, daddr), key->to, 16);
}

static __always_inline int has_ports(const struct ms_action_ctx *ctx)
{
	return !(ctx->flags & MS_ACTION_FRAGMENT) &&
	       (ctx->l4_proto == IPPROTO_TCP || ctx->l4_proto == IPPROTO_UDP ||
		ctx->l4_proto == IPPROTO_SCTP);
}

static __always_inline int is_icmp(const struct ms_action_ctx *ctx)
{
	return !(ctx->flags & MS_ACTION_FRAGMENT) &&
	       ctx->l4_proto == (ctx->ip_version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Of the messages with an identifier, which tells their sessions apart: echo, timestamp,
 * information, address mask. */
static __always_inline int is_query(const struct ms_action_ctx *ctx, __u8 type)
{
	if (ctx->ip_version == 6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static __always_inline void read_ports(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				       struct bucket_key *key)
{
	__u16 ports[2];
	__u8 head[8];

	if (has_ports(ctx) && bpf_skb_load_bytes(skb, ctx->l4_off, ports, sizeof(ports)) == 0) {
		key->from_port = ports[0];
		key->to_port = ports[1];
	} else if (is_icmp(ctx) && bpf_skb_load_bytes(skb, ctx->l4_off, head, sizeof(head)) == 0 &&
		   is_query(ctx, head[0])) {
		__builtin_memcpy(&key->from_port, head + 4, 2);
		key->to_port = key->from_port;
	}
}

/* Of the two ends, does the packet come from the one that stands first? Both directions of a
 * session share a bucket. */
static __always_inline int is_in_order(const struct bucket_key *key)
{
	for (int i = 0; i < 16; i++)
		if (key->from[i] != key->to[i])
			return key->from[i] < key->to[i];
	return key->from_port <= key->to_port;
}

static __always_inline void turn(struct bucket_key *key)
{
	__u16 port = key->from_port;
	__u8 byte;

	for (int i = 0; i < 16; i++) {
		byte = key->from[i];
		key->from[i] = key->to[i];
		key->to[i] = byte;
	}
	key->from_port = key->to_port;
	key->to_port = port;
}

/* 0, or -1 when the packet cannot be read: it then counts for the rule as a whole. */
static __always_inline int fill_key(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				    const struct ratelimit_args *args, struct bucket_key *key)
{
	key->rule = ctx->rule;
	key->id = args->id;
	if (args->by == RATELIMIT_BY_RULE)
		return 0;
	if (read_addresses(skb, ctx, key))
		return -1;
	if (args->by == RATELIMIT_BY_SOURCE) {
		__builtin_memset(key->to, 0, sizeof(key->to));
		return 0;
	}
	key->ifindex = ctx->ifindex;
	key->proto = ctx->l4_proto;
	read_ports(skb, ctx, key);
	if (!is_in_order(key))
		turn(key);
	return 0;
}

/* Packets, or bytes from the IP header on, of what may be a train of segments. */
static __always_inline __u64 measure(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				     const struct ratelimit_args *args)
{
	__u32 segments = skb->gso_segs ? skb->gso_segs : 1;

	if (!args->is_bytes)
		return segments;
	return skb->len > ctx->l3_off ? skb->len - ctx->l3_off : 0;
}

SEC("tc")
int ratelimit(struct __sk_buff *skb)
{
	const struct ratelimit_args *args;
	struct bucket_key key = {};
	struct ms_action_ctx ctx;
	__u64 now, cost, burst, *bucket;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	args = ctx.args;
	if (!args->rate)
		return ms_action_next(skb);
	if (fill_key(skb, &ctx, args, &key) < 0) {
		__builtin_memset(&key, 0, sizeof(key));
		key.rule = ctx.rule;
		key.id = args->id;
	}
	now = bpf_ktime_get_boot_ns() * TICKS_PER_NS;
	cost = measure(skb, &ctx, args) * TICKS_PER_SECOND / args->rate;
	burst = args->burst * TICKS_PER_SECOND / args->rate;
	bucket = ms_action_bucket(&buckets, &key);
	/* No room for a bucket: over the rate, as whoever cannot be counted. */
	if (bucket && ms_action_pace(bucket, now, cost, burst)) {
		ms_action_tally(&counts, RATELIMIT_WITHIN);
		return ms_action_next(skb);
	}
	ms_action_tally(&counts, RATELIMIT_EXCESS);
	return ms_action_end(skb,
			     args->excess == MS_VERDICT_ALLOW ? MS_VERDICT_ALLOW : MS_VERDICT_DENY);
}

char ratelimit_license[] SEC("license") = "GPL";
