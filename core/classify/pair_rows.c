/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/pair_rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

/* Which 64ths of the places the destinations of these touch. */
static uint64_t regions_of(const struct ms_pair_rows *rows, const struct ms_cuts_entry *const *list,
			   size_t count)
{
	uint64_t regions = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t first = list[i]->first >> rows->region_shift;
		uint32_t last = list[i]->last >> rows->region_shift;

		regions |= (~0ull << first) & (~0ull >> (63 - last));
	}
	return regions;
}

/* A row of these entries, before the row at `*next`, which becomes it. */
static int put_row(struct ms_pair_rows *rows, const struct ms_cuts_entry *const *list, size_t count,
		   uint32_t *next, size_t *steps)
{
	bool is_short = count <= MS_CUTS_SHORT;
	size_t run_words = is_short ? ms_cuts_run_words(list, count) : 0;
	uint64_t regions = regions_of(rows, list, count);
	uint32_t at, *row, behind = MS_DECISION_NONE;
	struct ms_cuts_table table;
	int r;

	r = ms_blocks_alloc(rows->blocks, MS_ROW_WORDS + run_words, &at);
	if (r < 0)
		return r;
	if (is_short) {
		ms_cuts_put_run(list, count, &rows->blocks->words[at + MS_ROW_WORDS]);
		table = (struct ms_cuts_table) { .whole = at + MS_ROW_WORDS,
						 .partial = at + MS_ROW_WORDS,
						 .steps = ms_cuts_run_steps(list, count) };
	} else {
		r = ms_cuts_build(rows->blocks, list, count, rows->place_shift, &table);
		if (r < 0)
			return r;
	}
	if (*next) {
		row = &rows->blocks->words[*next];
		behind = row[MS_ROW_BEST] < row[MS_ROW_BEHIND] ? row[MS_ROW_BEST]
							       : row[MS_ROW_BEHIND];
	}
	row = &rows->blocks->words[at];
	row[MS_ROW_BEST] = list[0]->rest->decision;
	row[MS_ROW_NEXT] = *next;
	row[MS_ROW_BEHIND] = behind;
	row[MS_ROW_TABLE] = table.whole;
	row[MS_ROW_PARTIAL] = table.partial;
	row[MS_ROW_PLACES] = (uint32_t)regions;
	row[MS_ROW_PLACES + 1] = (uint32_t)(regions >> 32);
	*next = at;
	*steps += table.steps;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t width_of(const struct ms_cuts_entry *entry)
{
	return entry->last - entry->first;
}

/* The wider half of the entries to the end, both in their order. `*ret_narrow` = how many are not;
 * all of them if all are as wide. */
static int split(const struct ms_cuts_entry **list, size_t count, size_t *ret_narrow)
{
	ms_cleanup(ms_free) const struct ms_cuts_entry **wide = calloc(count, sizeof(*wide));
	ms_cleanup(ms_free) uint32_t *widths = calloc(count, sizeof(*widths));
	size_t n = 0, n_wide = 0;
	uint32_t limit;

	if (!wide || !widths)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		widths[i] = width_of(list[i]);
	qsort(widths, count, sizeof(*widths), by_number);
	limit = widths[count / 2];
	/* Where the half is as wide as the widest: these and the others. */
	if (limit == widths[count - 1] && limit > widths[0])
		limit--;
	for (size_t i = 0; i < count; i++) {
		if (width_of(list[i]) > limit)
			wide[n_wide++] = list[i];
		else
			list[n++] = list[i];
	}
	memcpy(list + n, wide, n_wide * sizeof(*wide));
	*ret_narrow = n;
	return 0;
}

int ms_pair_rows_put(struct ms_pair_rows *rows, const struct ms_cuts_entry **list, size_t count,
		     uint32_t *next, size_t *steps)
{
	size_t spread = 0, n_narrow = count;
	int r = 0;

	if (count > MS_CUTS_SHORT)
		r = ms_cuts_spread(list, count, rows->place_shift, &spread);
	/* A piece is so many places, each of which a wide entry would stand in a run of. */
	if (r == 0 && spread << rows->place_shift > rows->most_spread * count)
		r = split(list, count, &n_narrow);
	if (r == 0 && n_narrow < count) {
		r = ms_pair_rows_put(rows, list + n_narrow, count - n_narrow, next, steps);
		if (r == 0)
			r = ms_pair_rows_put(rows, list, n_narrow, next, steps);
		return r;
	}
	return r < 0 ? r : put_row(rows, list, count, next, steps);
}

void ms_pair_rows_measure(struct ms_pair_rows *rows, size_t n_places)
{
	rows->place_shift = rows->region_shift = 0;
	while (n_places >> rows->place_shift > UINT16_MAX)
		rows->place_shift++;
	while (n_places >> rows->region_shift > 63)
		rows->region_shift++;
}
