/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of a random policy that are late (bpf/lib/rules.h), in a bank or in the other. */
#ifndef MS_TESTS_BPF_RANDOM_LATE_H
#define MS_TESTS_BPF_RANDOM_LATE_H

#include "bpf/dataplane.h"
#include "core/classify/late.h"
#include "tests/bpf/random_packet.h"

/* Any may be late; the built-in ones, which stand first, never are. `*ret_late` is zeroed. */
void ms_random_late_choose(struct ms_random *random, const struct ms_policy *merged,
			   struct ms_late *ret_late);
/* `image`, with these late rules, is in the idle half `*half`: one time in two they go into its
 * bank 1, and bank 0 is left wrong. `*half` says so then. */
void ms_random_late_move(struct ms_random *random, struct ms_dataplane *dp,
			 const struct ms_policy *merged, const struct ms_late *late,
			 const struct ms_numbering *numbering, const struct ms_image *image,
			 unsigned int *half);

#endif
