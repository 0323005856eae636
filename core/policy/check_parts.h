/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of ms_policy_check(), one file a concern. Each returns 0 or -ENOMEM. */
#ifndef MS_CORE_POLICY_CHECK_PARTS_H
#define MS_CORE_POLICY_CHECK_PARTS_H

#include "core/policy/check.h"

struct ms_check { /* what has been found so far */
	const struct ms_policy *policy;
	const struct ms_rule_action_known *known; /* NULL = nothing */
	struct ms_warning *warnings;
	size_t n_warnings;
};

/* `rule` may be NULL. */
int ms_check_warn(struct ms_check *check, const char *kind, const struct ms_origin *origin,
		  const struct ms_rule *rule, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Rules no packet reaches, because an earlier one decides all of theirs. */
int ms_check_cover(struct ms_check *check);
/* Rules the failsafe makes ineffective, and a failsafe of nothing. */
int ms_check_failsafe(struct ms_check *check);

#endif
