/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microsegctl as a person runs it, with its answers as JSON. Failures fail the test. */
#ifndef MS_TESTS_HARNESS_CTL_H
#define MS_TESTS_HARNESS_CTL_H

#include <jansson.h>

#include "tests/harness/proc.h"

/* Runs `microsegctl -o json ARGS... NULL`; must exit 0. Result: what it printed, one object a line,
 * as a new array. */
json_t *ms_ctl(const struct ms_proc *daemon, ...) __attribute__((sentinel));
/* The same when only the success matters. */
void ms_ctl_do(const struct ms_proc *daemon, ...) __attribute__((sentinel));
/* Its exit status; `ret_text` (of `size`) gets both of its outputs. */
int ms_ctl_status(const struct ms_proc *daemon, char *ret_text, size_t size, ...)
	__attribute__((sentinel));

/* Value at a path like "applied.generation" or "sessions.0.rule"; fails if absent. Borrowed. */
json_t *ms_ctl_at(json_t *object, const char *path);
json_int_t ms_ctl_int(json_t *object, const char *path);
const char *ms_ctl_text(json_t *object, const char *path);

#endif
