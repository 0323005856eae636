/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one clock: ticks of jiffies64, 32 bits. bpf_ktime_get_ns() costs five to ten times as much
 * and nothing here needs to know better than a tick. The tests' object reads a value they set.
 */
#ifndef MS_BPF_LIB_CLOCK_H
#define MS_BPF_LIB_CLOCK_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/layout.h"

#ifdef MS_CLOCK_INJECTED
volatile __u32 ms_clock_injected;
#endif

static __always_inline __u32 ms_clock_tick(void)
{
#ifdef MS_CLOCK_INJECTED
	return ms_clock_injected;
#else
	return (__u32)(bpf_jiffies64() >> MS_TICK_SHIFT);
#endif
}

#endif
