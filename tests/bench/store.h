/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What it costs to store a session in each of the tables, without the packet around (store.bpf.c).
 */
#ifndef MS_TESTS_BENCH_STORE_H
#define MS_TESTS_BENCH_STORE_H

#include "tests/bench/bench.h"

/* In namespaces of the caller's (world.h). */
void ms_bench_store(const struct ms_bench *bench);

#endif
