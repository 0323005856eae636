/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of a rule as values: copied, compared, freed. Their order is part of them. */
#ifndef MS_CORE_POLICY_RULE_ACTION_H
#define MS_CORE_POLICY_RULE_ACTION_H

#include "core/policy/model.h"

/* A copy in `*ret_actions`, which is NULL and 0 before; on -ENOMEM it holds what was copied. */
int ms_rule_action_copy(const struct ms_rule_action *actions, size_t count,
			struct ms_rule_action **ret_actions, size_t *ret_count);
/* Places do not count. */
bool ms_rule_action_equal(const struct ms_rule_action *a, size_t n_a,
			  const struct ms_rule_action *b, size_t n_b);
void ms_rule_action_fini(struct ms_rule_action *action);
/* All of them and the array. */
void ms_rule_action_free(struct ms_rule_action *actions, size_t count);
/* Takes the `nth` argument out. */
void ms_rule_action_remove_arg(struct ms_rule_action *action, size_t nth);

#endif
