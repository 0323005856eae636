/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Late rules: a bank of rows and decisions beside the engine's, so that a few rules come and go
 * without the engine being made anew (bpf/lib/late.h is the look-up side).
 */
#ifndef MS_CORE_CLASSIFY_LATE_H
#define MS_CORE_CLASSIFY_LATE_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/lib/rules.h"
#include "core/classify/compile.h"

/* Which rules are late, by where they stand in the policy. */
struct ms_late {
	size_t rules[MS_LATE_RULES]; /* ascending */
	size_t count;
};

/* Rows of one family that the rule takes at most; > MS_LATE_ROWS also where it cannot be late. */
size_t ms_late_rows(const struct ms_rule *rule);
/* Whether they fit in a bank, all of them. */
bool ms_late_fits(const struct ms_policy *policy, const struct ms_late *late);

/*
 * The bank's tables, and `head` (with what it says of the half) as the bank's head; `late` NULL is
 * a bank of none, `head->generation` is set by the caller. -ENOSPC without a sentence if they do
 * not fit; -ENOENT, -ENOMEM.
 */
int ms_late_add(struct ms_image *image, const struct ms_policy *policy, const struct ms_late *late,
		unsigned int bank, const struct ms_numbering *numbering,
		struct ms_policy_head *head, struct ms_error *err);

/* An image of a bank alone, for ms_dataplane_load_tables(); `head` is that of another bank of the
 * same half. `*ret_image` is new. */
int ms_late_compile(const struct ms_policy *policy, const struct ms_late *late, unsigned int bank,
		    uint32_t generation, const struct ms_numbering *numbering,
		    struct ms_policy_head *head, struct ms_image **ret_image, struct ms_error *err);

#endif
