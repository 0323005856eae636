/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath with a classifier that is wrong on purpose: it takes port 443 for 80. For the
 * differential test, which must notice, and for trace, which must be wrong in the same way.
 */
#include <linux/bpf.h>

#define ms_classify ms_classify_right
#include "bpf/lib/classify.h"
#undef ms_classify

/* In its caller's frame, as the right one: kernel 6.1 has no room for another. */
static __always_inline int ms_classify(struct ms_query *query)
{
	if (query->dport == 443)
		query->dport = 80;
	return ms_classify_right(query);
}

#include "bpf/microseg.bpf.c"
