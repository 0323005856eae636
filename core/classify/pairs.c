/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/pairs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/set_rows.h"
#include "core/classify/spans.h"

/* Runs that an entry may stand in, on the average, before wide ones go apart: fewer rows to look at
 * where there is room for it, less memory where there is not. */
static const size_t spreads[] = { 4, 1 };

/* Rows that ask for a set are asked one by one where there are no more. */
#define FEW_SET_ROWS 4

/* What one row asks of one side. */
struct asked {
	struct ms_spans_prefix prefix; /* best = the row's decision */
	uint32_t row;
	size_t pair;
};

/* By what a row is found. */
enum part { PART_SRC, PART_SRC_SET, PART_DST_SET, PART__COUNT };

struct pair {
	uint32_t key;   /* place of the source's prefix, or a set's id */
	uint32_t place; /* of the destination's prefix; of the source's, if the key is its set */
	uint32_t row;
};

/* The distinct prefixes of the sources, or of the destinations. */
struct side {
	struct ms_spans_prefix *prefixes;
	size_t count;
};

struct builder {
	const struct ms_rows *rows;
	unsigned int family;
	size_t count; /* of rows */
	struct pair *pairs;
	size_t ends[PART__COUNT]; /* of each part's pairs, one behind the other */
	struct side src, dst, set_src;
	struct ms_cuts_entry *entries; /* of one source */
	const struct ms_cuts_entry **list;
	struct ms_pair_rows writer;
	struct ms_pairs_root root;
	size_t *steps; /* that the rows from one on may take, by the place of its prefix */
	struct ms_set_rows_steps set_steps;
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

/* Numbers the distinct prefixes of one side of the pairs [first, end), and tells each its place. */
static int number_side(struct builder *builder, size_t first, size_t end, bool is_dst,
		       struct side *side)
{
	ms_cleanup(ms_free) struct asked *asked = calloc(end - first + 1, sizeof(*asked));
	size_t count = end - first;

	side->prefixes = calloc(count + 1, sizeof(*side->prefixes));
	if (!asked || !side->prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = builder->pairs[first + i].row;

		asked[i].prefix = prefix_of(builder, row, is_dst);
		asked[i].prefix.best = rest_of(builder, row)->decision;
		asked[i].row = row;
		asked[i].pair = first + i;
	}
	qsort(asked, count, sizeof(*asked), by_prefix);
	for (size_t i = 0; i < count; i++) {
		struct pair *pair = &builder->pairs[asked[i].pair];
		const struct ms_spans_prefix *last = side->prefixes + side->count;

		/* The first of equal ones is the first row: it has the best decision. */
		if (side->count == 0 || ms_spans_compare(last - 1, &asked[i].prefix) != 0)
			side->prefixes[side->count++] = asked[i].prefix;
		/* A row that stands with its source's prefix has both. */
		*(side == &builder->src ? &pair->key : &pair->place) = (uint32_t)side->count;
	}
	ms_spans_nest(side->prefixes, side->count);
	return 0;
}

/* A place is what an address is looked up to. */
static void number_places(struct side *side)
{
	for (size_t i = 0; i < side->count; i++)
		side->prefixes[i].leaf = (uint32_t)i + 1;
}

/* ---- parts ---- */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Of all rows, sorted. */
static void list_sets(const struct builder *builder, bool is_dst, uint32_t *ret_sets)
{
	for (size_t i = 0; i < builder->count; i++) {
		const struct ms_row_rest *rest = rest_of(builder, i);

		ret_sets[i] = is_dst ? rest->dst_set : rest->src_set;
	}
	qsort(ret_sets, builder->count, sizeof(*ret_sets), by_number);
}

/* How many are below `set`. */
static size_t count_below(const uint32_t *sets, size_t count, uint64_t set)
{
	size_t first = 0, end = count;

	while (first < end) {
		size_t half = first + (end - first) / 2;

		if (sets[half] < set)
			first = half + 1;
		else
			end = half;
	}
	return first;
}

static size_t count_of(const uint32_t *sets, size_t count, uint32_t set)
{
	return count_below(sets, count, (uint64_t)set + 1) - count_below(sets, count, set);
}

/* Between two sets: with the one that fewer rows ask for. */
static enum part part_of(const struct builder *builder, size_t row, const uint32_t *srcs,
			 const uint32_t *dsts)
{
	const struct ms_row_rest *rest = rest_of(builder, row);

	if (!rest->src_set || !rest->dst_set)
		return rest->dst_set ? PART_DST_SET : rest->src_set ? PART_SRC_SET : PART_SRC;
	return count_of(srcs, builder->count, rest->src_set) <=
			       count_of(dsts, builder->count, rest->dst_set)
		       ? PART_SRC_SET
		       : PART_DST_SET;
}

static int part_rows(struct builder *builder)
{
	ms_cleanup(ms_free) uint32_t *srcs = calloc(builder->count + 1, sizeof(*srcs));
	ms_cleanup(ms_free) uint32_t *dsts = calloc(builder->count + 1, sizeof(*dsts));
	ms_cleanup(ms_free) uint8_t *parts = calloc(builder->count + 1, sizeof(*parts));
	bool by_sets = ms_pairs_by_sets(builder->rows, builder->family);
	size_t n = 0;

	if (!srcs || !dsts || !parts)
		return -ENOMEM;
	if (by_sets) {
		list_sets(builder, false, srcs);
		list_sets(builder, true, dsts);
	}
	for (size_t i = 0; i < builder->count; i++)
		parts[i] = by_sets ? (uint8_t)part_of(builder, i, srcs, dsts) : PART_SRC;
	for (enum part part = 0; part < PART__COUNT; part++) {
		for (size_t i = 0; i < builder->count; i++)
			if (parts[i] == part)
				builder->pairs[n++].row = (uint32_t)i;
		builder->ends[part] = n;
	}
	return 0;
}

/* ---- rows ---- */

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static int expect_steps(const struct builder *builder, size_t needed, size_t most)
{
	if (needed <= most)
		return 0;
	builder->writer.blocks->bound = (struct ms_engine_bound) { MS_ENGINE_STEPS, most, needed };
	return -E2BIG;
}

/* Of no use if a packet could take longer than its look-up may: through all rows around one
 * address, none of which takes no step, those of sets, and one more to see the end. */
static int check_steps(const struct builder *builder)
{
	size_t most = 1;
	int r;

	for (size_t place = 1; place <= builder->src.count; place++) {
		builder->steps[place] += builder->steps[builder->src.prefixes[place - 1].outer];
		if (builder->steps[place] >= most)
			most = builder->steps[place] + 1;
	}
	r = expect_steps(builder, most + builder->set_steps.told, MS_PAIRS_STEPS);
	return r < 0 ? r
		     : expect_steps(builder, most + builder->set_steps.all, MS_PAIRS_STEPS_MOST);
}

static int build_rows(struct builder *builder)
{
	size_t count = builder->ends[PART_SRC], next;

	qsort(builder->pairs, count, sizeof(*builder->pairs), by_key);
	for (size_t first = 0; first < count; first = next) {
		uint32_t place = builder->pairs[first].key;
		struct ms_spans_prefix *prefix = &builder->src.prefixes[place - 1];
		int r;

		for (next = first; next < count && builder->pairs[next].key == place; next++) {
			const struct pair *pair = &builder->pairs[next];

			builder->list[next - first] = &builder->entries[next - first];
			builder->entries[next - first] = (struct ms_cuts_entry) {
				.rest = rest_of(builder, pair->row),
				.first = pair->place,
				.last = builder->dst.prefixes[pair->place - 1].last,
			};
		}
		if (prefix->outer)
			prefix->leaf = builder->src.prefixes[prefix->outer - 1].leaf;
		r = ms_pair_rows_put(&builder->writer, builder->list, next - first, &prefix->leaf,
				     &builder->steps[place]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- sets ---- */

static void sort_part(struct builder *builder, enum part part)
{
	size_t first = builder->ends[part - 1];

	for (size_t i = first; i < builder->ends[part]; i++) {
		const struct ms_row_rest *rest = rest_of(builder, builder->pairs[i].row);

		builder->pairs[i].key = part == PART_DST_SET ? rest->dst_set : rest->src_set;
	}
	qsort(builder->pairs + first, builder->ends[part] - first, sizeof(*builder->pairs), by_key);
}

/* Rows of one side's sets. What its row says anyway an entry does not ask for. */
static int build_set_rows(struct builder *builder, enum part part, uint32_t at)
{
	size_t first = builder->ends[part - 1], count = builder->ends[part] - first;
	ms_cleanup(ms_free) struct ms_set_rows_item *items = calloc(count + 1, sizeof(*items));
	ms_cleanup(ms_free) struct ms_row_rest *rests = calloc(count + 1, sizeof(*rests));
	const struct side *side = part == PART_DST_SET ? &builder->set_src : &builder->dst;

	if (!items || !rests)
		return -ENOMEM;
	sort_part(builder, part);
	for (size_t i = 0; i < count; i++) {
		const struct pair *pair = &builder->pairs[first + i];

		rests[i] = *rest_of(builder, pair->row);
		*(part == PART_DST_SET ? &rests[i].dst_set : &rests[i].src_set) = 0;
		items[i] = (struct ms_set_rows_item) {
			.set = pair->key,
			.entry = { .rest = &rests[i],
				   .first = pair->place,
				   .last = side->prefixes[pair->place - 1].last },
		};
	}
	return ms_set_rows_put(&builder->writer, items, count, at, &builder->set_steps);
}

/* Places of sources are few, and looked up for these rows alone: without IPv4's array. */
static int build_sets(struct builder *builder)
{
	struct ms_blocks *blocks = builder->writer.blocks;
	size_t first = builder->ends[PART_SRC_SET];
	uint32_t at, *part;
	int r;

	if (builder->ends[PART_SRC] == builder->count)
		return 0;
	r = ms_blocks_alloc(blocks, 2 * MS_SETS_WORDS, &at);
	if (r == 0)
		r = build_set_rows(builder, PART_SRC_SET, at);
	if (r == 0)
		r = number_side(builder, first, builder->count, false, &builder->set_src);
	if (r < 0)
		return r;
	number_places(&builder->set_src);
	ms_pair_rows_measure(&builder->writer, builder->set_src.count);
	builder->root.sets = at;
	at += MS_SETS_WORDS;
	r = build_set_rows(builder, PART_DST_SET, at);
	part = &blocks->words[at];
	part[MS_SETS_PLACE_SHIFT] = builder->writer.place_shift;
	part[MS_SETS_REGION_SHIFT] = builder->writer.region_shift;
	return r < 0 ? r
		     : ms_spans_build(blocks, 6, builder->set_src.prefixes, builder->set_src.count,
				      &part[MS_SETS_PLACES]);
}

/* ---- all of it ---- */

static int build(struct builder *builder)
{
	struct ms_blocks *blocks = builder->writer.blocks;
	int r = part_rows(builder);

	if (r == 0)
		r = number_side(builder, 0, builder->ends[PART_SRC], false, &builder->src);
	if (r == 0)
		r = number_side(builder, 0, builder->ends[PART_SRC_SET], true, &builder->dst);
	if (r < 0)
		return r;
	number_places(&builder->dst);
	ms_pair_rows_measure(&builder->writer, builder->dst.count);
	builder->root.place_shift = builder->writer.place_shift;
	builder->root.region_shift = builder->writer.region_shift;
	r = build_rows(builder);
	if (r == 0)
		r = build_sets(builder);
	if (r == 0)
		r = check_steps(builder);
	if (r == 0)
		r = ms_spans_build(blocks, builder->family, builder->src.prefixes,
				   builder->src.count, &builder->root.src);
	if (r == 0)
		r = ms_spans_build(blocks, builder->family, builder->dst.prefixes,
				   builder->dst.count, &builder->root.dst);
	return r;
}

static int build_once(struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
		      size_t most_spread, struct ms_pairs_root *ret_root)
{
	struct builder builder = {
		.rows = rows,
		.family = family,
		.count = family == 4 ? rows->n_rows4 : rows->n_rows6,
		.writer = { .blocks = blocks, .most_spread = most_spread },
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
	free(builder.set_src.prefixes);
	free(builder.pairs);
	free(builder.entries);
	free(builder.list);
	free(builder.steps);
	return r;
}

bool ms_pairs_by_sets(const struct ms_rows *rows, unsigned int family)
{
	size_t count = family == 4 ? rows->n_rows4 : rows->n_rows6, n_asking = 0;

	for (size_t i = 0; i < count && n_asking <= FEW_SET_ROWS; i++) {
		const struct ms_row_rest *rest =
			family == 4 ? &rows->rows4[i].rest : &rows->rows6[i].rest;

		n_asking += (rest->src_set || rest->dst_set);
	}
	return n_asking > FEW_SET_ROWS;
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
