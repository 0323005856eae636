/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan (plan.h) as a bench's BPF program has it. */
#ifndef MS_TESTS_BENCH_PLAN_BPF_H
#define MS_TESTS_BENCH_PLAN_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/plan.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_bench_plan);
} ms_b_plan SEC(".maps");

#endif
