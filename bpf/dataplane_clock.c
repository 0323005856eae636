/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath counts time in ticks of jiffies, whose length (HZ) the kernel does not tell. Both
 * clocks stand still in suspend and neither sees a step of the wall clock, so one look at both
 * ties them together for good.
 */
#include <time.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"

#define NS_PER_S 1000000000ull

static const unsigned int frequencies[] = { 100, 250, 300, 1000 };

/* The kernel lets jiffies begin five minutes before a 32-bit wrap. */
static uint64_t first_jiffies(unsigned int hz)
{
	return (1ull << 32) - 300ull * hz;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

unsigned int ms_dataplane_clock_guess(uint64_t jiffies, uint64_t ktime_ns)
{
	unsigned int found = 0;

	for (size_t i = 0; i < ms_array_size(frequencies); i++) {
		unsigned int hz = frequencies[i];
		uint64_t expected =
			first_jiffies(hz) + (uint64_t)((unsigned __int128)ktime_ns * hz / NS_PER_S);

		/* Neither clock starts exactly at boot: two seconds is generous. */
		if (distance(jiffies, expected) > 2 * hz)
			continue;
		if (found)
			return 0; /* some five minutes after boot all of them fit */
		found = hz;
	}
	return found;
}

unsigned int ms_dataplane_clock_measure(uint64_t jiffies1, uint64_t ktime1_ns, uint64_t jiffies2,
					uint64_t ktime2_ns)
{
	uint64_t elapsed_ns = ktime2_ns - ktime1_ns, elapsed = jiffies2 - jiffies1;

	/* Off by one jiffy at each end, 250 and 300 differ by six in 120 ms. */
	if (elapsed_ns < NS_PER_S / 8)
		return 0;
	for (size_t i = 0; i < ms_array_size(frequencies); i++) {
		uint64_t expected = elapsed_ns * frequencies[i] / NS_PER_S;

		if (distance(elapsed, expected) <= 2)
			return frequencies[i];
	}
	return 0;
}

uint32_t ms_dataplane_clock_tick(const struct ms_dataplane_clock *clock, uint64_t monotonic_ns)
{
	unsigned __int128 since = monotonic_ns - clock->monotonic_ns;

	return (uint32_t)((clock->jiffies + (uint64_t)(since * clock->hz / NS_PER_S)) >>
			  MS_TICK_SHIFT);
}

uint64_t ms_dataplane_clock_ns(const struct ms_dataplane_clock *clock, uint32_t ticks)
{
	return (uint64_t)(((unsigned __int128)ticks << MS_TICK_SHIFT) * NS_PER_S / clock->hz);
}

uint32_t ms_dataplane_clock_ticks(const struct ms_dataplane_clock *clock, uint64_t ns)
{
	unsigned __int128 per_tick = (unsigned __int128)NS_PER_S << MS_TICK_SHIFT;
	unsigned __int128 ticks = ((unsigned __int128)ns * clock->hz + per_tick - 1) / per_tick;

	/* Ages are signed. */
	return ticks > INT32_MAX ? INT32_MAX : (uint32_t)ticks;
}

uint32_t ms_dataplane_tick_now(const struct ms_dataplane *dp)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ms_dataplane_clock_tick(&dp->clock,
				       (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec);
}

uint64_t ms_dataplane_ticks_to_ns(const struct ms_dataplane *dp, uint32_t ticks)
{
	return ms_dataplane_clock_ns(&dp->clock, ticks);
}

uint32_t ms_dataplane_ns_to_ticks(const struct ms_dataplane *dp, uint64_t ns)
{
	return ms_dataplane_clock_ticks(&dp->clock, ns);
}
