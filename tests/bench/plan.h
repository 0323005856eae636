/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bench's own BPF programs are told, and what they answer: one line each, mmap-able. */
#ifndef MS_TESTS_BENCH_PLAN_H
#define MS_TESTS_BENCH_PLAN_H

#include <linux/types.h>

enum ms_bench_order {
	MS_BENCH_SEQUENTIAL, /* next, next + 1, ... */
	MS_BENCH_RANDOM,     /* any of the flows up to `mask`, each as likely as the others */
};

struct ms_bench_plan {
	__u64 state; /* of the random order; never 0 */
	__u32 next;
	__u32 mask; /* flows - 1, a power of two less one */
	__u32 order;
	__u32 family;  /* 4 or 6 */
	__u32 reverse; /* the frame is an answer: its destination varies */
	__u32 ifindex; /* where live frames go */
	__u32 stored;  /* sessions (store.bpf.c) */
	__u32 first; /* header that is asked about (classify.bpf.c), the others up to `mask` behind
			it */
	__u32 pad[6];
};
_Static_assert(sizeof(struct ms_bench_plan) == 64, "one line");

/* Flow `i` is 10.0.0.0 + i (or fd00:: + i), port MS_BENCH_PORT + i % 32768. */
#define MS_BENCH_NET 0x0a000000u
#define MS_BENCH_PORT 1024

/* A packet as the classifier is asked about it. Ports in host order. */
struct ms_bench_header {
	__be32 src, dst;
	__u16 sport, dport;
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct ms_bench_header) == 16, "four a line");

#define MS_BENCH_HEADERS 65536
#define MS_BENCH_SAMPLES 65536

/* What the parts cost (costs.bpf.c). */
#define MS_BENCH_TIMES 64 /* in one run */
#define MS_BENCH_LINES (1u << 20)

enum { MS_BENCH_DIRECT, MS_BENCH_INDIRECT }; /* places of programs that call themselves */

struct ms_bench_line {
	__u32 next;
	__u32 pad[15];
};
_Static_assert(sizeof(struct ms_bench_line) == 64, "one line");

#endif
