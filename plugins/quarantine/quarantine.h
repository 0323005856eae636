/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin tells its program, and what the program tells the plugin. */
#ifndef MS_PLUGINS_QUARANTINE_H
#define MS_PLUGINS_QUARANTINE_H

#include <linux/types.h>

#define QUARANTINE_AGAIN_NS 1000000000ull /* an address is not told twice within that */

/* The arguments of one place of one rule: MS_ACTION_ARGS_SIZE bytes at most. */
struct quarantine_args {
	__u64 set; /* its name's hash */
	__u64 within_ns;
	__u32 hits; /* 0 = does nothing */
	__u32 for_s;
	__u8 is_destination; /* the packet's destination is meant, not its source */
	__u8 dir;            /* enum ms_dir: packets of the other direction do not count */
	__u8 pad[6];
};

/* One record of the ring: this address is to be shut in. */
struct quarantine_case {
	__u64 set;
	__u32 rule, for_s;
	__u8 addr[16]; /* IPv4 in the first four bytes, the rest zero */
	__u8 family;   /* 4 or 6 */
	__u8 pad[7];
};

/* An address that the plugin has put in; its value is when that ends, CLOCK_BOOTTIME. */
struct quarantine_held {
	__u64 set;
	__u32 family, pad;
	__u8 addr[16];
};

enum {
	QUARANTINE_HITS = 0, /* packets that counted */
	QUARANTINE_TOLD,     /* addresses, to the daemon */
	QUARANTINE_LOST,     /* times the ring was full; the next hit tries again */
	QUARANTINE_COUNTS
};

#endif
