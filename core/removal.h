/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes every trace of microseg off this network namespace: programs from interfaces, pins, the
 * run directory. Exactly what we made, daemon or not. The state directory (an operator's rules)
 * stays unless it is a trial's.
 */
#ifndef MS_CORE_REMOVAL_H
#define MS_CORE_REMOVAL_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/config.h"

/* Says a line per finding on `out` (NULL = silent): "removed WHAT from PLACE", or "would remove
 * ..." (microsegctl makes JSON of it). With `dry_run` removes nothing. */
int ms_removal_run(const struct ms_config *config, bool dry_run, FILE *out, struct ms_error *err);
/* A trial's state directory with the files we put there. */
void ms_removal_forget_state(const struct ms_config *config);

#endif
