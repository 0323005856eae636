/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of answered flows when more of them come than a session table is for. */
#ifndef MS_TESTS_BENCH_FLOOD_H
#define MS_TESTS_BENCH_FLOOD_H

#include "tests/bench/bench.h"

/* In namespaces of the caller's (world.h). */
void ms_bench_flood(const struct ms_bench *bench);

#endif
