/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin tells its programs, and what they count. */
#ifndef MS_PLUGINS_MIRROR_H
#define MS_PLUGINS_MIRROR_H

#include <linux/types.h>

#define MIRROR_NAME_SIZE 16 /* IFNAMSIZ */
#define MIRROR_TAPS 64      /* that one policy may name */
#define MIRROR_PLACES 128   /* so that the next one may name others */
#define MIRROR_HEADERS 256  /* bytes that a copy may have in place of fewer */

/* The arguments of one place of one rule: MS_ACTION_ARGS_SIZE bytes at most. */
struct mirror_args {
	char to[MIRROR_NAME_SIZE]; /* an interface's name, the rest zero */
	__u32 one_in;              /* copies one packet in so many, 0 and 1 = each */
	__u32 snap;                /* bytes of a copy from the link header on, 0 = all */
};

enum {
	MIRROR_COPIED = 0,
	MIRROR_FAILED,
	MIRROR_UNFRAMED, /* came without a link header, which the tap's frames have */
	MIRROR_COUNTS
};

#endif
