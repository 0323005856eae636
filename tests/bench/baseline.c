/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/baseline.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

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

void ms_bench_baseline_close(struct ms_bench_baseline *baseline)
{
	bpf_object__close(baseline->object);
	baseline->object = NULL;
	baseline->program = -1;
}
