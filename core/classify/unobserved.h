/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of which nothing runs in audit mode, though some of their actions only look: there are no
 * places left for lists of those alone. Pure. */
#ifndef MS_CORE_CLASSIFY_UNOBSERVED_H
#define MS_CORE_CLASSIFY_UNOBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"

struct ms_unobserved {
	uint32_t count;
	char first[MS_RULE_ID_MAX]; /* in the order of judgement */
};

#define MS_UNOBSERVED_SENTENCE 400 /* bytes that the sentence takes */

/* False: there is no such rule. */
bool ms_unobserved_warn(const struct ms_unobserved *unobserved, char *buf, size_t size);

#endif
