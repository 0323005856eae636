/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/pairs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/cuts.h"
#include "core/classify/spans.h"

/* Runs that an entry may stand in, on the average, before wide ones go apart: fewer rows to look at
 * where there is room for it, less memory where there is not. */
static const size_t spreads[] = { 4, 1 };

/* What one row asks of one side. */
struct asked {
	struct ms_spans_prefix prefix; /* best = the row's decision */
	uint32_t row;
};

struct pair {
	uint32_t src, dst; /* places of the prefixes */
	uint32_t row;
};

/* The distinct prefixes of the sources, or of the destinations. */
struct side {
	struct ms_spans_prefix *prefixes;
	size_t count;
};

struct builder {
	struct ms_blocks *blocks;
	const struct ms_rows *rows;
	unsigned int family;
	size_t count; /* of rows */
	struct side src, dst;
	struct pair *pairs;
	struct ms_cuts_entry *entries; /* of one source */
	const struct ms_cuts_entry **list;
	size_t most_spread;
	struct ms_pairs_root root;
	size_t *steps; /* that the rows from one on may take, by the place of its prefix */
};

/* ---- prefixes ---- */

static struct ms_spans_prefix prefix_of(const struct builder *builder, size_t row, bool is_dst)
{
	struct ms_spans_prefix prefix = { .len = 0 };
	const void *addr, *mask;
	unsigned int size = builder->family == 4 ? 4 : 16;
	uint8_t bytes[16];

	if (builder->family == 4) {
		const struct ms_row4 *row4 = &builder->rows->rows4[row];

		addr = is_dst ? &row4->dst : &row4->src;
		mask = is_dst ? &row4->dst_mask : &row4->src_mask;
	} else {
		const struct ms_row6 *row6 = &builder->rows->rows6[row];

		addr = is_dst ? row6->dst : row6->src;
		mask = is_dst ? row6->dst_mask : row6->src_mask;
	}
	memcpy(bytes, mask, size);
	for (unsigned int i = 0; i < size; i++)
		prefix.len += (uint8_t)__builtin_popcount(bytes[i]);
	memcpy(prefix.addr, addr, size);
	return prefix;
}

static const struct ms_row_rest *rest_of(const struct builder *builder, size_t row)
{
	return builder->family == 4 ? &builder->rows->rows4[row].rest
				    : &builder->rows->rows6[row].rest;
}

static int by_prefix(const void *a, const void *b)
{
	const struct asked *x = a, *y = b;
	int order = ms_spans_compare(&x->prefix, &y->prefix);

	return order ? order : x->row < y->row ? -1 : 1;
}

/* Numbers the distinct prefixes of one side and tells each pair its places. */
static int number_side(struct builder *builder, bool is_dst, struct side *side)
{
	ms_cleanup(ms_free) struct asked *asked = calloc(builder->count + 1, sizeof(*asked));

	side->prefixes = calloc(builder->count + 1, sizeof(*side->prefixes));
	if (!asked || !side->prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < builder->count; i++) {
		asked[i].prefix = prefix_of(builder, i, is_dst);
		asked[i].prefix.best = rest_of(builder, i)->decision;
		asked[i].row = (uint32_t)i;
	}
	qsort(asked, builder->count, sizeof(*asked), by_prefix);
	for (size_t i = 0; i < builder->count; i++) {
		struct pair *pair = &builder->pairs[asked[i].row];
		const struct ms_spans_prefix *last = side->prefixes + side->count;

		/* The first of equal ones is the first row: it has the best decision. */
		if (side->count == 0 || ms_spans_compare(last - 1, &asked[i].prefix) != 0)
			side->prefixes[side->count++] = asked[i].prefix;
		*(is_dst ? &pair->dst : &pair->src) = (uint32_t)side->count;
	}
	return 0;
}

/* ---- rows ---- */

static int by_source(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

/* Which 64ths of the places the destinations of these touch. */
static uint64_t regions_of(const struct builder *builder, const struct ms_cuts_entry *const *list,
			   size_t count)
{
	uint64_t regions = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t first = list[i]->first >> builder->root.region_shift;
		uint32_t last = list[i]->last >> builder->root.region_shift;

		regions |= (~0ull << first) & (~0ull >> (63 - last));
	}
	return regions;
}

/* A row of these entries, before the row at `*next`, which becomes it. */
static int put_row(struct builder *builder, const struct ms_cuts_entry *const *list, size_t count,
		   uint32_t *next, size_t *steps)
{
	bool is_short = count <= MS_CUTS_SHORT;
	size_t run_words = is_short ? ms_cuts_run_words(list, count) : 0;
	uint64_t regions = regions_of(builder, list, count);
	uint32_t at, *row, behind = MS_DECISION_NONE;
	struct ms_cuts_table table;
	int r;

	r = ms_blocks_alloc(builder->blocks, MS_ROW_WORDS + run_words, &at);
	if (r < 0)
		return r;
	if (is_short) {
		ms_cuts_put_run(list, count, &builder->blocks->words[at + MS_ROW_WORDS]);
		table = (struct ms_cuts_table) { .whole = at + MS_ROW_WORDS,
						 .partial = at + MS_ROW_WORDS,
						 .steps = ms_cuts_run_steps(list, count) };
	} else {
		r = ms_cuts_build(builder->blocks, list, count, builder->root.place_shift, &table);
		if (r < 0)
			return r;
	}
	if (*next) {
		row = &builder->blocks->words[*next];
		behind = row[MS_ROW_BEST] < row[MS_ROW_BEHIND] ? row[MS_ROW_BEST]
							       : row[MS_ROW_BEHIND];
	}
	row = &builder->blocks->words[at];
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

/* Rows of these entries of one prefix. Wide ones that would stand in all too many runs have a row
 * of their own, behind. */
static int put_rows(struct builder *builder, const struct ms_cuts_entry **list, size_t count,
		    uint32_t *next, size_t *steps)
{
	size_t spread = 0, n_narrow = count;
	int r = 0;

	if (count > MS_CUTS_SHORT)
		r = ms_cuts_spread(list, count, builder->root.place_shift, &spread);
	/* A piece is so many places, each of which a wide entry would stand in a run of. */
	if (r == 0 && spread << builder->root.place_shift > builder->most_spread * count)
		r = split(list, count, &n_narrow);
	if (r == 0 && n_narrow < count) {
		r = put_rows(builder, list + n_narrow, count - n_narrow, next, steps);
		if (r == 0)
			r = put_rows(builder, list, n_narrow, next, steps);
		return r;
	}
	return r < 0 ? r : put_row(builder, list, count, next, steps);
}

/* Of no use if a packet could take longer than its look-up may: through all rows around one
 * address, none of which takes no step, and one more to see the end. */
static int check_steps(const struct builder *builder)
{
	size_t most = 0;

	for (size_t place = 1; place <= builder->src.count; place++) {
		builder->steps[place] += builder->steps[builder->src.prefixes[place - 1].outer];
		if (builder->steps[place] > most)
			most = builder->steps[place];
	}
	if (most + 1 <= MS_PAIRS_STEPS)
		return 0;
	builder->blocks->bound =
		(struct ms_engine_bound) { MS_ENGINE_STEPS, MS_PAIRS_STEPS, most + 1 };
	return -E2BIG;
}

static int build_rows(struct builder *builder)
{
	size_t next;

	qsort(builder->pairs, builder->count, sizeof(*builder->pairs), by_source);
	for (size_t first = 0; first < builder->count; first = next) {
		uint32_t place = builder->pairs[first].src;
		struct ms_spans_prefix *prefix;
		int r;

		for (next = first; next < builder->count && builder->pairs[next].src == place;
		     next++) {
			const struct pair *pair = &builder->pairs[next];

			builder->list[next - first] = &builder->entries[next - first];
			builder->entries[next - first] = (struct ms_cuts_entry) {
				.rest = rest_of(builder, pair->row),
				.first = pair->dst,
				.last = builder->dst.prefixes[pair->dst - 1].last,
			};
		}
		prefix = &builder->src.prefixes[place - 1];
		if (prefix->outer)
			prefix->leaf = builder->src.prefixes[prefix->outer - 1].leaf;
		r = put_rows(builder, builder->list, next - first, &prefix->leaf,
			     &builder->steps[place]);
		if (r < 0)
			return r;
	}
	return check_steps(builder);
}

/* ---- all of it ---- */

static int build(struct builder *builder)
{
	int r;

	for (size_t i = 0; i < builder->count; i++)
		builder->pairs[i].row = (uint32_t)i;
	r = number_side(builder, false, &builder->src);
	if (r == 0)
		r = number_side(builder, true, &builder->dst);
	if (r < 0)
		return r;
	ms_spans_nest(builder->src.prefixes, builder->src.count);
	ms_spans_nest(builder->dst.prefixes, builder->dst.count);
	for (size_t i = 0; i < builder->dst.count; i++)
		builder->dst.prefixes[i].leaf = (uint32_t)i + 1;
	while (builder->dst.count >> builder->root.place_shift > UINT16_MAX)
		builder->root.place_shift++;
	while (builder->dst.count >> builder->root.region_shift > 63)
		builder->root.region_shift++;
	r = build_rows(builder);
	if (r == 0)
		r = ms_spans_build(builder->blocks, builder->family, builder->src.prefixes,
				   builder->src.count, &builder->root.src);
	if (r == 0)
		r = ms_spans_build(builder->blocks, builder->family, builder->dst.prefixes,
				   builder->dst.count, &builder->root.dst);
	return r;
}

static int build_once(struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
		      size_t most_spread, struct ms_pairs_root *ret_root)
{
	struct builder builder = {
		.blocks = blocks,
		.rows = rows,
		.family = family,
		.count = family == 4 ? rows->n_rows4 : rows->n_rows6,
		.most_spread = most_spread,
	};
	int r = -ENOMEM;

	builder.pairs = calloc(builder.count + 1, sizeof(*builder.pairs));
	builder.entries = calloc(builder.count + 1, sizeof(*builder.entries));
	builder.list = calloc(builder.count + 1, sizeof(*builder.list));
	builder.steps = calloc(builder.count + 1, sizeof(*builder.steps));
	if (builder.pairs && builder.entries && builder.list && builder.steps)
		r = build(&builder);
	if (r == 0)
		*ret_root = builder.root;
	free(builder.src.prefixes);
	free(builder.dst.prefixes);
	free(builder.pairs);
	free(builder.entries);
	free(builder.list);
	free(builder.steps);
	return r;
}

int ms_pairs_build(struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
		   struct ms_pairs_root *ret_root, struct ms_engine_bound *ret_bound)
{
	size_t begin = blocks->count;
	int r = -ENOSPC;

	for (size_t i = 0; r == -ENOSPC && i < ms_array_size(spreads); i++) {
		ms_blocks_rewind(blocks, begin);
		r = build_once(blocks, rows, family, spreads[i], ret_root);
	}
	if (r == -ENOSPC || r == -E2BIG)
		*ret_bound = blocks->bound;
	return r;
}
