/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is legal but probably not meant: a rule that can never be reached, one the failsafe makes
 * ineffective, an empty failsafe, a set nobody uses. Pure. Warnings never refuse a policy; `policy
 * check --strict` turns them into exit 4.
 */
#ifndef MS_CORE_POLICY_CHECK_H
#define MS_CORE_POLICY_CHECK_H

#include "core/policy/rule_action.h"

struct ms_warning {
	struct ms_origin origin; /* file borrowed from the policy */
	char kind[32];     /* "unreachable", "failsafe", "empty_failsafe", "unused_set", ... */
	char rule[64];     /* id of the rule it is about, "" = none */
	char message[400]; /* one sentence; for "failsafe" with the line to write instead */
};

/* `*ret_warnings` is an array the caller frees. `policy` is a merged one. -ENOMEM */
int ms_policy_check(const struct ms_policy *policy, struct ms_warning **ret_warnings,
		    size_t *ret_count);
/* The same by who knows of actions: where it is known which are loaded, only rules that lack one
 * are warned of. */
int ms_policy_check_with(const struct ms_policy *policy, const struct ms_rule_action_known *known,
			 struct ms_warning **ret_warnings, size_t *ret_count);

#endif
