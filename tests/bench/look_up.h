/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath's look-up of IPv4's rules, on this machine. Its code is compiled for the thread
 * sanitizer, but what that calls at each read is lines.c's: so what is counted is what the code
 * reads, and the code has no mark for it.
 */
#ifndef MS_TESTS_BENCH_LOOK_UP_H
#define MS_TESTS_BENCH_LOOK_UP_H

#include "bpf/lib/rules.h"
#include "tests/bench/plan.h"

/* A compiled policy's, with rules in the pairs engine. */
struct ms_bench_tables {
	const struct ms_block *blocks;
	uint32_t n_blocks;
	const struct ms_policy_head *head;
};

/* As ms_classify() answers: the row in ms_decisions, negative = none; and the steps that took
 * (ms_pairs_step()). */
int ms_bench_look_up(const struct ms_bench_tables *tables, const struct ms_bench_header *header,
		     uint32_t *ret_steps);

#endif
