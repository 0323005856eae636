/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/flood.h"

#include <arpa/inet.h>
#include <string.h>

#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define ONE_WAY 65536
#define BEYOND 4 /* times the limit */

struct tally {
	uint32_t limit;
	uint32_t first; /* of the first `limit` flows, two-way ones */
	uint32_t all;
};

static bool tell(void *user, const struct ms_session_raw *raw)
{
	struct tally *tally = user;

	if (raw->half_open)
		return true;
	tally->all++;
	tally->first += ntohl(raw->key.k4.lo) - MS_BENCH_NET < tally->limit;
	return true;
}

static struct tally take(const struct ms_bench_world *world, uint32_t limit)
{
	struct tally tally = { .limit = limit };
	int r = ms_dataplane_session_foreach(world->dp, tell, &tally);

	if (r < 0)
		ms_bench_fail("sessions cannot be walked: %s", strerror(-r));
	return tally;
}

static void flood(const struct ms_bench *bench, enum ms_session_table table)
{
	uint32_t limit = bench->smoke ? 16384 : 131072;
	struct ms_bench_world *world = ms_bench_world_open_on(table, limit, ONE_WAY);
	int ingress = ms_dataplane_program(world->dp, MS_HOOK_INGRESS);
	int egress = ms_dataplane_program(world->dp, MS_HOOK_EGRESS);
	const char *row = ms_dataplane_session_table_name(table);
	struct ms_bench_rules none = { .count = 0 };
	struct tally before, after;

	if (ms_bench_world_put_rules(world, &none) < 0)
		ms_bench_fail("two rules do not fit");
	ms_bench_establish(ingress, egress, 4, limit);
	before = take(world, limit);
	/* The first ones come again, which takes nothing. */
	ms_bench_establish(ingress, egress, 4, BEYOND * limit);
	after = take(world, limit);
	ms_bench_sample(bench, "flood", row, "two-way at the limit", 0, 100.0 * before.all / limit);
	ms_bench_sample(bench, "flood", row, "of these kept", 0,
			100.0 * after.first / before.first);
	ms_bench_sample(bench, "flood", row, "two-way in the end", 0, 100.0 * after.all / limit);
	ms_bench_world_close(world);
}

void ms_bench_flood(const struct ms_bench *bench)
{
	flood(bench, MS_SESSION_TABLE_SET);
	flood(bench, MS_SESSION_TABLE_LRU_HASH);
}
