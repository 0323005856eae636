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
#include "core/policy/amend.h"

/* Which rules are late, by where they stand in the policy. */
struct ms_late {
	size_t rules[MS_LATE_RULES]; /* ascending */
	size_t count;
};

/* Rows of one family that the rule takes at most; > MS_LATE_ROWS also where it cannot be late. */
size_t ms_late_rows(const struct ms_rule *rule);
/* Whether they fit in a bank, all of them. */
bool ms_late_fits(const struct ms_policy *policy, const struct ms_late *late);
/* Of a policy that is compiled the runtime rules stay late as long as they leave half of a bank for
 * more, or else none: what came by hand often goes by hand. */
void ms_late_choose(const struct ms_policy *policy, struct ms_late *ret_late);
/* Which rules are late when the steps are taken. False, and nothing changed: one that is to go is
 * not late, or they would be too many. */
bool ms_late_follow(struct ms_late *late, const struct ms_amend *amend);

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
