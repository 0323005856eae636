/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apart from what calls the kernel: helpers have the names of libbpf's functions. */
#include "tests/bpf/member_look_up.h"

#include <string.h>

#include "tests/harness/look_up.h"

static ms_member_read read_table;

static void *ms_host_look_up(const void *map, const void *key)
{
	static const struct {
		const void *map;
		const char *name;
	} tables[] = { { &ms_told4, "ms_told4" },
		       { &ms_told6, "ms_told6" },
		       { &ms_member4, "ms_member4" },
		       { &ms_member6, "ms_member6" } };
	static struct ms_member_sets found[8]; /* two of one table may be looked at together */
	static unsigned int turn;
	struct ms_member_sets *at = &found[turn++ % 8];

	for (unsigned int i = 0; i < 4; i++)
		if (tables[i].map == map)
			return read_table(tables[i].name, key, at) ? at : NULL;
	return NULL;
}

bool ms_member_look_up(const struct ms_asked *asked, ms_member_read read, unsigned int family,
		       const uint8_t *addr, struct ms_member_sets *ret_sets)
{
	struct ms_query query = { .family = (uint8_t)family };
	const struct ms_member_sets *said;

	read_table = read;
	memcpy(query.src, addr, family == 4 ? 4 : 16);
	said = ms_members_of(&query, asked, MS_SET_SRC);
	if (said)
		*ret_sets = *said;
	return said != NULL;
}
