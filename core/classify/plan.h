/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy would be compiled to, where there is no daemon that numbers its names. Pure. */
#ifndef MS_CORE_CLASSIFY_PLAN_H
#define MS_CORE_CLASSIFY_PLAN_H

#include "core/base/error.h"
#include "core/classify/engine.h"
#include "core/policy/model.h"

/*
 * The engines that `policy`, a merged one, gets where no rule is late: compiled as the daemon does,
 * and thrown away. `ret_choices` has MS_ENGINE_FAMILIES. As ms_compile() fails where no
 * daemon can take it; -ENOMEM.
 */
int ms_plan_engines(const struct ms_policy *policy, struct ms_engine_choice *ret_choices,
		    struct ms_error *err);

#endif
