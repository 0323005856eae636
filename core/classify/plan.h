/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy would be compiled to, where there is no daemon that numbers its names. Pure. */
#ifndef MS_CORE_CLASSIFY_PLAN_H
#define MS_CORE_CLASSIFY_PLAN_H

#include "core/base/error.h"
#include "core/classify/engine.h"
#include "core/classify/unobserved.h"
#include "core/policy/model.h"

struct ms_plan {
	struct ms_engine_choice engines[MS_ENGINE_FAMILIES]; /* where no rule is late */
	struct ms_unobserved unobserved; /* where the same words come to the same arguments */
};

/*
 * What `policy`, a merged one, comes to: compiled as the daemon does, and thrown away. `observes`
 * tells which actions only look; NULL = none does. As ms_compile() fails where no daemon can take
 * it; -ENOMEM.
 */
int ms_plan_make(const struct ms_policy *policy,
		 bool (*observes)(const void *user, const char *action), const void *user,
		 struct ms_plan *ret_plan, struct ms_error *err);

#endif
