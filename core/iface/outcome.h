/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How attaching went since the daemon started: how long interfaces that appeared had to wait for
 * it, and what it failed on.
 */
#ifndef MS_CORE_IFACE_OUTCOME_H
#define MS_CORE_IFACE_OUTCOME_H

#include <stdint.h>

#define MS_OUTCOME_BOUNDS 10
#define MS_OUTCOME_CODES 16 /* the last is of all codes that found no place of their own */

struct ms_outcome {
	uint64_t attached, waited_ns;       /* interfaces, the sum of their waits */
	uint64_t within[MS_OUTCOME_BOUNDS]; /* those that waited no longer than the bound */
	struct {
		int code; /* -errno, 0 = none, or of the last place any */
		uint64_t count;
	} failures[MS_OUTCOME_CODES];
};

/* Upper bounds of the waits, ns, ascending. */
extern const uint64_t ms_outcome_bounds_ns[MS_OUTCOME_BOUNDS];

/* One interface is protected, so long after the kernel's word that it is there. */
void ms_outcome_attached(struct ms_outcome *outcome, uint64_t waited_ns);
/* One could not be, or its state could not be kept: `code` is a negative errno. */
void ms_outcome_failed(struct ms_outcome *outcome, int code);

#endif
