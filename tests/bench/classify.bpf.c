/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier alone, by the same functions the datapath calls: a header is taken from a table,
 * made a question, and answered or not. Shares the datapath's maps.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lib/judge.h"
#include "bpf/lib/maps.h"
#include "tests/bench/plan.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_BENCH_HEADERS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_bench_header);
} ms_b_headers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_BENCH_SAMPLES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64); /* a smaller one would stand eight bytes apart all the same */
} ms_b_samples SEC(".maps");

/* Makes the next header a question. False only for the verifier. */
static __always_inline int ask(struct __sk_buff *skb, struct ms_query *query, __u32 *ret_turn)
{
	struct ms_control *control = ms_scene_control();
	const struct ms_bench_header *header;
	struct ms_bench_plan *plan;
	struct ms_scene scene = {};
	union ms_control_word word;
	struct ms_pkt pkt = {};
	__u32 zero = 0, index;

	plan = bpf_map_lookup_elem(&ms_b_plan, &zero);
	if (!plan || !control)
		return 0;
	index = plan->next++;
	*ret_turn = index & (MS_BENCH_SAMPLES - 1);
	index = plan->first + (index & plan->mask);
	header = bpf_map_lookup_elem(&ms_b_headers, &index);
	if (!header)
		return 0;
	word.word = MS_READ_ONCE(*(__u64 *)control);
	ms_scene_set(&scene, word, skb->ifindex, 0);
	pkt.src[0] = header->src;
	pkt.dst[0] = header->dst;
	pkt.sport = bpf_htons(header->sport);
	pkt.dport = bpf_htons(header->dport);
	pkt.proto = header->proto;
	pkt.family = 4;
	ms_judge_ask(query, &scene, &pkt);
	return 1;
}

static __always_inline void note(__u32 turn, __u64 began)
{
	__u64 *sample = bpf_map_lookup_elem(&ms_b_samples, &turn);

	if (sample)
		*sample = bpf_ktime_get_ns() - began;
}

SEC("tc")
int ms_b_ask(struct __sk_buff *skb)
{
	struct ms_query query = {};
	__u32 turn;

	return ask(skb, &query, &turn) ? (int)(query.where & 1) : TC_ACT_SHOT;
}

SEC("tc")
int ms_b_classify(struct __sk_buff *skb)
{
	struct ms_query query = {};
	__u32 turn;

	return ask(skb, &query, &turn) ? ms_classify(&query) & 1 : TC_ACT_SHOT;
}

/* The same two with a clock around, packet by packet: how far the worst are from the mean. */
SEC("tc")
int ms_b_ask_timed(struct __sk_buff *skb)
{
	struct ms_query query = {};
	__u64 began;
	__u32 turn;

	if (!ask(skb, &query, &turn))
		return TC_ACT_SHOT;
	began = bpf_ktime_get_ns();
	note(turn, began);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_timed(struct __sk_buff *skb)
{
	struct ms_query query = {};
	int found, result;
	__u64 began;
	__u32 turn;

	if (!ask(skb, &query, &turn))
		return TC_ACT_SHOT;
	began = bpf_ktime_get_ns();
	found = ms_classify(&query);
	result = found & 1;
	/* The clock is not to be read before the answer is there. */
	asm volatile("" : "+r"(result) : : "memory");
	note(turn, began);
	return result;
}

char ms_b_license[] SEC("license") = "GPL";
