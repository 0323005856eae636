/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier: which rule decides. The policy says for each family which engine knows; rules
 * that came later than what it was made of are asked besides.
 */
#ifndef MS_BPF_LIB_CLASSIFY_H
#define MS_BPF_LIB_CLASSIFY_H

#include "bpf/lib/late.h"
#include "bpf/lib/linear.h"
#include "bpf/lib/pairs.h"

/* The index of the deciding rule in ms_decisions, negative = no rule matches. */
static __always_inline int ms_classify(struct ms_query *query)
{
	int found;

	if (ms_pairs_begin(query))
		found = ms_pairs_find(query);
	else
		found = ms_linear_find(query);
	return query->late ? ms_late_find(query, found) : found;
}

#endif
