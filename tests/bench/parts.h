/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hit is made of: its own program, ended early or with a part left out. */
#ifndef MS_TESTS_BENCH_PARTS_H
#define MS_TESTS_BENCH_PARTS_H

#include "tests/bench/bench.h"

/* In the namespaces that ms_bench_world_enter() has made. */
void ms_bench_parts(const struct ms_bench *bench);

#endif
