/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What programs find for the actions of a policy, asked of their plugins beforehand: plugins are
 * called on the loop's thread only, and the policy is compiled on another one.
 */
#ifndef MS_CORE_ENCODING_H
#define MS_CORE_ENCODING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/policy/model.h"
#include "core/policy/rule_action.h"

struct ms_encoding;

/* As in struct ms_numbering; `rule` of `policy` is the one whose action it is. */
typedef int (*ms_encoding_ask)(void *user, const struct ms_policy *policy,
			       const struct ms_rule *rule, const struct ms_rule_action *action,
			       struct ms_rule_action_call *ret_call, struct ms_error *err);
/* Whether this action of the rule, whose plugin refuses what it says, may be in force as if it were
 * not there: the rule is on its fallback then. */
typedef bool (*ms_encoding_leave)(void *user, const struct ms_rule *rule, size_t nth);
/* Asks about each action of `policy`, in order, up to the first that is refused and that `leave`
 * (NULL = none) does not let be. `policy` is borrowed. -ENOMEM */
int ms_encoding_new(const struct ms_policy *policy, ms_encoding_ask ask, ms_encoding_leave leave,
		    void *user, struct ms_encoding **ret_encoding);
struct ms_encoding *ms_encoding_free(struct ms_encoding *encoding); /* returns NULL */
/* The answer, for struct ms_numbering: `action` is one of the policy's, by its address, and none
 * that follows the first refused one. */
int ms_encoding_find(const struct ms_encoding *encoding, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err);
/* The arguments alone; NULL: no plugin had the action, or nobody was asked about it. Lent until the
 * encoding is freed. */
const struct ms_action_args *ms_encoding_args(const struct ms_encoding *encoding,
					      const struct ms_rule_action *action);
/* Why its plugin refuses one that was let be, with its place; NULL: it does not. Lent as above. */
const struct ms_error *ms_encoding_refused(const struct ms_encoding *encoding,
					   const struct ms_rule_action *action);

#endif
