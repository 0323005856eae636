/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands the beginning of each packet to user space, at most so many a second of a rule. */
#include "microseg/action.bpf.h"

#include "capture.h"

#define RING_BYTES (4 << 20)
#define RULES 4096
#define NS_PER_S 1000000000ull

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} packets SEC(".maps");

/* By rule, for ms_action_pace(): a tenth of a second of packets may come at once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RULES);
	__type(key, __u32);
	__type(value, __u64);
} paces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CAPTURE_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct room {
	struct capture_record head;
	__u8 bytes[CAPTURE_SNAP_MAX];
};

/* A record is put together here: one of the ring itself would need a size that is constant. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct room);
} rooms SEC(".maps");

/* 1 = within the rate, and taken from it. */
static __always_inline int pace(__u32 rule, __u32 pps, __u64 now)
{
	__u64 *bucket = ms_action_bucket(&paces, &rule);

	return bucket && ms_action_pace(bucket, now, NS_PER_S / pps, NS_PER_S / 10);
}

static __always_inline void fill_head(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				      __u64 now, __u32 size, struct capture_record *head)
{
	__builtin_memset(head, 0, sizeof(*head));
	head->time_ns = now;
	head->ifindex = ctx->ifindex;
	head->rule = ctx->rule;
	head->length = skb->len;
	head->size = size;
	head->l3_off = (__u8)ctx->l3_off;
	head->ip_version = ctx->ip_version;
	head->dir = ctx->dir;
	if (ctx->flags & MS_ACTION_EGRESS)
		head->flags |= CAPTURE_OUT;
	if (ctx->flags & MS_ACTION_DENIED)
		head->flags |= CAPTURE_DENIED;
	if (ctx->flags & MS_ACTION_AUDIT)
		head->flags |= CAPTURE_AUDIT;
	if (skb->vlan_present) {
		head->flags |= CAPTURE_TAGGED;
		head->vlan_proto = (__be16)skb->vlan_proto;
		head->vlan_tci = (__u16)skb->vlan_tci;
	}
}

_Static_assert((CAPTURE_SNAP_MAX & (CAPTURE_SNAP_MAX - 1)) == 0, "one less of it is a mask");

static __always_inline int hand_over(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				     __u32 snap, __u64 now)
{
	__u32 zero = 0, size = skb->len;
	struct room *room = bpf_map_lookup_elem(&rooms, &zero);
	__u64 last;

	if (size > snap)
		size = snap;
	if (!room || size < 1 || size > CAPTURE_SNAP_MAX)
		return -1;
	/* Changes nothing, and says so that the verifier of 6.1 sees both bounds; the compiler must
	 * not see that it changes nothing. */
	last = size - 1;
	asm volatile("" : "+r"(last));
	size = (__u32)(last & (CAPTURE_SNAP_MAX - 1)) + 1;
	fill_head(skb, ctx, now, size, &room->head);
	if (bpf_skb_load_bytes(skb, 0, room->bytes, size))
		return -1;
	return bpf_ringbuf_output(&packets, room, sizeof(room->head) + size, 0) ? -1 : 0;
}

SEC("tc")
int capture(struct __sk_buff *skb)
{
	const struct capture_args *args;
	struct ms_action_ctx ctx;
	__u64 now;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	args = ctx.args;
	if (!args->snap || !args->pps)
		return ms_action_next(skb);
	now = bpf_ktime_get_boot_ns();
	if (!pace(ctx.rule, args->pps, now))
		ms_action_tally(&counts, CAPTURE_OVER);
	else if (hand_over(skb, &ctx, args->snap, now) < 0)
		ms_action_tally(&counts, CAPTURE_LOST);
	else
		ms_action_tally(&counts, CAPTURE_TAKEN);
	return ms_action_next(skb);
}

char capture_license[] SEC("license") = "GPL";
