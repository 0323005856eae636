/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>

#include "tests/bench/look_up.h"

#include "tests/bench/bench.h"
#include "tests/harness/look_up.h"

#define GROUP 1 /* the only one of a document of the bench (world.c) */

static const struct ms_bench_tables *asked;

static void *ms_host_look_up(const void *map, const void *key)
{
	uint32_t index = *(const uint32_t *)key;

	if (map == &ms_policy)
		return (void *)asked->head;
	if (map == &ms_blocks && index < asked->n_blocks)
		return (void *)(asked->blocks + index);
	ms_bench_fail("the look-up asked for what it has no need of");
}

/* As ms_pairs_find() walks, with a number of the steps. */
int ms_bench_look_up(const struct ms_bench_tables *tables, const struct ms_bench_header *header,
		     uint32_t *ret_steps)
{
	struct ms_query query = {
		.family = 4,
		.src = { header->src },
		.dst = { header->dst },
		.sport = header->sport,
		.dport = header->dport,
		.what = MS_WHAT_PROTO(header->proto),
		.what_known = ~0u,
		.where = MS_WHERE_GROUP(GROUP) | MS_WHERE_SIDE(MS_SIDE_WORKLOAD),
		.group = GROUP,
		.dirs = 1 << MS_DIR_OUT,
	};
	int left = 1;

	asked = tables;
	*ret_steps = 0;
	if (!ms_pairs_begin(&query))
		ms_bench_fail("the policy has no pairs");
	while (left) {
		left = ms_pairs_step(&query);
		if (left && query.run & MS_PAIRS_MORE)
			left = ms_pairs_more(&query);
		++*ret_steps;
	}
	return (int)query.found;
}
