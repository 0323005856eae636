/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of a policy that are more than there is room for, and which rule makes them. Pure. */
#ifndef MS_CORE_CLASSIFY_ROOM_H
#define MS_CORE_CLASSIFY_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_late; /* core/classify/late.h */

/* What rules become of one family, late ones left out. */
struct ms_room {
	unsigned int family;
	uint64_t rows;
	const struct ms_rule
		*most; /* that becomes the most rows, the first of equals; NULL = none */
	uint64_t of_most;
};

/* `late` may be NULL. */
struct ms_room ms_room_count(const struct ms_policy *policy, const struct ms_late *late,
			     unsigned int family);
/*
 * Refuses them, because of `bound`, a sentence's end behind so many rows. The rule that multiplies
 * most is named, with its place. `alone`: it is at fault, as it would not fit without the others
 * either: -E2BIG, else -ENOSPC.
 */
int ms_room_refuse(const struct ms_room *room, bool alone, const char *bound, struct ms_error *err);
/* Refuses what is more than MS_ROWS_MAX rows of a family. */
int ms_room_check(const struct ms_policy *policy, const struct ms_late *late, struct ms_error *err);

#endif
