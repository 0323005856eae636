/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the classifier's look-up is made of, counted: steps, lines of 64 bytes that it reads, and
 * how many of these come from far: those that are none of the 1 MB that all headers read most
 * often, about the least that a cache of that size leaves, and those that were not among the 1 MB
 * read last. It needs neither root nor a quiet machine, and each run says the same. The headers are
 * those that `classify` is timed with, in their order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/image.h"
#include "tests/bench/bench.h"
#include "tests/bench/cache.h"
#include "tests/bench/lines.h"
#include "tests/bench/look_up.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define LINE 64
#define CACHE_LINES ((1u << 20) / LINE)
#define CHECKED 500
#define SEEN_MAX 4096 /* lines that one look-up reads */

struct line {
	uint32_t readers; /* headers whose look-up reads it */
	uint32_t number;
	bool near; /* one of the CACHE_LINES that are read most often */
};

static struct ms_bench_tables tables;

/* What the look-up under way has read. */
static uint32_t seen[SEEN_MAX];
static size_t n_seen;

/* ---- what the look-up's code calls (look_up.h) ---- */

/* In the datapath both tables begin with a line; here they lie where they happen to. False: it is
 * in neither. */
static bool find_line(const void *address, uint32_t *ret_line)
{
	uintptr_t at = (uintptr_t)address, blocks = (uintptr_t)tables.blocks;
	size_t size = tables.n_blocks * sizeof(struct ms_block);

	if (at - blocks < size)
		*ret_line = (uint32_t)((at - blocks) / LINE);
	else if (at - (uintptr_t)tables.head < sizeof(*tables.head))
		*ret_line = (uint32_t)(size / LINE);
	else
		return false;
	return true;
}

static void note(const void *address)
{
	uint32_t line;

	if (!find_line(address, &line))
		return;
	for (size_t i = 0; i < n_seen; i++)
		if (seen[i] == line)
			return;
	if (n_seen == SEEN_MAX)
		ms_bench_fail("one look-up reads more than %u lines", SEEN_MAX);
	seen[n_seen++] = line;
}

#define MS_READ_HOOK(name)                                                                         \
	void name(void *address);                                                                  \
	void name(void *address)                                                                   \
	{                                                                                          \
		note(address);                                                                     \
	}
/* What is written, and where functions begin and end. */
#define MS_IGNORED_HOOK(name)                                                                      \
	void name(void *address);                                                                  \
	void name(void *address)                                                                   \
	{                                                                                          \
		(void)address;                                                                     \
	}

MS_READ_HOOK(__tsan_read1)
MS_READ_HOOK(__tsan_read2)
MS_READ_HOOK(__tsan_read4)
MS_READ_HOOK(__tsan_read8)
MS_READ_HOOK(__tsan_read16)
MS_READ_HOOK(__tsan_unaligned_read2)
MS_READ_HOOK(__tsan_unaligned_read4)
MS_READ_HOOK(__tsan_unaligned_read8)
MS_READ_HOOK(__tsan_unaligned_read16)
MS_IGNORED_HOOK(__tsan_write1)
MS_IGNORED_HOOK(__tsan_write2)
MS_IGNORED_HOOK(__tsan_write4)
MS_IGNORED_HOOK(__tsan_write8)
MS_IGNORED_HOOK(__tsan_write16)
MS_IGNORED_HOOK(__tsan_unaligned_write2)
MS_IGNORED_HOOK(__tsan_unaligned_write4)
MS_IGNORED_HOOK(__tsan_unaligned_write8)
MS_IGNORED_HOOK(__tsan_unaligned_write16)
MS_IGNORED_HOOK(__tsan_func_entry)
MS_IGNORED_HOOK(__tsan_func_exit)

void __tsan_read_range(void *address, long size);
void __tsan_read_range(void *address, long size)
{
	note(address);
	note((const char *)address + size - 1);
}

void __tsan_write_range(void *address, long size);
void __tsan_write_range(void *address, long size)
{
	(void)address, (void)size;
}

void __tsan_init(void);
void __tsan_init(void)
{
}

/* ---- counting ---- */

/* Of every header. */
struct figures {
	uint32_t steps[MS_BENCH_HEADERS];
	uint32_t lines[MS_BENCH_HEADERS];
	uint32_t rare[MS_BENCH_HEADERS];   /* lines that are not near */
	uint32_t missed[MS_BENCH_HEADERS]; /* lines that a cache of 1 MB would not have */
};

static int look_up(const struct ms_bench_header *header, uint32_t *ret_steps)
{
	n_seen = 0;
	return ms_bench_look_up(&tables, header, ret_steps);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int by_readers(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->readers != y->readers)
		return x->readers > y->readers ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_number(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void find_near(struct line *lines, size_t count)
{
	qsort(lines, count, sizeof(*lines), by_readers);
	for (size_t i = 0; i < count && i < CACHE_LINES; i++)
		lines[i].near = true;
	qsort(lines, count, sizeof(*lines), by_number);
}

/* Twice: first to see what is read, and how often. */
static void look_up_all(const struct ms_bench_header *headers, struct line *lines, uint32_t count,
			struct figures *figures)
{
	struct ms_bench_cache *cache = ms_bench_cache_new(count, CACHE_LINES);

	for (uint32_t i = 0; i < MS_BENCH_HEADERS; i++) {
		look_up(&headers[i], &figures->steps[i]);
		figures->lines[i] = (uint32_t)n_seen;
		for (size_t j = 0; j < n_seen; j++) {
			lines[seen[j]].readers++;
			ms_bench_cache_read(cache, seen[j]);
		}
	}
	find_near(lines, count);
	for (uint32_t i = 0; i < MS_BENCH_HEADERS; i++) {
		look_up(&headers[i], &figures->steps[i]);
		figures->rare[i] = figures->missed[i] = 0;
		for (size_t j = 0; j < n_seen; j++) {
			figures->rare[i] += !lines[seen[j]].near;
			figures->missed[i] += !ms_bench_cache_read(cache, seen[j]);
		}
	}
	ms_bench_cache_free(cache);
}

static double mean_of(const uint32_t *values)
{
	double sum = 0;

	for (size_t i = 0; i < MS_BENCH_HEADERS; i++)
		sum += values[i];
	return sum / MS_BENCH_HEADERS;
}

/* Sorts them. */
static void write_figures(const struct ms_bench *bench, const char *row, const char *column,
			  uint32_t *values)
{
	char p99[64];

	qsort(values, MS_BENCH_HEADERS, sizeof(*values), by_value);
	snprintf(p99, sizeof(p99), "%s, p99", column);
	ms_bench_sample(bench, "classify_lines", row, column, 0, mean_of(values));
	ms_bench_sample(bench, "classify_lines", row, p99, 0,
			values[(size_t)((MS_BENCH_HEADERS - 1) * 0.99)]);
}

static const void *find_rows(const struct ms_image *image, const char *map, uint32_t *ret_count)
{
	for (size_t i = 0; i < image->n_tables; i++) {
		if (strcmp(image->tables[i].map, map) == 0) {
			*ret_count = image->tables[i].n_rows;
			return image->tables[i].rows;
		}
	}
	ms_bench_fail("the policy has no %s", map);
}

/* What is counted is a look-up that finds what a scan of the list does. */
static void check_answers(const struct ms_bench_rules *rules, const struct ms_image *image,
			  const struct ms_bench_header *headers)
{
	uint32_t n_decisions;
	const struct ms_decision *decisions = find_rows(image, "ms_decisions", &n_decisions);

	for (uint32_t i = 0; i < CHECKED; i++) {
		long expected = ms_bench_rules_match(rules, &headers[i]);
		uint32_t steps;
		int got = look_up(&headers[i], &steps);

		if (got < 0 || decisions[got].slot != ms_bench_world_slot(expected))
			ms_bench_fail("%s, header %u: rule %ld matches first, not decision %d",
				      rules->name, i, expected, got);
	}
}

/* How many lines any header's look-up reads. */
static size_t count_rules(const struct ms_bench_rules *rules, struct figures *figures)
{
	static struct ms_bench_header headers[MS_BENCH_HEADERS];
	ms_cleanup(ms_free) char *document = NULL;
	ms_cleanup(ms_free) struct line *lines = NULL;
	struct ms_image *image = NULL;
	size_t length, read = 0;
	uint32_t count, heads;

	document = ms_bench_rules_document(rules, "", &length);
	if (ms_bench_world_compile(document, length, 1, MS_ENGINE_PAIRS, &image) < 0)
		ms_bench_fail("%s does not fit", rules->name);
	tables.blocks = find_rows(image, "ms_blocks", &tables.n_blocks);
	tables.head = find_rows(image, "ms_policy", &heads);
	count = tables.n_blocks * (uint32_t)(sizeof(struct ms_block) / LINE) + 1;
	lines = calloc(count, sizeof(*lines));
	if (!lines)
		ms_bench_fail("out of memory");
	for (uint32_t i = 0; i < count; i++)
		lines[i].number = i;
	for (uint64_t i = 0, state = 7; i < MS_BENCH_HEADERS; i++)
		headers[i] = ms_bench_rules_header(rules, &state);
	check_answers(rules, image, headers);
	look_up_all(headers, lines, count, figures);
	for (size_t i = 0; i < count; i++)
		read += lines[i].readers > 0;
	if (read == 0)
		ms_bench_fail("no line was counted: a sanitized build cannot");
	ms_image_free(image);
	return read;
}

double ms_bench_lines_from_far(const struct ms_bench_rules *rules)
{
	static struct figures figures;

	count_rules(rules, &figures);
	return mean_of(figures.missed);
}

static void write_rules(const struct ms_bench *bench, const struct ms_bench_rules *rules)
{
	static struct figures figures;
	size_t read = count_rules(rules, &figures);
	char row[64];

	snprintf(row, sizeof(row), "%s, %zu rules", rules->name, rules->count);
	write_figures(bench, row, "steps", figures.steps);
	write_figures(bench, row, "lines", figures.lines);
	write_figures(bench, row, "not in the 1 MB read most", figures.rare);
	write_figures(bench, row, "not in the 1 MB read last", figures.missed);
	ms_bench_sample(bench, "classify_lines", row, "read by any (kB)", 0,
			(double)read * LINE / 1024);
}

void ms_bench_lines(const struct ms_bench *bench)
{
	static const char *const names[] = { "acl1", "fw1", "ipc1" };
	static const size_t sizes[] = { 10000, 100000 };
	struct ms_bench_rules rules;

	for (size_t i = 0; bench->rules_dir && i < ms_array_size(names); i++) {
		rules = ms_bench_rules_load(bench->rules_dir, names[i], 0);
		write_rules(bench, &rules);
		ms_bench_rules_fini(&rules);
	}
	for (int shape = 0; shape < MS_BENCH_SHAPE__COUNT; shape++) {
		for (size_t i = 0; i < ms_array_size(sizes) - bench->quick; i++) {
			rules = ms_bench_rules_make((enum ms_bench_shape)shape, sizes[i], 1);
			write_rules(bench, &rules);
			ms_bench_rules_fini(&rules);
		}
	}
}
