/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin tells its program, and what the program counts. */
#ifndef MS_PLUGINS_RATELIMIT_H
#define MS_PLUGINS_RATELIMIT_H

#include <linux/types.h>

enum ratelimit_by {
	RATELIMIT_BY_RULE = 0,
	RATELIMIT_BY_SOURCE,
	RATELIMIT_BY_SESSION,
};

/* The arguments of one place of one rule: MS_ACTION_ARGS_SIZE bytes at most. */
struct ratelimit_args {
	__u64 rate;  /* units a second, at least 1 */
	__u64 burst; /* units that may come at once */
	__u32 id;    /* tells this limit from others of the same rule */
	__u8 is_bytes;
	__u8 by;     /* enum ratelimit_by */
	__u8 excess; /* enum ms_verdict: ALLOW or DENY */
	__u8 pad;
};

enum { RATELIMIT_WITHIN = 0, RATELIMIT_EXCESS, RATELIMIT_COUNTS };

#endif
