/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A merged policy is amended where it stands, when nothing but a few runtime rules came or went:
 * it is then what a merge of everything would have made of it, at the cost of the change. Pure.
 */
#ifndef MS_CORE_POLICY_AMEND_H
#define MS_CORE_POLICY_AMEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/policy/model.h"

#define MS_AMEND_STEPS_MAX 64 /* more is the business of a merge */

/* One rule comes or goes. Where it stands is said as of this step. */
struct ms_amend_step {
	size_t at;
	bool is_removal;
	const struct ms_rule *rule; /* its like in `before` or `after`, borrowed from there */
	struct ms_rule removed;     /* owned, until fini or undo */
};

/* Zeroed = nothing was amended. */
struct ms_amend {
	struct ms_policy *policy; /* borrowed */
	struct ms_amend_step *steps;
	size_t count;
};

struct ms_amend_inputs {
	/* The runtime rules that `policy` was merged from, and those that it is to have. Both are
	 * borrowed until fini or undo. */
	const struct ms_policy *before, *after;
	/* Does a rule of `policy`, or anything else that can be the author of a verdict, have the
	 * id? */
	bool (*has_id)(void *user, const char *id);
	void *user;
	int64_t now; /* as of a merge */
};

/*
 * 1: `policy` is amended, until ms_amend_undo() or, for good, ms_amend_fini(). 0: this is for a
 * merge to do; so it is if a rule was changed, is over, has the id of a built-in one or of one that
 * is over, and if an error is better said by a merge. Negative: a merge would refuse it. Of 0 and
 * less nothing changed.
 */
int ms_amend_make(struct ms_policy *policy, const struct ms_amend_inputs *inputs,
		  struct ms_amend *ret_amend, struct ms_error *err);
/* Everything is as it was before. Cannot fail. */
void ms_amend_undo(struct ms_amend *amend);
/* What was removed is gone. */
void ms_amend_fini(struct ms_amend *amend);

#endif
