/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every engine begins with: a rule's lists become rows, one per combination and family. */
#ifndef MS_CORE_CLASSIFY_ROWS_H
#define MS_CORE_CLASSIFY_ROWS_H

#include "bpf/lib/rules.h"
#include "core/classify/compile.h"

#define MS_ROWS_MAX (1u << 20) /* of one family */

struct ms_rows {
	struct ms_row4 *rows4; /* in the order of judgement */
	struct ms_row6 *rows6;
	size_t n_rows4, n_rows6;
	size_t n_allocated4, n_allocated6;
	const struct ms_address **fitting; /* of one rule's lists those of one family */
	size_t n_fitting;                  /* that there is room for */
	const struct ms_numbering *numbering;
};

void ms_rows_init(struct ms_rows *rows, const struct ms_numbering *numbering);
void ms_rows_fini(struct ms_rows *rows);
/* How many rows of this family the rule becomes; UINT64_MAX = so many, or more. */
uint64_t ms_rows_of(const struct ms_rule *rule, unsigned int family);
/* Appends the rows of one rule, whose decision is `decision`. The caller has seen to it that all
 * together are not more than MS_ROWS_MAX of a family. -ENOENT for a name without a number, -ENOMEM;
 * there may be some of the rule's rows then. */
int ms_rows_add_rule(struct ms_rows *rows, const struct ms_rule *rule, uint32_t decision,
		     struct ms_error *err);

#endif
