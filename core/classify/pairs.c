/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/pairs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/cuts.h"
#include "core/classify/spans.h"

#define NESTING_MAX 129
#define SLOTS_MAX (1u << 21)

/* What one row asks of one side. */
struct asked {
	struct ms_spans_prefix prefix; /* best = the row's decision */
	uint32_t row;
};

struct pair {
	uint32_t src, dst; /* ids, as rows have them */
	uint32_t row;
};

/* The distinct prefixes of the sources, or of the destinations. */
struct side {
	struct ms_spans_prefix *prefixes;
	size_t count;
	size_t most; /* that hold one address */
};

struct list {
	uint32_t at;
	uint32_t best;     /* least decision */
	uint32_t src, dst; /* ids */
	size_t steps;      /* that its walk may take */
};

struct builder {
	struct ms_blocks *blocks;
	const struct ms_rows *rows;
	unsigned int family;
	size_t count; /* of rows */
	struct side src, dst;
	struct pair *pairs;
	const struct ms_row_rest **entries; /* of one list */
	struct ms_pairs_root root;
	struct list *lists; /* by source, then by destination */
	size_t n_lists;
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

/* Numbers the distinct prefixes of one side and tells each pair. */
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
		*(is_dst ? &pair->dst : &pair->src) =
			ms_spans_id(&asked[i].prefix, side->count - 1);
	}
	return 0;
}

/* Each prefix learns the lengths that it is paired with. */
static void introduce(struct builder *builder)
{
	for (size_t i = 0; i < builder->count; i++) {
		const struct pair *pair = &builder->pairs[i];
		struct ms_spans_prefix *src = &builder->src.prefixes[ms_spans_place(pair->src)];
		struct ms_spans_prefix *dst = &builder->dst.prefixes[ms_spans_place(pair->dst)];

		src->partners |= 1ull << (dst->len & MS_ROW_LEN_MASK);
		dst->partners |= 1ull << (src->len & MS_ROW_LEN_MASK);
	}
}

static int build_side(struct builder *builder, struct side *side, uint32_t *ret_root)
{
	return ms_spans_build(builder->blocks, builder->family, side->prefixes, side->count,
			      ret_root, &side->most);
}

/* ---- lists ---- */

static int put_list(struct builder *builder, const struct pair *pair, size_t count)
{
	uint32_t at = 0, cut, best = builder->entries[0]->decision, *words;
	size_t steps_cut, steps, n_words;
	int r = ms_cuts_build(builder->blocks, builder->entries, count, &cut, &steps_cut);

	if (r == 0 && cut)
		r = ms_cuts_reduce(builder->entries, count, &count);
	if (r < 0)
		return r;
	/* An empty run is one entry that nothing matches. */
	n_words = count ? ms_cuts_run_words(builder->entries, count) : MS_ENTRY_WORDS;
	r = ms_blocks_alloc(builder->blocks, MS_LIST_RUN + n_words, &at);
	if (r < 0)
		return r;
	words = &builder->blocks->words[at];
	words[MS_LIST_SRC] = pair->src;
	words[MS_LIST_DST] = pair->dst;
	words[MS_LIST_CUT] = cut;
	words[MS_LIST_RUN + MS_ENTRY_DECISION] = MS_DECISION_NONE;
	ms_cuts_put_run(builder->entries, count, &words[MS_LIST_RUN]);
	steps = ms_cuts_run_steps(builder->entries, count);
	if (cut && steps_cut > steps)
		steps = steps_cut;
	builder->lists[builder->n_lists++] = (struct list) {
		.at = at,
		.best = best,
		.src = pair->src,
		.dst = pair->dst,
		.steps = steps,
	};
	return 0;
}

/* Sixteen bits a list. */
static int build_filter(struct builder *builder)
{
	struct ms_pairs_root *root = &builder->root;
	size_t n_words = 16;
	int r;

	while (n_words < builder->n_lists / 2)
		n_words *= 2;
	r = ms_blocks_alloc_slots(builder->blocks, n_words, &root->filter);
	if (r < 0)
		return r;
	root->filter_mask = (uint32_t)n_words - 1;
	for (size_t i = 0; i < builder->n_lists; i++) {
		uint64_t hash = ms_pairs_hash(builder->lists[i].src, builder->lists[i].dst);

		builder->blocks->words[root->filter + (hash >> 32 & root->filter_mask)] |=
			ms_pairs_filter(hash);
	}
	return 0;
}

/* False: too many lists would hang on that slot. */
static bool hang(struct builder *builder, const struct list *list)
{
	uint32_t place = (uint32_t)ms_pairs_hash(list->src, list->dst) & builder->root.slot_mask;
	uint32_t *words = builder->blocks->words, *slot = &words[builder->root.slots + place];
	uint32_t best = list->best >> builder->root.best_shift, first = *slot & MS_SLOT_LIST;
	unsigned int length = 1;

	for (uint32_t at = first; at; at = words[at + MS_LIST_NEXT])
		length++;
	if (first && *slot >> MS_SLOT_BEST < best)
		best = *slot >> MS_SLOT_BEST;
	words[list->at + MS_LIST_NEXT] = first;
	*slot = list->at | best << MS_SLOT_BEST;
	return length <= MS_PAIRS_CHAIN;
}

/* A slot or two for each list, and twice that while a chain is too long. */
static int build_slots(struct builder *builder)
{
	/* The last row has the greatest decision. */
	uint32_t greatest = builder->count ? rest_of(builder, builder->count - 1)->decision : 0;
	size_t n_slots = 16;

	while (greatest >> builder->root.best_shift >= 1u << MS_SLOT_BEST_BITS)
		builder->root.best_shift++;
	while (n_slots < builder->n_lists)
		n_slots *= 2;
	for (; n_slots <= SLOTS_MAX; n_slots *= 2) {
		size_t begin = builder->blocks->count, i = 0;
		int r = ms_blocks_alloc_slots(builder->blocks, n_slots, &builder->root.slots);

		if (r < 0)
			return r;
		builder->root.slot_mask = (uint32_t)n_slots - 1;
		while (i < builder->n_lists && hang(builder, &builder->lists[i]))
			i++;
		if (i == builder->n_lists)
			return 0;
		memset(&builder->blocks->words[builder->root.slots], 0, n_slots * sizeof(uint32_t));
		builder->blocks->count = begin;
	}
	builder->blocks->bound =
		(struct ms_engine_bound) { MS_ENGINE_CHAIN, MS_PAIRS_CHAIN, MS_PAIRS_CHAIN + 1 };
	return -ENOSPC;
}

static int by_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->src != y->src)
		return ms_spans_place(x->src) < ms_spans_place(y->src) ? -1 : 1;
	if (x->dst != y->dst)
		return ms_spans_place(x->dst) < ms_spans_place(y->dst) ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static int build_lists(struct builder *builder)
{
	size_t next;
	int r;

	qsort(builder->pairs, builder->count, sizeof(*builder->pairs), by_pair);
	for (size_t first = 0; first < builder->count; first = next) {
		const struct pair *pair = &builder->pairs[first];

		for (next = first; next < builder->count && builder->pairs[next].src == pair->src &&
				   builder->pairs[next].dst == pair->dst;
		     next++)
			builder->entries[next - first] = rest_of(builder, builder->pairs[next].row);
		r = put_list(builder, pair, next - first);
		if (r < 0)
			return r;
	}
	r = build_filter(builder);
	return r < 0 ? r : build_slots(builder);
}

/* ---- bounds ---- */

/* Prefixes open at one place of a side, each within the one before, and a sum to each. */
struct nesting {
	const struct ms_spans_prefix *prefixes[NESTING_MAX];
	size_t sums[NESTING_MAX];
	size_t depth;
};

static bool holds(const struct ms_spans_prefix *outer, const struct ms_spans_prefix *inner)
{
	unsigned int bytes = outer->len / 8, bits = outer->len % 8;

	return memcmp(outer->addr, inner->addr, bytes) == 0 &&
	       (bits == 0 || (outer->addr[bytes] ^ inner->addr[bytes]) >> (8 - bits) == 0);
}

/* Prefixes come in order. Returns the sum of `value` and of all that hold `prefix`. */
static size_t enter(struct nesting *nesting, const struct ms_spans_prefix *prefix, size_t value)
{
	while (nesting->depth > 0 && !holds(nesting->prefixes[nesting->depth - 1], prefix))
		nesting->depth--;
	if (nesting->depth > 0)
		value += nesting->sums[nesting->depth - 1];
	nesting->prefixes[nesting->depth] = prefix;
	nesting->sums[nesting->depth++] = value;
	return value;
}

/* Steps for one source besides those of its lists: looking at all rows of a destination, and at
 * each that it is a pair with by their lengths. Of IPv6's, three may look the same. */
static size_t steps_of_source(const struct builder *builder, const struct ms_spans_prefix *src)
{
	size_t partners = (size_t)__builtin_popcountll(src->partners);

	return (builder->dst.most + 1) / MS_PAIRS_ASKED + 1 +
	       (builder->family == 4 ? partners : 3 * partners);
}

/* The steps that a packet can take at most: of the sources around one address the sum, each with
 * the worst destination that it has. */
static size_t most_steps(const struct builder *builder)
{
	struct nesting srcs = { .depth = 0 };
	size_t most = 0, next = 0;

	for (size_t place = 0; place < builder->src.count; place++) {
		const struct ms_spans_prefix *src = &builder->src.prefixes[place];
		struct nesting dsts = { .depth = 0 };
		size_t worst = 0, sum;

		for (; next < builder->n_lists && ms_spans_place(builder->lists[next].src) == place;
		     next++) {
			const struct list *list = &builder->lists[next];

			sum = enter(&dsts, &builder->dst.prefixes[ms_spans_place(list->dst)],
				    list->steps);
			if (sum > worst)
				worst = sum;
		}
		sum = enter(&srcs, src, worst + steps_of_source(builder, src));
		if (sum > most)
			most = sum;
	}
	return most;
}

/* Of no use if a packet could take longer than its look-up may. */
static int check_steps(const struct builder *builder)
{
	size_t most = most_steps(builder);

	if (most <= MS_PAIRS_STEPS)
		return 0;
	builder->blocks->bound = (struct ms_engine_bound) { MS_ENGINE_STEPS, MS_PAIRS_STEPS, most };
	return -E2BIG;
}

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
	introduce(builder);
	r = build_side(builder, &builder->src, &builder->root.src);
	if (r == 0)
		r = build_side(builder, &builder->dst, &builder->root.dst);
	if (r == 0)
		r = build_lists(builder);
	return r == 0 ? check_steps(builder) : r;
}

int ms_pairs_build(struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
		   struct ms_pairs_root *ret_root, struct ms_engine_bound *ret_bound)
{
	struct builder builder = {
		.blocks = blocks,
		.rows = rows,
		.family = family,
		.count = family == 4 ? rows->n_rows4 : rows->n_rows6,
	};
	int r = -ENOMEM;

	builder.pairs = calloc(builder.count + 1, sizeof(*builder.pairs));
	builder.entries = calloc(builder.count + 1, sizeof(*builder.entries));
	builder.lists = calloc(builder.count + 1, sizeof(*builder.lists));
	if (builder.pairs && builder.entries && builder.lists)
		r = build(&builder);
	if (r == 0)
		*ret_root = builder.root;
	else if (r == -ENOSPC || r == -E2BIG)
		*ret_bound = blocks->bound;
	free(builder.src.prefixes);
	free(builder.dst.prefixes);
	free(builder.pairs);
	free(builder.entries);
	free(builder.lists);
	return r;
}
