/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples as lines of tab-separated text, for table.awk and plot.sh:
 *
 *	TABLE ROW COLUMN ROUND VALUE
 *
 * What is compared is measured in turns within each round, in a different order each time, so that
 * what else happens on the machine meets all of it alike; ratios are taken within a round.
 *
 * Where in memory a table lies decides as much as a tenth of what many flows cost, and stays as it
 * is while the table does. So what has tables is compared by parts: they are made anew for each,
 *the other way round in odd ones, and median and quartiles are of all of them.
 */
#ifndef MS_TESTS_BENCH_RESULT_H
#define MS_TESTS_BENCH_RESULT_H

#include "tests/bench/bench.h"

#define MS_BENCH_VARIANTS 16 /* of one comparison, at most */

struct ms_bench_variant {
	const char *column;
	double (*measure)(void *user); /* one sample */
	void *user;
};

void ms_bench_compare(const struct ms_bench *bench, const char *table, const char *row,
		      const struct ms_bench_variant *variants, unsigned int n_variants);

/* Rounds `next` to `end` of a comparison: of one that is begun as { 0 }, part after part. */
struct ms_bench_part {
	unsigned int number; /* 1, 2, ... */
	unsigned int next, end;
};
/* False = there is no further one of `parts`. */
bool ms_bench_next_part(const struct ms_bench *bench, unsigned int parts,
			struct ms_bench_part *part);
void ms_bench_compare_part(const struct ms_bench *bench, const struct ms_bench_part *part,
			   const char *table, const char *row,
			   const struct ms_bench_variant *variants, unsigned int n_variants);
/* One round: a sample of each, into the variant's place. */
void ms_bench_round(const struct ms_bench_variant *variants, unsigned int n_variants,
		    unsigned int round, double *ret_values);
/* Which of `count` has turn `i` in a round. Odd rounds have the order of the one before turned
 * round, so that each is measured behind either neighbour. */
unsigned int ms_bench_turn(unsigned int i, unsigned int round, unsigned int count);

void ms_bench_sample(const struct ms_bench *bench, const char *table, const char *row,
		     const char *column, unsigned int round, double value);
/* A word in a figure's place: "does not fit". */
void ms_bench_word(const struct ms_bench *bench, const char *table, const char *row,
		   const char *column, const char *word);

/* The value that `share` of them do not exceed: 0.5 = the median, 1 = the largest. Sorts them. */
double ms_bench_quantile(double *values, size_t count, double share);

uint64_t ms_bench_cpu_ns(void); /* of this thread: what others take of the CPU is not in it */
/* This thread's and the softirqs' of its CPU, where it must stay; wall-clock time on kernels that
 * keep softirqs off every account (CONFIG_IRQ_TIME_ACCOUNTING). */
uint64_t ms_bench_busy_ns(void);
uint64_t ms_bench_wall_ns(void); /* CLOCK_MONOTONIC */

#endif
