/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bench's action `tell` leaves behind, and where `litter` goes on. */
#ifndef MS_TESTS_BPF_ACTIONS_H
#define MS_TESTS_BPF_ACTIONS_H

#include <linux/types.h>

enum { TEST_LITTER_SLOT = 9 }; /* of ms_progs */

struct test_action_seen {
	__u32 runs;
	__u8 dir, ip_version, l4_proto, flags;
	__u16 l3_off, l4_off;
	__u32 rule, ifindex;
	__u32 arg;    /* the first byte of the arguments */
	__u32 length; /* of the list, as cb[] has it; 0 = it does not */
	__u32 sum;    /* these as decimal digits, in the order of the runs */
};

#endif
