/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running programs by BPF_PROG_TEST_RUN: one frame over and over, or a stream of many flows
 * (drive.bpf.c). Costs are of this thread's CPU time.
 */
#ifndef MS_TESTS_BENCH_DRIVE_H
#define MS_TESTS_BENCH_DRIVE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/plan.h"

#define MS_BENCH_FRAME 64

struct ms_bench_frame {
	uint8_t bytes[MS_BENCH_FRAME + 32];
	uint32_t length;
};

/* Ethernet, UDP or TCP, from a flow of the streams to a fixed server; `reverse`: the answer. */
struct ms_bench_frame ms_bench_frame(int family, int proto, int reverse, uint8_t tcp_flags);

/* The driver's programs, one copy a process. */
struct ms_bench_drive {
	int noop, vary, emit, take; /* program fds */
	int targets;
	struct ms_bench_plan *plan;
};
const struct ms_bench_drive *ms_bench_drive(void);

/* Nanoseconds a packet of `repeat` runs. `ret_code` (may be NULL): what the last one returned. */
double ms_bench_run(int program, const struct ms_bench_frame *frame, uint32_t repeat,
		    uint32_t *ret_code);
/* The same over a stream: `plan` is set up by the caller. */
double ms_bench_stream(int target, const struct ms_bench_frame *frame, uint32_t repeat);

/* Real frames of flow after flow out of device plan->ifindex: ns a packet, of this CPU with its
 * softirqs. */
double ms_bench_emit(const struct ms_bench_frame *frame, uint32_t repeat);

/* Flows `first` to `first` + `count` of a stream, in order. */
double ms_bench_sequence(int target, int family, int reverse, uint32_t first, uint32_t count);
/* The frames that make flow 0 two-way, one of each. */
void ms_bench_establish_one(int ingress, int egress, int family, int proto);
/* Makes the flows from 0 on two-way: a packet of each to `ingress`, its answer to `egress`. */
void ms_bench_establish(int ingress, int egress, int family, uint32_t flows);

#endif
