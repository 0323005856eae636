/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engines of a policy, as `status` and `policy check` have them in common. */
#ifndef MS_CORE_CONTROL_ENGINES_H
#define MS_CORE_CONTROL_ENGINES_H

#include <jansson.h>

#include "core/classify/engine.h"
#include "core/policy/check.h"

/* A list with an object for each family; `choices` are MS_ENGINE_FAMILIES. NULL = out of memory. */
json_t *ms_control_engines_shape(const struct ms_engine_choice *choices);
/* A warning for each family that is slower than it was meant to be; returns how many.
 * `ret_warnings` has room for MS_ENGINE_FAMILIES. */
size_t ms_control_engines_warn(const struct ms_engine_choice *choices,
			       struct ms_warning *ret_warnings);

#endif
