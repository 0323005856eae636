/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A member of a set, asked for by a connection to the daemon's socket that is there already. */
#ifndef MS_TESTS_BENCH_MEMBER_H
#define MS_TESTS_BENCH_MEMBER_H

#include "tests/bench/bench.h"
#include "tests/bench/wire.h"

/* One round of each row of the table `member`. The daemon has that many rules, and a set `probes`
 * of that many members whose packets it denies; it lets pass what else `wire` sends. */
void ms_bench_member(const struct ms_bench *bench, struct ms_bench_wire *wire, size_t rules,
		     size_t members, unsigned int round);

#endif
