/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What any daemon must do at least to attach on an event, and nothing else: a process that reads
 * links' messages and sends three of its own for each new one. What a burst takes beside it is the
 * limit that the kernel's lock sets, not we.
 */
#ifndef MS_BENCH_BARE_LOOP_H
#define MS_BENCH_BARE_LOOP_H

#include <stdint.h>

/* In the network namespace of the caller; listens when this returns. Interfaces named w*. Busy for
 * `late_ns` before the first message of each. */
void ms_bench_bare_loop_start(uint64_t late_ns);
void ms_bench_bare_loop_stop(void);

#endif
