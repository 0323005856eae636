/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier alone: headers that a set's own rules match, drawn at random, through the
 * datapath's own functions (classify.bpf.c). What the engine answers is compared with a plain scan
 * before anything is timed.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "classify.skel.h"
#include "core/base/cleanup.h"
#include "tests/bench/drive.h"
#include "tests/bench/lines.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define CHECKED 2000
/* Headers that are asked about again and again, and of how many such handfuls a sample is the mean:
 * one handful is dearer than another. */
#define AGAIN 16
#define HANDFULS 16

struct probe {
	struct classify_bpf *skeleton;
	struct ms_bench_plan *plan;
	struct ms_bench_header *headers;
	uint64_t *samples;
	struct ms_bench_frame frame;
};

struct run {
	struct probe *probe;
	struct bpf_program *program;
	uint32_t repeat;
	double share;     /* timed programs: this quantile of the samples */
	uint32_t handful; /* measure_again(): the next one */
};

static void *map_values(struct bpf_map *map, size_t size)
{
	void *values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (values == MAP_FAILED)
		ms_bench_fail("%s cannot be mapped: %s", bpf_map__name(map), strerror(errno));
	return values;
}

static void open_probe(struct probe *probe, const struct ms_bench_world *world)
{
	probe->skeleton = classify_bpf__open();
	if (!probe->skeleton)
		ms_bench_fail("the classifier's bench cannot be opened: %s", strerror(errno));
	ms_bench_world_share(world, probe->skeleton->obj);
	probe->plan = map_values(probe->skeleton->maps.ms_b_plan, sizeof(*probe->plan));
	probe->headers = map_values(probe->skeleton->maps.ms_b_headers,
				    MS_BENCH_HEADERS * sizeof(*probe->headers));
	probe->samples = map_values(probe->skeleton->maps.ms_b_samples,
				    MS_BENCH_SAMPLES * sizeof(*probe->samples));
	probe->frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);
}

static void close_probe(struct probe *probe)
{
	munmap(probe->plan, sizeof(*probe->plan));
	munmap(probe->headers, MS_BENCH_HEADERS * sizeof(*probe->headers));
	munmap(probe->samples, MS_BENCH_SAMPLES * sizeof(*probe->samples));
	classify_bpf__destroy(probe->skeleton);
}

/* The headers were drawn at random: one behind the other is as good as any order, and the header
 * itself is not waited for. */
static double run_over(const struct run *run, uint32_t first, uint32_t count, uint32_t repeat)
{
	run->probe->plan->first = first;
	run->probe->plan->mask = count - 1;
	return ms_bench_run(bpf_program__fd(run->program), &run->probe->frame, repeat, NULL);
}

static double measure_mean(void *user)
{
	const struct run *run = user;

	return run_over(run, 0, MS_BENCH_HEADERS, run->repeat);
}

/* All that is asked for is in the nearest cache. */
static double measure_again(void *user)
{
	struct run *run = user;
	double sum = 0;

	for (unsigned int i = 0; i < HANDFULS; i++)
		sum += run_over(run, run->handful++ * AGAIN % MS_BENCH_HEADERS, AGAIN,
				run->repeat / HANDFULS);
	return sum / HANDFULS;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double measure_quantile(void *user)
{
	static uint64_t sorted[MS_BENCH_SAMPLES];
	const struct run *run = user;
	uint32_t count = run->repeat < MS_BENCH_SAMPLES ? run->repeat : MS_BENCH_SAMPLES;

	run->probe->plan->next = 0;
	run_over(run, 0, MS_BENCH_HEADERS, count);
	memcpy(sorted, run->probe->samples, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_value);
	return (double)sorted[(size_t)(run->share * (count - 1))];
}

/* The engine's answer, as `trace` gives it, against a scan of the list. */
static void check_answers(struct ms_bench_world *world, const struct ms_bench_rules *rules,
			  const struct ms_bench_header *headers)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_TCP, 0, 0x02);
	struct ms_trace_request request = {
		.ifindex = MS_BENCH_DEVICE,
		.hook = MS_HOOK_INGRESS,
		.half = ms_dataplane_control(world->dp).half,
		.frame = frame.bytes,
		.frame_len = frame.length,
	};
	struct ms_trace_result result;

	for (unsigned int i = 0; i < CHECKED; i++) {
		const struct ms_bench_header near = ms_bench_rules_beside(&headers[i], i),
					     *header = &near;
		uint16_t ports[2] = { htons(header->sport), htons(header->dport) };
		long expected = ms_bench_rules_match(rules, header);

		if (header->proto != IPPROTO_TCP && header->proto != IPPROTO_UDP)
			continue;
		frame.bytes[23] = header->proto;
		memcpy(frame.bytes + 26, &header->src, 4);
		memcpy(frame.bytes + 30, &header->dst, 4);
		memcpy(frame.bytes + 34, ports, 4);
		if (ms_dataplane_trace(world->dp, &request, &result) < 0)
			ms_bench_fail("a header cannot be traced");
		if (result.reason == MS_REASON_BUILTIN)
			continue;
		if (result.slot != ms_bench_world_slot(expected))
			ms_bench_fail("%s, header %u: rule %ld matches first, the engine said "
				      "slot %u, reason %u",
				      rules->name, i, expected, result.slot, result.reason);
	}
}

struct setting {
	struct ms_bench_world *world;
	struct probe *probe;
};

/* With many rules also how long memory is waited for, which for 16 headers in turns is not at all,
 * and how many lines it could be waited for. */
static void compare(const struct ms_bench *bench, const char *row,
		    const struct ms_bench_rules *rules, struct run *ask, struct run *classify,
		    struct run *again)
{
	const struct ms_bench_variant variants[] = {
		{ "question only", measure_mean, ask },
		{ "mean", measure_mean, classify },
		{ "the same 16 in turns", measure_again, again },
	};
	bool waits = rules->n_sets == 0 && rules->count >= (bench->smoke ? 1000 : 9000);
	double far = waits ? ms_bench_lines_from_far(rules) : 0, values[3];

	ms_bench_round(variants, 3, 0, values);
	for (unsigned int round = 0; round < bench->rounds; round++) {
		ms_bench_round(variants, 3, round, values);
		for (unsigned int i = 0; i < 3; i++)
			ms_bench_sample(bench, "classify", row, variants[i].column, round,
					values[i]);
		if (!waits)
			continue;
		ms_bench_sample(bench, "classify_wait", row, "waited", round,
				values[1] - values[2]);
		ms_bench_sample(bench, "classify_wait", row, "lines from far", round, far);
	}
}

static void measure_rules(const struct ms_bench *bench, const struct setting *setting,
			  const char *row, const struct ms_bench_rules *rules)
{
	struct ms_bench_world *world = setting->world;
	ms_cleanup(ms_free) char *document = NULL;
	struct probe *probe = setting->probe;
	struct run ask = { .probe = probe }, classify, again, ask_timed, p50, p99;
	size_t length;
	int r;

	document = ms_bench_rules_document(rules, "", &length);
	r = ms_bench_world_put(world, document, length);
	if (r < 0) {
		ms_bench_word(bench, "classify", row, "mean", "does not fit");
		return;
	}
	ms_bench_word(bench, "classify", row, "engine", world->engine);
	for (uint64_t i = 0, state = 7; i < MS_BENCH_HEADERS; i++)
		probe->headers[i] = ms_bench_rules_header(rules, &state);
	check_answers(world, rules, probe->headers);

	/* A scan of long lists takes its time: as many runs as a tenth of a second holds. */
	ask.program = probe->skeleton->progs.ms_b_classify;
	ask.repeat = 1000;
	r = (int)(measure_mean(&ask) + 1);
	ask.repeat = (bench->smoke   ? 2000000u
		      : bench->quick ? 20000000u
				     : 100000000u) /
		     (unsigned)r;
	if (ask.repeat < 1000)
		ask.repeat = 1000;
	classify = again = ask_timed = p50 = p99 = ask;
	ask.program = probe->skeleton->progs.ms_b_ask;
	ask_timed.program = probe->skeleton->progs.ms_b_ask_timed;
	ask_timed.share = 0.5;
	p50.program = p99.program = probe->skeleton->progs.ms_b_timed;
	p50.share = 0.5;
	p99.share = 0.99;

	compare(bench, row, rules, &ask, &classify, &again);
	/* The clock's own cost is taken off here: the table knows one thing to take off. */
	for (unsigned int round = 0; round < bench->rounds; round++) {
		double clock = measure_quantile(&ask_timed);

		ms_bench_sample(bench, "classify_spread", row, "p50", round,
				measure_quantile(&p50) - clock);
		ms_bench_sample(bench, "classify_spread", row, "p99", round,
				measure_quantile(&p99) - clock);
	}
}

static void measure_files(const struct ms_bench *bench, const struct setting *setting)
{
	static const char *const names[] = { "acl1", "fw1", "ipc1" };
	static const size_t limits[] = { 1000, 0 };
	char row[64];

	for (size_t i = 0; bench->rules_dir && i < ms_array_size(names); i++) {
		for (size_t j = bench->quick; j < ms_array_size(limits); j++) {
			struct ms_bench_rules rules =
				ms_bench_rules_load(bench->rules_dir, names[i], limits[j]);

			snprintf(row, sizeof(row), "%s, %zu rules", names[i], rules.count);
			measure_rules(bench, setting, row, &rules);
			ms_bench_rules_fini(&rules);
		}
	}
}

static void measure_made(const struct ms_bench *bench, const struct setting *setting)
{
	static const size_t sizes[] = { 10, 100, 1000, 10000, 100000 };
	char row[64];

	for (int shape = 0; shape < MS_BENCH_SHAPE__COUNT; shape++) {
		for (size_t i = 0; i < ms_array_size(sizes); i++) {
			struct ms_bench_rules rules;

			if (bench->quick && (sizes[i] == 100 || sizes[i] == 100000 ||
					     (sizes[i] < 10000 && shape != MS_BENCH_SHAPE_MICRO)))
				continue;
			if (bench->smoke && sizes[i] > 1000)
				continue;
			rules = ms_bench_rules_make(shape, sizes[i], 1);
			snprintf(row, sizeof(row), "%s, %zu rules", rules.name, rules.count);
			measure_rules(bench, setting, row, &rules);
			ms_bench_rules_fini(&rules);
		}
	}
}

/* What rules between sets cost: nothing but membership tells them apart. In a world of its own:
 * tables whose memory has been used before are slower, since what they have lies anywhere. */
static void measure_between(const struct ms_bench *bench, size_t n_sets, bool each, bool single)
{
	struct ms_bench_rules rules = ms_bench_rules_make_sets(n_sets, each, single);
	struct probe probe;
	const struct setting setting = { ms_bench_world_open(1024, 1024), &probe };
	char row[64];

	open_probe(&probe, setting.world);
	ms_bench_world_put_members(setting.world, &rules);
	snprintf(row, sizeof(row), "%s, %zu rules", rules.name, rules.count);
	measure_rules(bench, &setting, row, &rules);
	ms_bench_rules_fini(&rules);
	close_probe(&probe);
	ms_bench_world_close(setting.world);
}

static void measure_sets(const struct ms_bench *bench)
{
	static const size_t sizes[] = { 10, 100, 1000, 10000 };

	for (int single = 0; single < 2; single++) {
		for (size_t i = 0; i < ms_array_size(sizes); i++) {
			if (!bench->smoke || sizes[i] <= 100)
				measure_between(bench, sizes[i], false, single);
		}
	}
	measure_between(bench, bench->smoke ? 10 : 310, true, true);
}

void ms_bench_classify(const struct ms_bench *bench)
{
	struct setting setting;
	struct probe probe;

	ms_bench_world_enter();
	setting.world = ms_bench_world_open(1024, 1024);
	setting.probe = &probe;
	open_probe(&probe, setting.world);
	measure_files(bench, &setting);
	measure_made(bench, &setting);
	close_probe(&probe);
	ms_bench_world_close(setting.world);
	measure_sets(bench);
}
