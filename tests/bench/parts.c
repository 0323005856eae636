/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/parts.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "bpf/lib/packet.h"
#include "bpf/lib/stage.h"
#include "core/base/cleanup.h"
#include "core/event/event.h"
#include "tests/bench/baseline.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define TABLE 131072
#define PARTS 3 /* placements (result.h) */

/* NAME: an object hit_NAME.bpf.o (CMakeLists.txt). */
static const struct {
	const char *row, *name;
	bool counts; /* in the statistics */
} made_of[] = {
	{ "to the control word, the interface's line", "0", false },
	{ "to group, side, ethertype", "1", false },
	{ "to headers that are whole and plain", "2", false },
	{ "to both ends in order, the key", "3", false },
	{ "to its hash", "4", false },
	{ "to the session's line", "5", false },
	{ "to epoch, state, age, clock, length", "6", false },
	{ "to packets and bytes added, locked", "7", false },
	{ "to the end", "8", true },
	{ "without the locked additions", "unlocked", true },
	{ "with one locked addition", "one", true },
	{ "without the statistics", "uncounted", false },
	{ "without both", "neither", false },
};

enum { N_ROWS = ms_array_size(made_of), NOOP = N_ROWS, WHOLE, BASELINE };

struct run {
	int program;
	uint32_t repeat;
};

static double measure(void *user)
{
	const struct run *run = user;
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_TCP, 0, MS_TCP_ACK_FLAG);

	return ms_bench_run(run->program, &frame, run->repeat, NULL);
}

static uint64_t counted(const struct ms_bench_world *world)
{
	struct ms_stats stats;
	uint64_t sum = 0;

	if (ms_dataplane_stats(world->dp, &stats) < 0)
		ms_bench_fail("the datapath's counters cannot be read");
	for (unsigned int reason = 0; reason < MS_REASON__COUNT; reason++)
		for (unsigned int verdict = 0; verdict < MS_VERDICT__COUNT; verdict++)
			sum += stats.packets[reason][verdict];
	return sum;
}

static struct bpf_object *load(const struct ms_bench_world *world, const char *name)
{
	struct bpf_object *object;
	char path[sizeof(MS_BENCH_OBJECT_DIR) + 64];

	snprintf(path, sizeof(path), MS_BENCH_OBJECT_DIR "/hit_%s.bpf.o", name);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		ms_bench_fail("%s: %s", path, strerror(errno));
	ms_bench_world_share(world, object);
	return object;
}

/* One that stops early counts nothing; what it gives up goes to the slow program, which does. */
static void check(const struct ms_bench_world *world, size_t row, const struct run *run)
{
	struct run one = { run->program, 1000 };
	uint64_t before = counted(world), moved;

	measure(&one);
	moved = counted(world) - before;
	if (moved != (made_of[row].counts ? one.repeat : 0))
		ms_bench_fail("%s: of %u packets %llu were counted", made_of[row].row, one.repeat,
			      (unsigned long long)moved);
}

static void open_runs(const struct ms_bench_world *world, struct bpf_object **objects,
		      struct run *runs, uint32_t repeat)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		objects[i] = load(world, made_of[i].name);
		runs[i].program =
			bpf_program__fd(bpf_object__find_program_by_name(objects[i], "ms_b_part"));
		check(world, i, &runs[i]);
	}
	runs[NOOP].program = ms_bench_drive()->noop;
	runs[WHOLE].program = ms_dataplane_program(world->dp, MS_HOOK_INGRESS);
	for (size_t i = 0; i <= BASELINE; i++)
		runs[i].repeat = repeat;
}

/* Every row has the round's no-op, whole and baseline beside it. */
static void write_round(const struct ms_bench *bench, unsigned int round, const double *values,
			bool compared)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const char *row = made_of[i].row;

		ms_bench_sample(bench, "hit_parts", row, "no-op", round, values[NOOP]);
		ms_bench_sample(bench, "hit_parts", row, "this", round, values[i]);
		ms_bench_sample(bench, "hit_parts", row, "the whole", round, values[WHOLE]);
		if (compared)
			ms_bench_sample(bench, "hit_parts", row, "baseline", round,
					values[BASELINE]);
	}
}

static void compare(const struct ms_bench *bench, const struct ms_bench_part *part)
{
	struct ms_bench_world *world = ms_bench_world_open(TABLE, TABLE);
	struct ms_bench_baseline baseline = ms_bench_baseline_open(bench, TABLE);
	const struct ms_bench_rules none = { .count = 0 };
	struct ms_bench_variant variants[BASELINE + 1];
	struct bpf_object *objects[N_ROWS];
	struct run runs[BASELINE + 1];
	double values[BASELINE + 1];
	bool compared = baseline.program >= 0;
	uint32_t repeat = bench->smoke ? 10000 : bench->quick ? 100000 : 400000;

	if (ms_bench_world_put_rules(world, &none) < 0)
		ms_bench_fail("two rules do not fit");
	ms_bench_establish_one(ms_dataplane_program(world->dp, MS_HOOK_INGRESS),
			       ms_dataplane_program(world->dp, MS_HOOK_EGRESS), 4, IPPROTO_TCP);
	open_runs(world, objects, runs, repeat);
	runs[BASELINE].program = baseline.program;
	for (size_t i = 0; i <= BASELINE; i++)
		variants[i] = (struct ms_bench_variant) { NULL, measure, &runs[i] };
	ms_bench_round(variants, BASELINE + compared, 0, values);
	for (unsigned int round = part->next; round < part->end; round++) {
		ms_bench_round(variants, BASELINE + compared, round, values);
		write_round(bench, round, values, compared);
	}
	if (compared)
		ms_bench_baseline_holds(&baseline, 1);
	for (size_t i = 0; i < N_ROWS; i++)
		bpf_object__close(objects[i]);
	ms_bench_baseline_close(&baseline);
	ms_bench_world_close(world);
}

void ms_bench_parts(const struct ms_bench *bench)
{
	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, PARTS, &part);)
		compare(bench, &part);
}
