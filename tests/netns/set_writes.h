/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon linked with set_writes.c writes to the datapath's sets: a file of this form, made
 * by the test and named by MS_TEST_SET_WRITES, is kept up to date by it. */
#ifndef MS_TESTS_NETNS_SET_WRITES_H
#define MS_TESTS_NETNS_SET_WRITES_H

#include <stdint.h>

struct set_writes {
	volatile uint64_t added, removed; /* system calls, of both families */
};

#endif
