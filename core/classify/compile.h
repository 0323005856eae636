/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merged policy to image, with the stable numbers (slots, groups, set ids) it is told. Pure.
 *
 * What does not depend on the engine (groups, failsafe, decisions, the head) is made by compile.c;
 * rules become rows (rows.c), and rows the tables of an engine: they are walked as they are
 * (linear), or looked up (pairs.c). Late rules (late.c) are no part of the engine.
 */
#ifndef MS_CORE_CLASSIFY_COMPILE_H
#define MS_CORE_CLASSIFY_COMPILE_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/classify/image.h"
#include "core/policy/model.h"
#include "core/policy/rule_action.h"

struct ms_late; /* core/classify/late.h */
struct ms_decision;

/* The numbers that must stay the same over generations, handed in. Each returns 0 = unknown. */
struct ms_numbering {
	uint32_t (*slot)(void *user, const char *rule_id);
	uint16_t (*group)(void *user, const char *name); /* 1..MS_GROUPS_MAX-1 */
	uint32_t (*set)(void *user, const char *name);
	void *user;
	/* How an action is called in this place; `ret_call` comes zeroed. -ENOENT = it is not
	 * there, which is no failure: the rule is compiled to its fallback. NULL = there is none at
	 * all. */
	int (*action)(void *user, const struct ms_rule_action *action,
		      struct ms_rule_action_call *ret_call, struct ms_error *err);
};

/*
 * `policy` is in the order of judgement; `late` (NULL = none) says which of its rules the engine is
 * not made of: they must fit in a bank, see late.h. `engine` is held to for both families unless it
 * is MS_ENGINE_FASTEST. -ENOSPC with a sentence if the engine cannot hold it, -E2BIG if that is one
 * rule's fault alone, -ENOENT for a name without a number. `*ret_image` is new.
 */
int ms_compile(const struct ms_policy *policy, uint32_t generation,
	       const struct ms_numbering *numbering, enum ms_engine engine,
	       const struct ms_late *late, struct ms_image **ret_image, struct ms_error *err);

/* What a rule decides. Attribution must never be lost silently: no slot, no decision; -ENOENT. */
int ms_compile_decision(const struct ms_rule *rule, const struct ms_numbering *numbering,
			struct ms_decision *ret_decision, struct ms_error *err);

#endif
