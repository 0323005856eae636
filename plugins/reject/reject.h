/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin and its program tell one another. */
#ifndef MS_PLUGINS_REJECT_H
#define MS_PLUGINS_REJECT_H

#include <linux/types.h>

struct reject_args {
	__u32 rate; /* answers per second of one rule, 0 = none */
};

/* Indices of the map `counts`. */
enum {
	REJECT_ANSWERED,
	REJECT_OVER_RATE,
	REJECT_UNANSWERED, /* of a kind that gets no answer */
	REJECT_COUNTS,
};

#endif
