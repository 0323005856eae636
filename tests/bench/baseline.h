/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Somebody else's TC program to compare with, with tables as large as ours. */
#ifndef MS_TESTS_BENCH_BASELINE_H
#define MS_TESTS_BENCH_BASELINE_H

#include "tests/bench/bench.h"

struct bpf_object;

struct ms_bench_baseline {
	struct bpf_object *object;
	int program; /* -1 = none was asked for */
};

/* Each of its LRU tables gets `sessions` entries. */
struct ms_bench_baseline ms_bench_baseline_open(const struct ms_bench *bench, uint32_t sessions);
/* Ends the bench unless its LRU tables hold so many flows: no fewer, or it did not find them where
 * it looked; no more, or it took something else for a flow. One that has no such table cannot be
 * told from one that does nothing. */
void ms_bench_baseline_holds(const struct ms_bench_baseline *baseline, uint32_t flows);
void ms_bench_baseline_close(struct ms_bench_baseline *baseline);

#endif
