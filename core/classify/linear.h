/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The linear engine's compile side: a rule's lists become rows, one per combination. */
#ifndef MS_CORE_CLASSIFY_LINEAR_H
#define MS_CORE_CLASSIFY_LINEAR_H

#include "core/classify/compile.h"

struct ms_linear;

/* Adds the engine's tables to `image`, which outlives it. NULL = out of memory. */
struct ms_linear *ms_linear_new(struct ms_image *image, const struct ms_numbering *numbering);
struct ms_linear *ms_linear_free(struct ms_linear *linear); /* returns NULL */
/* Appends the rows of one rule, whose decision is `decision`. */
int ms_linear_add_rule(struct ms_linear *linear, const struct ms_rule *rule, uint32_t decision,
		       struct ms_error *err);
uint32_t ms_linear_rows4(const struct ms_linear *linear);
uint32_t ms_linear_rows6(const struct ms_linear *linear);

#endif
