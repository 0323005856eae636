/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this machine charges for the parts that packets are made of (costs.bpf.c), each alone. With
 * these, what a figure of another table is made of can be told on any machine.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/cleanup.h"
#include "costs.skel.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define TAIL_CALLS 33 /* that the kernel lets a packet take */

struct part {
	const char *row;
	const struct bpf_program *program;
	unsigned int times; /* a run does it */
	uint32_t next;      /* of the plan, at first */
};

struct run {
	const struct part *part;
	int program;
	uint32_t repeat;
};

static void *map_values(const struct bpf_map *map, size_t size)
{
	void *values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (values == MAP_FAILED)
		ms_bench_fail("%s cannot be mapped: %s", bpf_map__name(map), strerror(errno));
	return values;
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) < 0)
		ms_bench_fail("%s cannot be filled: %s", bpf_map__name(map), strerror(errno));
}

static void fill(const struct costs_bpf *skeleton)
{
	const struct bpf_program *selves[] = {
		[MS_BENCH_DIRECT] = skeleton->progs.ms_b_direct,
		[MS_BENCH_INDIRECT] = skeleton->progs.ms_b_indirect,
	};
	const uint32_t key[4] = { 0 };
	const uint64_t value = 0;

	put(skeleton->maps.ms_b_hash, key, &value);
	put(skeleton->maps.ms_b_lru, key, &value);
	for (uint32_t i = 0; i < ms_array_size(selves); i++) {
		int fd = bpf_program__fd(selves[i]);

		put(skeleton->maps.ms_b_selves, &i, &fd);
	}
}

/* A cycle through `count` lines, each as likely as any other behind each (Sattolo). */
static void lay_out(struct ms_bench_line *lines, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		lines[i].next = i;
	srandom(1);
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t other = (uint32_t)random() % i, kept = lines[i].next;

		lines[i].next = lines[other].next;
		lines[other].next = kept;
	}
}

static double measure(void *user)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);
	const struct run *run = user;
	uint32_t code;
	double cost = ms_bench_run(run->program, &frame, run->repeat, &code);

	if (code != (uint32_t)TC_ACT_UNSPEC)
		ms_bench_fail("%s: it was not done", run->part->row);
	return cost / run->part->times;
}

static void compare(const struct ms_bench *bench, struct ms_bench_plan *plan,
		    const struct part *part, uint32_t repeat)
{
	struct run this = { part, bpf_program__fd(part->program), repeat };
	struct run noop = this;
	const struct ms_bench_variant variants[] = {
		{ "no-op", measure, &noop },
		{ "this", measure, &this },
	};

	noop.program = ms_bench_drive()->noop;
	plan->next = part->next;
	ms_bench_compare(bench, "costs", part->row, variants, ms_array_size(variants));
}

void ms_bench_costs(const struct ms_bench *bench)
{
	static const uint32_t sizes_kb[] = { 32, 256, 1024, 4096, 16384, 65536 };
	uint32_t repeat = bench->smoke ? 100 : bench->quick ? 5000 : 20000;
	struct costs_bpf *skeleton = costs_bpf__open_and_load();
	struct ms_bench_line *lines;
	struct ms_bench_plan *plan;

	if (!skeleton)
		ms_bench_fail("the bench of costs cannot be loaded: %s", strerror(errno));
	const struct part parts[] = {
		{ "helper call", skeleton->progs.ms_b_helper, MS_BENCH_TIMES, 0 },
		{ "clock read", skeleton->progs.ms_b_clock, MS_BENCH_TIMES, 0 },
		{ "function call and return", skeleton->progs.ms_b_call, MS_BENCH_TIMES, 0 },
		{ "tail call, known program", skeleton->progs.ms_b_direct, TAIL_CALLS, 0 },
		{ "tail call, index from a map", skeleton->progs.ms_b_indirect, TAIL_CALLS,
		  MS_BENCH_INDIRECT },
		{ "locked addition", skeleton->progs.ms_b_add, MS_BENCH_TIMES, 0 },
		{ "look-up in a hash", skeleton->progs.ms_b_find, MS_BENCH_TIMES, 0 },
		{ "look-up in a hash that evicts", skeleton->progs.ms_b_find_lru, MS_BENCH_TIMES,
		  0 },
	};

	fill(skeleton);
	plan = map_values(skeleton->maps.ms_b_plan, sizeof(*plan));
	lines = map_values(skeleton->maps.ms_b_lines, MS_BENCH_LINES * sizeof(*lines));
	for (size_t i = 0; i < ms_array_size(parts); i++)
		compare(bench, plan, &parts[i], repeat);
	for (size_t i = 0; i < ms_array_size(sizes_kb); i++) {
		struct part part = { NULL, skeleton->progs.ms_b_read, MS_BENCH_TIMES, 0 };
		uint32_t count = sizes_kb[i] * 1024 / sizeof(*lines);
		char row[64];

		if (bench->smoke && sizes_kb[i] > 1024)
			break;
		snprintf(row, sizeof(row), "line read, one of %u kB", sizes_kb[i]);
		part.row = row;
		lay_out(lines, count);
		compare(bench, plan, &part, repeat);
	}
	munmap(lines, MS_BENCH_LINES * sizeof(*lines));
	munmap(plan, sizeof(*plan));
	costs_bpf__destroy(skeleton);
}
