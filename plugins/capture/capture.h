/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin tells its program, and the packets that the program hands over. */
#ifndef MS_PLUGINS_CAPTURE_H
#define MS_PLUGINS_CAPTURE_H

#include <linux/types.h>

#define CAPTURE_SNAP_MAX 16384

/* The arguments of one place of one rule: MS_ACTION_ARGS_SIZE bytes at most. */
struct capture_args {
	__u32 snap; /* bytes of a packet, link header included; 0 = does nothing */
	__u32 pps;  /* packets a second of the rule */
};

#define CAPTURE_OUT (1u << 0)    /* by the interface's egress hook */
#define CAPTURE_DENIED (1u << 1) /* the rule's list ends in deny */
#define CAPTURE_TAGGED (1u << 2) /* there is a VLAN tag beside the bytes */
#define CAPTURE_AUDIT (1u << 3)  /* in audit mode: what would be denied passes */

/* A record of the ring; `size` bytes of the packet follow. */
struct capture_record {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u32 ifindex;
	__u32 rule;
	__u32 length; /* of the whole packet */
	__u32 size;
	__be16 vlan_proto;
	__u16 vlan_tci;
	__u8 l3_off; /* 0 = the device has no link header */
	__u8 ip_version;
	__u8 dir;   /* enum ms_dir */
	__u8 flags; /* CAPTURE_* */
};

enum {
	CAPTURE_TAKEN = 0, /* packets handed over */
	CAPTURE_OVER,      /* over the rule's rate */
	CAPTURE_LOST,      /* the ring was full */
	CAPTURE_COUNTS
};

#endif
