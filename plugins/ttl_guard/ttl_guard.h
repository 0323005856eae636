/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/* What the program and the code in the daemon agree on. */
#ifndef TTL_GUARD_H
#define TTL_GUARD_H

#include <linux/types.h>

/* In the order of the words that a rule may write. */
enum ttl_guard_dir { TTL_GUARD_IN, TTL_GUARD_OUT, TTL_GUARD_BOTH };

struct ttl_guard_args {
	__u8 min; /* packets with less are denied */
	__u8 dir; /* which are looked at: enum ttl_guard_dir */
};

/* Of one rule, on one CPU. */
struct ttl_guard_seen {
	__u64 low; /* packets below the least TTL: denied */
	__u64 fine;
	__u64 unread; /* cut off before the TTL: denied too */
};

#define TTL_GUARD_RULES 4096

#endif
