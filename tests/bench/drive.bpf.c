/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of many flows for any TC program: the driver writes the next flow's address and port into
 * the frame and hands over by tail call, so that what is measured is the whole program, unchanged,
 * and the driver's own cost is the same under every program, the one that does nothing included.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/plan.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ms_b_target SEC(".maps");

enum { SADDR4 = 26, DADDR4 = 30, SPORT4 = 34, DPORT4 = 36, END4 = 38 };
enum { SADDR6 = 34, DADDR6 = 50, SPORT6 = 54, DPORT6 = 56, END6 = 58 }; /* last word of each */

static __always_inline struct ms_bench_plan *find_plan(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ms_b_plan, &zero);
}

static __always_inline __u32 next_flow(struct ms_bench_plan *plan)
{
	if (plan->order == MS_BENCH_SEQUENTIAL)
		return plan->next++;
	plan->state = plan->state * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)(plan->state >> 32) & plan->mask;
}

/* False = the frame is too short. */
static __always_inline int write_flow(void *data, void *end, const struct ms_bench_plan *plan,
				      __u32 flow)
{
	__be16 port = bpf_htons(MS_BENCH_PORT + (flow & 0x7fff));
	__be32 addr;

	if (plan->family == 4) {
		if (data + END4 > end)
			return 0;
		addr = bpf_htonl(MS_BENCH_NET + flow);
		if (plan->reverse) {
			*(__be32 *)(data + DADDR4) = addr;
			*(__be16 *)(data + DPORT4) = port;
		} else {
			*(__be32 *)(data + SADDR4) = addr;
			*(__be16 *)(data + SPORT4) = port;
		}
		return 1;
	}
	if (data + END6 > end)
		return 0;
	addr = bpf_htonl(flow);
	if (plan->reverse) {
		*(__be32 *)(data + DADDR6) = addr;
		*(__be16 *)(data + DPORT6) = port;
	} else {
		*(__be32 *)(data + SADDR6) = addr;
		*(__be16 *)(data + SPORT6) = port;
	}
	return 1;
}

SEC("tc")
int ms_b_noop(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_vary(struct __sk_buff *skb)
{
	struct ms_bench_plan *plan = find_plan();

	if (!plan || !write_flow((void *)(long)skb->data, (void *)(long)skb->data_end, plan,
				 next_flow(plan)))
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &ms_b_target, 0);
	return TC_ACT_SHOT;
}

/* Whoever receives the frame looks at the IPv4 checksum, other than a program alone. */
static __always_inline int mend_checksum(void *data, void *end, const struct ms_bench_plan *plan)
{
	__u16 *words = data + 14;
	__u32 sum = 0;

	if (plan->family != 4)
		return 1;
	if (data + DADDR4 + 4 > end)
		return 0;
	/* What was written as words of 32 bits is read as words of 16. */
	asm volatile("" : : : "memory");
	for (int i = 0; i < 10; i++)
		if (i != 5)
			sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	words[5] = ~((sum & 0xffff) + (sum >> 16));
	return 1;
}

/* Live frames: real ones, into a device's transmit path. */
SEC("xdp")
int ms_b_emit(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ms_bench_plan *plan = find_plan();

	if (!plan || !write_flow(data, end, plan, next_flow(plan)) ||
	    !mend_checksum(data, end, plan))
		return XDP_ABORTED;
	return bpf_redirect(plan->ifindex, 0);
}

/* On the receiving end of a veth pair, so that it polls and takes such frames. */
SEC("xdp")
int ms_b_take(struct xdp_md *xdp)
{
	return XDP_PASS;
}

char ms_b_license[] SEC("license") = "GPL";
