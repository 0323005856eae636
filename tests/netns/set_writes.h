/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon linked with set_writes.c writes to the datapath's sets: a file of this form, made
 * by the test and named by MS_TEST_SET_WRITES, is kept up to date by it. */
#ifndef MS_TESTS_NETNS_SET_WRITES_H
#define MS_TESTS_NETNS_SET_WRITES_H

#include <stdint.h>

struct set_writes {
	volatile uint64_t added, removed; /* system calls, of both families */
	volatile uint64_t untold;         /* prefixes that are said to be in no set any more */
	/* The same by the daemon's loop, which waits for grace periods, too. */
	volatile uint64_t loop_removed, loop_untold, loop_waits;
	volatile uint64_t told;              /* prefixes */
	volatile uint64_t rounds, most_told; /* of those that tell; prefixes in one */
	volatile uint64_t most_in_turn;      /* the same of a worker, between two turns of others */
};

/* For the next daemon that is started. */
struct set_writes *set_writes_make(void);

#endif
