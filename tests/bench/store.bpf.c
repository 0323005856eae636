/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storing a session alone, by the functions that the datapath calls when a flow was answered: one
 * new key after another. Built once for each session table. What stands beside them is the hash
 * that evicts, where `lru_hash` has flows that were not answered.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

/* The look-up of a packet is in the same headers. */
#pragma clang diagnostic ignored "-Wunused-function"
#include "bpf/lib/maps.h"
#include "bpf/lib/session.h"
#include "tests/bench/plan.bpf.h"

/* The next flow's key, and what is to be stored under it. False only for the verifier. */
static __always_inline struct ms_bench_plan *next(struct ms_flow *flow, struct ms_session *fresh)
{
	struct ms_bench_plan *plan;
	__u32 zero = 0;

	plan = bpf_map_lookup_elem(&ms_b_plan, &zero);
	if (!plan)
		return NULL;
	flow->family = 4;
	flow->zone = 1;
	flow->key.k4.lo = MS_BENCH_NET + plan->next++;
	flow->key.k4.hi = 1;
	flow->key.k4.lo_port = MS_BENCH_PORT;
	flow->key.k4.zone = 1;
	flow->key.k4.proto = MS_PROTO_UDP;
	ms_flow_key_mark(&flow->key, 4);
	fresh->epoch = 1;
	fresh->packets[0] = fresh->packets[1] = 1;
	return plan;
}

SEC("tc")
int ms_b_key(struct __sk_buff *skb)
{
	struct ms_session fresh = {};
	struct ms_flow flow = {};

	if (!next(&flow, &fresh))
		return TC_ACT_SHOT;
	/* Both are made, although nobody takes them. */
	asm volatile("" : : "r"(&flow), "r"(&fresh) : "memory");
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_store(struct __sk_buff *skb)
{
	struct ms_session fresh = {};
	struct ms_flow flow = {};
	struct ms_bench_plan *plan = next(&flow, &fresh);

	if (plan && ms_session_insert(&flow, &fresh) == 0)
		plan->stored++;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_evict(struct __sk_buff *skb)
{
	struct ms_session fresh = {};
	struct ms_flow flow = {};
	struct ms_bench_plan *plan = next(&flow, &fresh);

	if (plan && ms_half_insert(&flow, &fresh) == 0)
		plan->stored++;
	return TC_ACT_UNSPEC;
}

char ms_b_license[] SEC("license") = "GPL";
