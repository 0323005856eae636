/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bench: sections that measure, each writing samples as lines (result.h). A tool, not a test:
 * what it cannot do ends it with a sentence on stderr and status 1.
 */
#ifndef MS_TESTS_BENCH_BENCH_H
#define MS_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ms_bench {
	FILE *out;
	bool quick;
	bool smoke;               /* only to see that it runs: figures mean nothing */
	unsigned int rounds;      /* samples of every figure */
	const char *rules_dir;    /* ClassBench files, NULL = none */
	const char *baseline_obj; /* a TC object to compare with, NULL = none */
	const char *baseline_prog;
};

void ms_bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Sections are kept on one CPU; what needs not be calls this, for itself and what it starts. */
void ms_bench_roam(void);

/* The sections. Each is called in a process of its own, in namespaces of its own. */
void ms_bench_costs(const struct ms_bench *bench);
void ms_bench_program(const struct ms_bench *bench);
void ms_bench_classify(const struct ms_bench *bench);
void ms_bench_lines(const struct ms_bench *bench);
void ms_bench_control(const struct ms_bench *bench);
void ms_bench_attach(const struct ms_bench *bench);
void ms_bench_memory(const struct ms_bench *bench);
void ms_bench_hook(const struct ms_bench *bench);
void ms_bench_tcp(const struct ms_bench *bench);
void ms_bench_reload(const struct ms_bench *bench);
void ms_bench_gap(const struct ms_bench *bench);

#endif
