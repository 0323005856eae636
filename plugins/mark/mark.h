/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin tells its program. */
#ifndef MS_PLUGINS_MARK_H
#define MS_PLUGINS_MARK_H

#include <linux/types.h>

#define MARK_SETS_MARK (1u << 0)
#define MARK_SETS_PRIORITY (1u << 1)
#define MARK_SETS_DSCP (1u << 2)

/* The arguments of one place of one rule: MS_ACTION_ARGS_SIZE bytes at most. */
struct mark_args {
	__u32 sets; /* MARK_SETS_* */
	__u32 mark; /* bits outside of mask are 0 */
	__u32 mask; /* which bits of the mark are replaced */
	__u32 priority;
	__u8 dscp; /* 0 to 63 */
	__u8 pad[3];
};

#endif
