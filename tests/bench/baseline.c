/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/baseline.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

struct ms_bench_baseline ms_bench_baseline_open(const struct ms_bench *bench, uint32_t sessions)
{
	struct ms_bench_baseline baseline = { .program = -1 };
	struct bpf_program *program;
	struct bpf_map *map;

	if (!bench->baseline_obj)
		return baseline;
	baseline.object = bpf_object__open_file(bench->baseline_obj, NULL);
	if (!baseline.object)
		ms_bench_fail("%s cannot be read: %s", bench->baseline_obj, strerror(errno));
	program = bpf_object__find_program_by_name(baseline.object, bench->baseline_prog);
	if (!program)
		ms_bench_fail("%s has no program %s", bench->baseline_obj, bench->baseline_prog);
	bpf_object__for_each_map(map,
				 baseline.object) if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH &&
						      bpf_map__set_max_entries(map, sessions) < 0)
		ms_bench_fail("table %s cannot be sized", bpf_map__name(map));
	if (bpf_object__load(baseline.object) < 0)
		ms_bench_fail("%s cannot be loaded: %s", bench->baseline_obj, strerror(errno));
	baseline.program = bpf_program__fd(program);
	return baseline;
}

static uint32_t count_entries(const struct bpf_map *map)
{
	enum { AT_ONCE = 65536 };
	ms_cleanup(ms_free) void *keys = calloc(AT_ONCE, bpf_map__key_size(map));
	ms_cleanup(ms_free) void *values = calloc(AT_ONCE, bpf_map__value_size(map));
	uint32_t position, count, sum = 0;
	void *from = NULL;
	int r;

	if (!keys || !values)
		ms_bench_fail("out of memory");
	do {
		count = AT_ONCE;
		r = bpf_map_lookup_batch(bpf_map__fd(map), from, &position, keys, values, &count,
					 NULL);
		if (r < 0 && r != -ENOENT)
			ms_bench_fail("table %s cannot be read: %s", bpf_map__name(map),
				      strerror(-r));
		sum += count;
		from = &position;
	} while (r == 0);
	return sum;
}

void ms_bench_baseline_holds(const struct ms_bench_baseline *baseline, uint32_t flows)
{
	uint32_t held = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, baseline->object)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH)
			held += count_entries(map);
	}
	if (held != flows)
		ms_bench_fail("the baseline's tables hold %u flows, not %u", held, flows);
}

void ms_bench_baseline_close(struct ms_bench_baseline *baseline)
{
	bpf_object__close(baseline->object);
	baseline->object = NULL;
	baseline->program = -1;
}
