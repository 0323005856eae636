/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/result.h"

#include <dirent.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void ms_bench_fail(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ms_bench_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t ms_bench_wall_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* The thread that takes over softirqs of this CPU when there are many: its /proc/PID/schedstat. */
static FILE *open_ksoftirqd(void)
{
	char name[32], comm[64], path[300];
	struct dirent *entry;
	FILE *found = NULL;
	DIR *proc = opendir("/proc");

	snprintf(name, sizeof(name), "ksoftirqd/%d\n", sched_getcpu());
	while (proc && !found && (entry = readdir(proc))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && strcmp(comm, name) == 0) {
			snprintf(path, sizeof(path), "/proc/%s/schedstat", entry->d_name);
			found = fopen(path, "re");
		}
		fclose(file);
	}
	if (proc)
		closedir(proc);
	return found;
}

static bool softirqs_are_apart(void)
{
	return system("{ zcat /proc/config.gz || cat /boot/config-$(uname -r); } 2>/dev/null | "
		      "grep -q '^CONFIG_IRQ_TIME_ACCOUNTING=y'") == 0;
}

uint64_t ms_bench_busy_ns(void)
{
	static FILE *ksoftirqd;
	static int apart = -1;
	unsigned long long ran;

	if (apart < 0) {
		apart = softirqs_are_apart();
		ksoftirqd = open_ksoftirqd();
	}
	if (apart || !ksoftirqd)
		return ms_bench_wall_ns();
	rewind(ksoftirqd);
	if (fscanf(ksoftirqd, "%llu", &ran) != 1)
		ms_bench_fail("the softirqs' time is not known");
	return ms_bench_cpu_ns() + ran;
}

void ms_bench_sample(const struct ms_bench *bench, const char *table, const char *row,
		     const char *column, unsigned int round, double value)
{
	fprintf(bench->out, "%s\t%s\t%s\t%u\t%.2f\n", table, row, column, round, value);
	fflush(bench->out);
}

void ms_bench_word(const struct ms_bench *bench, const char *table, const char *row,
		   const char *column, const char *word)
{
	fprintf(bench->out, "%s\t%s\t%s\t0\t%s\n", table, row, column, word);
	fflush(bench->out);
}

unsigned int ms_bench_turn(unsigned int i, unsigned int round, unsigned int count)
{
	return ((round % 2 ? count - 1 - i : i) + round / 2) % count;
}

void ms_bench_round(const struct ms_bench_variant *variants, unsigned int n_variants,
		    unsigned int round, double *ret_values)
{
	for (unsigned int i = 0; i < n_variants; i++) {
		unsigned int which = ms_bench_turn(i, round, n_variants);

		ret_values[which] = variants[which].measure(variants[which].user);
	}
}

bool ms_bench_next_part(const struct ms_bench *bench, unsigned int parts,
			struct ms_bench_part *part)
{
	if (parts > bench->rounds)
		parts = bench->rounds;
	if (part->number == parts)
		return false;
	part->next = bench->rounds * part->number++ / parts;
	part->end = bench->rounds * part->number / parts;
	return true;
}

void ms_bench_compare_part(const struct ms_bench *bench, const struct ms_bench_part *part,
			   const char *table, const char *row,
			   const struct ms_bench_variant *variants, unsigned int n_variants)
{
	double values[MS_BENCH_VARIANTS];

	/* One round unseen: caches, branch predictors, the CPU's clock. */
	ms_bench_round(variants, n_variants, 0, values);
	for (unsigned int round = part->next; round < part->end; round++) {
		ms_bench_round(variants, n_variants, round, values);
		for (unsigned int i = 0; i < n_variants; i++)
			ms_bench_sample(bench, table, row, variants[i].column, round, values[i]);
	}
}

void ms_bench_compare(const struct ms_bench *bench, const char *table, const char *row,
		      const struct ms_bench_variant *variants, unsigned int n_variants)
{
	const struct ms_bench_part whole = { .end = bench->rounds };

	ms_bench_compare_part(bench, &whole, table, row, variants, n_variants);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double ms_bench_quantile(double *values, size_t count, double share)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[(size_t)(share * (double)(count - 1))];
}
