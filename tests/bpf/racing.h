/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What racing.bpf.c and its test agree on. */
#ifndef MS_TESTS_BPF_RACING_H
#define MS_TESTS_BPF_RACING_H

enum {
	MS_RACE_OFF,
	MS_RACE_ARMED, /* the next packet at the place is to be held */
	MS_RACE_HELD,
	MS_RACE_GO,
};

enum {
	MS_RACE_CLASSIFIED, /* no session was found, the policy is asked */
	MS_RACE_FOUND,      /* a TCP session was found, the packet is not counted yet */
};

#endif
