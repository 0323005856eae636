/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/ifindex_set.h"

#include <errno.h>
#include <stdlib.h>

void ms_ifindex_set_fini(struct ms_ifindex_set *set)
{
	free(set->numbers);
	*set = (struct ms_ifindex_set)MS_IFINDEX_SET_INIT;
}

int ms_ifindex_set_add(struct ms_ifindex_set *set, uint32_t ifindex)
{
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 16;
		uint32_t *numbers = realloc(set->numbers, room * sizeof(*numbers));

		if (!numbers)
			return -ENOMEM;
		set->numbers = numbers;
		set->room = room;
	}
	set->numbers[set->count++] = ifindex;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void ms_ifindex_set_seal(struct ms_ifindex_set *set)
{
	size_t kept = 0;

	if (set->count == 0)
		return;
	qsort(set->numbers, set->count, sizeof(*set->numbers), compare);
	for (size_t i = 0; i < set->count; i++) {
		if (kept == 0 || set->numbers[kept - 1] != set->numbers[i])
			set->numbers[kept++] = set->numbers[i];
	}
	set->count = kept;
}

bool ms_ifindex_set_has(const struct ms_ifindex_set *set, uint32_t ifindex)
{
	return set->count > 0 &&
	       bsearch(&ifindex, set->numbers, set->count, sizeof(*set->numbers), compare);
}
