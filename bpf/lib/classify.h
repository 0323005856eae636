/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier: which rule decides. The policy says for each family which engine knows. */
#ifndef MS_BPF_LIB_CLASSIFY_H
#define MS_BPF_LIB_CLASSIFY_H

#include "bpf/lib/linear.h"
#include "bpf/lib/pairs.h"

/* The index of the deciding rule in ms_decisions, negative = no rule matches. */
static __always_inline int ms_classify(struct ms_query *query)
{
	if (ms_pairs_begin(query))
		return ms_pairs_find(query);
	return ms_linear_find(query);
}

#endif
