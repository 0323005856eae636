/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine charges for the parts of a packet: each program does one thing MS_BENCH_TIMES
 * times, each behind the one before where that makes a difference, and nothing else.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/plan.bpf.h"

struct ms_b_key {
	__u32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ms_b_key);
	__type(value, __u64);
} ms_b_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ms_b_key);
	__type(value, __u64);
} ms_b_lru SEC(".maps");

/* A cycle through all lines of a table; those of a smaller one are the first. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_BENCH_LINES);
	__uint(map_flags,
	       BPF_F_MMAPABLE); /* so that its first line is one of the processor's, too */
	__type(key, __u32);
	__type(value, struct ms_bench_line);
} ms_b_lines SEC(".maps");

/* Programs that call themselves, until the kernel says that it is enough. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} ms_b_selves SEC(".maps");

static __always_inline struct ms_bench_plan *find_plan(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ms_b_plan, &zero);
}

/* Where the compiler would see that once is enough. */
#define AGAIN _Pragma("clang loop unroll(full)") for (int i = 0; i < MS_BENCH_TIMES; i++)

/* Of the helpers that return at once the one that no kernel puts in the caller's place. */
SEC("tc")
int ms_b_helper(struct __sk_buff *skb)
{
	AGAIN bpf_get_numa_node_id();
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_clock(struct __sk_buff *skb)
{
	AGAIN bpf_ktime_get_ns();
	return TC_ACT_UNSPEC;
}

static __noinline int callee(int value)
{
	asm volatile("" : "+r"(value));
	return value;
}

SEC("tc")
int ms_b_call(struct __sk_buff *skb)
{
	int value = 0;

	AGAIN value = callee(value);
	asm volatile("" : : "r"(value));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_direct(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &ms_b_selves, MS_BENCH_DIRECT);
	return TC_ACT_UNSPEC;
}

/* By an index that is known only when it is read. */
SEC("tc")
int ms_b_indirect(struct __sk_buff *skb)
{
	struct ms_bench_plan *plan = find_plan();

	if (plan)
		bpf_tail_call(skb, &ms_b_selves, plan->next);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_add(struct __sk_buff *skb)
{
	struct ms_bench_plan *plan = find_plan();

	if (plan)
		AGAIN __sync_fetch_and_add(&plan->state, 1);
	return TC_ACT_UNSPEC;
}

/* What is found is zero, so each key is the same, and known when the one before was found. */
#define FIND(map)                                                                                  \
	({                                                                                         \
		struct ms_b_key key = {};                                                          \
                                                                                                   \
		AGAIN                                                                              \
		{                                                                                  \
			__u64 *value = bpf_map_lookup_elem(&(map), &key);                          \
                                                                                                   \
			if (!value)                                                                \
				return TC_ACT_SHOT;                                                \
			key.words[0] = (__u32)*value;                                              \
		}                                                                                  \
	})

SEC("tc")
int ms_b_find(struct __sk_buff *skb)
{
	FIND(ms_b_hash);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ms_b_find_lru(struct __sk_buff *skb)
{
	FIND(ms_b_lru);
	return TC_ACT_UNSPEC;
}

/* Goes on where the run before stopped. */
SEC("tc")
int ms_b_read(struct __sk_buff *skb)
{
	struct ms_bench_plan *plan = find_plan();
	__u32 at;

	if (!plan)
		return TC_ACT_SHOT;
	at = plan->next;
	AGAIN
	{
		const struct ms_bench_line *line = bpf_map_lookup_elem(&ms_b_lines, &at);

		if (!line)
			return TC_ACT_SHOT;
		at = line->next;
	}
	plan->next = at;
	return TC_ACT_UNSPEC;
}

char ms_b_license[] SEC("license") = "GPL";
