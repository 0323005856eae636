/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/room.h"

#include <errno.h>
#include <stdio.h>

#include "core/classify/late.h"
#include "core/classify/rows.h"
#include "core/policy/builtin.h"

struct ms_room ms_room_count(const struct ms_policy *policy, const struct ms_late *late,
			     unsigned int family)
{
	struct ms_room room = { .family = family };
	size_t next_late = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		uint64_t rows;

		if (late && next_late < late->count && late->rules[next_late] == i) {
			next_late++;
			continue;
		}
		if (ms_builtin_is_icmp_error(&policy->rules[i]))
			continue;
		rows = ms_rows_of(&policy->rules[i], family);
		if (rows > room.of_most) {
			room.most = &policy->rules[i];
			room.of_most = rows;
		}
		room.rows = room.rows + rows < rows ? UINT64_MAX : room.rows + rows;
	}
	return room;
}

int ms_room_refuse(const struct ms_room *room, bool alone, const char *bound, struct ms_error *err)
{
	const struct ms_rule *rule = room->most;
	uint64_t rows = alone ? room->of_most : room->rows;
	const char *least = rows == UINT64_MAX ? "at least " : "";

	/* Of rules that do not multiply none is to be named before the others. */
	if (room->of_most <= 1)
		return ms_error_set(err, -ENOSPC,
				    "the policy does not fit: %llu rows of IPv%u are %s",
				    (unsigned long long)rows, room->family, bound);
	if (alone)
		return ms_error_set_at(
			err, -E2BIG, rule->origin.file, rule->origin.line, rule->origin.column,
			rule->id,
			"rule %s does not fit: it becomes %s%llu rows of IPv%u, one for each "
			"combination of what it lists: %s",
			rule->id, least, (unsigned long long)rows, room->family, bound);
	return ms_error_set_at(
		err, -ENOSPC, rule->origin.file, rule->origin.line, rule->origin.column, rule->id,
		"the policy does not fit: %s%llu rows of IPv%u are %s; the most, %llu, are of rule "
		"%s, one for each combination of what it lists",
		least, (unsigned long long)rows, room->family, bound,
		(unsigned long long)room->of_most, rule->id);
}

int ms_room_check(const struct ms_policy *policy, const struct ms_late *late, struct ms_error *err)
{
	char bound[64];

	snprintf(bound, sizeof(bound), "more than %u", MS_ROWS_MAX);
	for (unsigned int family = 4; family <= 6; family += 2) {
		struct ms_room room = ms_room_count(policy, late, family);

		if (room.rows > MS_ROWS_MAX)
			return ms_room_refuse(&room, room.of_most > MS_ROWS_MAX, bound, err);
	}
	return 0;
}
