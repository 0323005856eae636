/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A protected link to this namespace, over which a probe's packets are sent one by one and looked
 * for behind the daemon's program: how its last change is seen from outside.
 */
#ifndef MS_TESTS_BENCH_WIRE_H
#define MS_TESTS_BENCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/drive.h"

#define MS_BENCH_WIRE_PAUSE_NS 20000 /* between two looks */

struct ms_bench_wire {
	int out, in;
	uint16_t fresh; /* flows so far */
	struct ms_bench_frame frame;
};

void ms_bench_wire_open(struct ms_bench_wire *wire);
/* One packet, of 10.0.0.0 and always the same flow. A veth pair delivers before it returns. */
bool ms_bench_wire_passes(const struct ms_bench_wire *wire);
/* The same of a flow that there has not been. */
bool ms_bench_wire_passes_fresh(struct ms_bench_wire *wire);
/* Before everything else on this CPU, or the command that has just been answered runs first. Not
 * without pause between two looks: what the kernel has to do on this CPU would never be done. */
void ms_bench_wire_go_first(void);
void ms_bench_wire_pause(void);

#endif
