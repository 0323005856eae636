/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a look-up reads, counted in user space. */
#ifndef MS_TESTS_BENCH_LINES_H
#define MS_TESTS_BENCH_LINES_H

#include "tests/bench/rules.h"

/* Lines that a header's look-up reads and that are not among the 1 MB read last, on the average. */
double ms_bench_lines_from_far(const struct ms_bench_rules *rules);

#endif
