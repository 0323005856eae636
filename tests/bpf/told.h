/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of sets as the daemon has them in the datapath: stored in their set, and told to their
 * addresses. */
#ifndef MS_TESTS_BPF_TOLD_H
#define MS_TESTS_BPF_TOLD_H

#include <stdbool.h>

#include "bpf/dataplane.h"
#include "core/set_table/member_tree.h"
#include "tests/bpf/random_policy.h"

struct ms_told {
	struct ms_dataplane *dp; /* borrowed */
	struct ms_member_tree *tree;
};

void ms_told_open(struct ms_told *told, struct ms_dataplane *dp);
void ms_told_close(struct ms_told *told);
/* The members of the policy's sets (NULL = none) come, or go. */
void ms_told_change(struct ms_told *told, const struct ms_random_policy *policy, bool add);
/* Whether packets go by what addresses are told, or are asked of each set. */
void ms_told_choose(struct ms_told *told, bool is_told);

#endif
