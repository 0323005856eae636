/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes between two merged policies, by name and id. Pure. */
#ifndef MS_CORE_POLICY_DIFF_H
#define MS_CORE_POLICY_DIFF_H

#include "core/policy/model.h"

enum ms_change_kind { MS_CHANGE_ADDED, MS_CHANGE_REMOVED, MS_CHANGE_CHANGED, MS_CHANGE_MOVED };
enum ms_change_object { MS_CHANGE_RULE, MS_CHANGE_GROUP, MS_CHANGE_SET, MS_CHANGE_FAILSAFE };

struct ms_change {
	enum ms_change_kind kind;
	enum ms_change_object object;
	char name[64];
	char detail[400]; /* what of it changed, a person's words */
};

/* `*ret_changes` is an array the caller frees. -ENOMEM */
int ms_policy_diff(const struct ms_policy *old_policy, const struct ms_policy *new_policy,
		   struct ms_change **ret_changes, size_t *ret_count);

#endif
