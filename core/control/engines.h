/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy was compiled to, as `status` and `policy check` have them in common. */
#ifndef MS_CORE_CONTROL_ENGINES_H
#define MS_CORE_CONTROL_ENGINES_H

#include <jansson.h>

#include "core/classify/engine.h"
#include "core/classify/unobserved.h"
#include "core/policy/check.h"

/* A list with an object for each family; `choices` are MS_ENGINE_FAMILIES. NULL = out of memory. */
json_t *ms_control_engines_shape(const struct ms_engine_choice *choices);
#define MS_CONTROL_COMPILED_WARNINGS (MS_ENGINE_FAMILIES + 1)
/* Of what a policy was compiled to: a warning for each family that is slower than it was meant to
 * be, and one if rules are looked at by nobody in audit mode; returns how many. `ret_warnings` has
 * room for MS_CONTROL_COMPILED_WARNINGS. */
size_t ms_control_compiled_warn(const struct ms_engine_choice *choices,
				const struct ms_unobserved *unobserved,
				struct ms_warning *ret_warnings);

#endif
