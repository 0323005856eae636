/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/store.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "store.skel.h"
#include "store_set.skel.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

/* Some flows find their set and the two others full. */
#define LOST_AT_MOST(flows) ((flows) / 100)

struct table {
	struct ms_bench_world *world;
	struct bpf_object *object;
	struct ms_bench_plan *plan;
	const char *program;
	const char *map; /* a hash, or NULL = lines */
};

enum fill {
	ROOM,    /* an eighth of the limit is taken */
	FULL,    /* up to the limit */
	REFUSED, /* nothing is free any more */
};

struct run {
	struct table *table;
	enum fill fill;
	uint32_t limit, repeat;
};

static struct ms_bench_plan *share_maps(const struct ms_bench_world *world,
					struct bpf_object *object)
{
	void *plan;

	ms_bench_world_share(world, object);
	plan = mmap(NULL, sizeof(struct ms_bench_plan), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_object__find_map_fd_by_name(object, "ms_b_plan"), 0);
	if (plan == MAP_FAILED)
		ms_bench_fail("the plan of storing cannot be mapped: %s", strerror(errno));
	return plan;
}

/* Flow after flow, each for the first time. */
static double go_on(const struct table *table, uint32_t flows)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);
	const struct bpf_program *program =
		bpf_object__find_program_by_name(table->object, table->program);

	table->plan->stored = 0;
	return ms_bench_run(bpf_program__fd(program), &frame, flows, NULL);
}

static void empty_hash(int fd, uint32_t limit)
{
	ms_cleanup(ms_free) struct ms_key4 *keys = calloc(limit, sizeof(*keys));
	ms_cleanup(ms_free) struct ms_session *values = calloc(limit, sizeof(*values));
	uint32_t count, position;
	void *from = NULL;
	int r;

	if (!keys || !values)
		ms_bench_fail("out of memory");
	do {
		count = limit;
		r = bpf_map_lookup_and_delete_batch(fd, from, &position, keys, values, &count,
						    NULL);
		from = &position;
	} while (r == 0);
	if (r != -ENOENT)
		ms_bench_fail("a table cannot be emptied: %s", strerror(-r));
}

static void empty(const struct table *table, uint32_t limit)
{
	struct ms_dataplane_lines *lines = &table->world->dp->lines;

	if (table->map) {
		empty_hash(ms_dataplane_map(table->world->dp, table->map), limit);
		return;
	}
	if (ms_dataplane_lines_map(lines) < 0)
		ms_bench_fail("the lines cannot be mapped");
	memset(lines->tables[0].at, 0, lines->tables[0].size);
	memset(lines->tables[2].at, 0, lines->tables[2].size);
}

static double measure(void *user)
{
	const struct run *run = user;
	const struct table *table = run->table;
	bool evicts = table->map && strcmp(table->map, "ms_half4") == 0;
	double cost;

	if (run->fill != REFUSED) {
		empty(table, run->limit);
		/* What evicts is full only then. */
		go_on(table, run->fill == ROOM ? run->limit / 8
			     : evicts          ? run->limit
					       : run->limit - run->repeat);
	}
	cost = go_on(table, run->repeat);
	if (run->fill == REFUSED && !evicts) {
		if (table->plan->stored > LOST_AT_MOST(run->repeat))
			ms_bench_fail("%u sessions were stored where nothing is free",
				      table->plan->stored);
	} else if (table->plan->stored + LOST_AT_MOST(run->repeat) < run->repeat) {
		ms_bench_fail("of %u sessions %u were stored", run->repeat, table->plan->stored);
	}
	return cost;
}

static double measure_key(void *user)
{
	const struct run *run = user;

	return go_on(run->table, run->repeat);
}

void ms_bench_store(const struct ms_bench *bench)
{
	static const char *const rows[] = {
		[ROOM] = "room", [FULL] = "full", [REFUSED] = "refused"
	};
	uint32_t limit = bench->smoke ? 65536 : bench->quick ? 131072 : 262144;
	struct ms_bench_world *worlds[] = {
		ms_bench_world_open_on(MS_SESSION_TABLE_SET, limit, limit),
		ms_bench_world_open_on(MS_SESSION_TABLE_LRU_HASH, limit, limit),
	};
	struct store_set_bpf *on_set = store_set_bpf__open();
	struct store_bpf *on_hash = store_bpf__open();
	struct table set, hash, evicting, key;

	if (!on_set || !on_hash)
		ms_bench_fail("the bench of storing cannot be opened: %s", strerror(errno));
	set = (struct table) { worlds[0], on_set->obj, share_maps(worlds[0], on_set->obj),
			       "ms_b_store", NULL };
	hash = (struct table) { worlds[1], on_hash->obj, share_maps(worlds[1], on_hash->obj),
				"ms_b_store", "ms_sess4" };
	evicting = hash;
	evicting.program = "ms_b_evict";
	evicting.map = "ms_half4";
	key = hash;
	key.program = "ms_b_key";
	for (enum fill fill = ROOM; fill <= REFUSED; fill++) {
		uint32_t repeat = limit / 16;
		struct run runs[] = {
			{ &key, fill, limit, repeat },
			{ &set, fill, limit, repeat },
			{ &hash, fill, limit, repeat },
			{ &evicting, fill, limit, repeat },
		};
		const struct ms_bench_variant variants[] = {
			{ "key only", measure_key, &runs[0] },
			{ "set", measure, &runs[1] },
			{ "lru_hash", measure, &runs[2] },
			{ "evicting hash", measure, &runs[3] },
		};

		if (fill == REFUSED) {
			go_on(&set, 6 * limit);
			go_on(&hash, limit);
		}
		ms_bench_compare(bench, "store", rows[fill], variants, 4);
	}
	munmap(set.plan, sizeof(*set.plan));
	munmap(hash.plan, sizeof(*hash.plan));
	store_set_bpf__destroy(on_set);
	store_bpf__destroy(on_hash);
	ms_bench_world_close(worlds[1]);
	ms_bench_world_close(worlds[0]);
}
