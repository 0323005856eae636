/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/* What the two halves of the plugin, the BPF program and the code in the daemon, agree on. */
#ifndef EXAMPLE_COUNT_H
#define EXAMPLE_COUNT_H

#include <linux/types.h>

/* The arguments of one place of one rule: at most MS_PLUGIN_ARGS_SIZE bytes. */
struct example_count_args {
	__u64 over; /* frames longer than this are large */
};

/* Of one rule, on one CPU. */
struct example_count_sums {
	__u64 packets;
	__u64 bytes;
	__u64 large;
};

#define EXAMPLE_COUNT_RULES 4096

#endif
