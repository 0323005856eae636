/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of a rule as values: copied, compared, freed. Their order is part of them. */
#ifndef MS_CORE_POLICY_RULE_ACTION_H
#define MS_CORE_POLICY_RULE_ACTION_H

#include "core/policy/model.h"
#include "microseg/chain.h"

/* How programs call an action in one place of one rule. */
struct ms_rule_action_call {
	struct ms_action_args args;
	uint8_t slot;  /* of its program, below MS_ACTION_SLOTS */
	bool observes; /* its plugin says so (MS_PLUGIN_ACTION_OBSERVES) */
};

/* What is known of actions by whoever has the descriptions of their plugins. */
struct ms_rule_action_known {
	/* A plugin that is loaded has it. NULL = nobody can tell. */
	bool (*is_loaded)(const void *user, const char *action);
	/* What is_loaded() goes by is what this file would load; NULL = what is loaded now. */
	const char *file;
	/* What is written for `arg` (NULL = without a name) may be the name of a set: it is one, or
	 * the action is known to nobody. */
	bool (*may_be_set)(const void *user, const char *action, const char *arg);
	const void *user;
};

/* May the values of this argument of the action be names of sets? `known` may be NULL. */
bool ms_rule_action_may_be_set(const struct ms_rule_action *action,
			       const struct ms_rule_action_arg *arg,
			       const struct ms_rule_action_known *known);
/* Whether one of them has `set` for such a value. */
bool ms_rule_action_names_set(const struct ms_rule_action *actions, size_t count, const char *set,
			      const struct ms_rule_action_known *known);
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
