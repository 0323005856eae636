/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath with two places where a packet can be held while others overtake it: when it is
 * being classified, and when it has found its session but not yet counted itself in it. What
 * happens there by chance on two processors, test_datapath_races makes happen.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bpf/racing.h"

volatile __u32 ms_race_stage;
volatile __u32 ms_race_place;

/* So often the stage is looked at before giving up: some seconds, for others may come first. */
#define LOOKS (1 << 20)
#define TURNS (1 << 12)

static long look(__u32 index, void *context)
{
	return ms_race_stage != MS_RACE_HELD;
}

static long turn(__u32 index, void *context)
{
	bpf_loop(LOOKS, look, NULL, 0);
	return ms_race_stage != MS_RACE_HELD;
}

/* The first packet to come here waits until it is let go; the others pass it by. */
__noinline int ms_race(__u32 place)
{
	if (ms_race_place != place || __sync_val_compare_and_swap(&ms_race_stage, MS_RACE_ARMED,
								  MS_RACE_HELD) != MS_RACE_ARMED)
		return 0;
	bpf_loop(TURNS, turn, NULL, 0);
	return 0;
}

#define ms_classify ms_classify_at_once
#include "bpf/lib/classify.h"
#undef ms_classify

__noinline int ms_classify(struct ms_query *query)
{
	if (!query)
		return -1;
	ms_race(MS_RACE_CLASSIFIED);
	return ms_classify_at_once(query);
}

#define ms_session_tcp_step ms_session_tcp_step_at_once
#include "bpf/lib/session.h"
#undef ms_session_tcp_step

static __always_inline void ms_session_tcp_step(struct ms_session *session, struct ms_flow *flow,
						const struct ms_pkt *pkt)
{
	ms_race(MS_RACE_FOUND);
	ms_session_tcp_step_at_once(session, flow, pkt);
}

#include "bpf/microseg.bpf.c"
