/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/cuts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define COPIES 16 /* an entry may stand in so many runs, on the average over its list */

typedef const struct ms_cuts_entry *const *entries_t;

struct cutter {
	struct ms_blocks *blocks;
	unsigned int place_shift;
	int n_kinds;  /* that may be used */
	bool blind;   /* was any used that a later fragment cannot be asked? */
	size_t left;  /* entries that may still be written */
	size_t steps; /* of the longest run written so far */
};

/* Values of one kind, cut where an entry begins or ends. */
struct pieces {
	uint32_t *starts; /* ascending, the first 0 */
	ssize_t *lengths; /* entries of each */
	size_t count;
	size_t longest, total; /* entries of a piece, and of all together */
};

/* ---- runs ---- */

static bool needs_more(const struct ms_row_rest *entry)
{
	return (entry->what_mask & ~MS_WHAT_PROTO_MASK) ||
	       (entry->where_mask & ~MS_WHERE_GROUP_MASK) || entry->src_set || entry->dst_set;
}

static uint32_t entry_bits(const struct ms_row_rest *entry)
{
	uint32_t bits = entry->what & MS_WHAT_PROTO_MASK & entry->what_mask;

	bits |= MS_ENTRY_GROUP((entry->where & entry->where_mask & MS_WHERE_GROUP_MASK) >> 16);
	bits |= MS_ENTRY_DIRS(entry->dirs);
	if (!(entry->what_mask & MS_WHAT_PROTO_MASK))
		bits |= MS_ENTRY_ANY_PROTO;
	if (!(entry->where_mask & MS_WHERE_GROUP_MASK))
		bits |= MS_ENTRY_ANY_GROUP;
	if (entry->flags & MS_ROW_DENY)
		bits |= MS_ENTRY_DENY;
	if (entry->flags & MS_ROW_PORTS)
		bits |= MS_ENTRY_PORTS;
	if (needs_more(entry))
		bits |= MS_ENTRY_MORE;
	return bits;
}

size_t ms_cuts_run_words(const struct ms_cuts_entry *const *entries, size_t count)
{
	size_t words = count * MS_ENTRY_WORDS;

	for (size_t i = 0; i < count; i++)
		if (needs_more(entries[i]->rest))
			words += MS_ENTRY_WORDS;
	return words;
}

size_t ms_cuts_run_steps(const struct ms_cuts_entry *const *entries, size_t count)
{
	size_t steps = 0, walked = MS_PAIRS_WALKED;

	/* The walk stops at each that needs more and matches so far: at most at all of them. */
	for (size_t i = 0; i < count; i++) {
		if (walked == MS_PAIRS_WALKED) {
			walked = 0;
			steps++;
		}
		walked = needs_more(entries[i]->rest) ? MS_PAIRS_WALKED : walked + 1;
	}
	return steps;
}

void ms_cuts_put_run(const struct ms_cuts_entry *const *entries, size_t count, uint32_t *words)
{
	for (size_t i = 0; i < count; i++) {
		const struct ms_row_rest *rest = entries[i]->rest;

		words[MS_ENTRY_SPORT] = rest->sport_first | (uint32_t)rest->sport_last << 16;
		words[MS_ENTRY_DPORT] = rest->dport_first | (uint32_t)rest->dport_last << 16;
		words[MS_ENTRY_DECISION] = rest->decision;
		words[MS_ENTRY_WHAT] = entry_bits(rest) | (i + 1 == count ? MS_ENTRY_LAST : 0);
		words[MS_ENTRY_FIRST] = entries[i]->first;
		words[MS_ENTRY_END] = entries[i]->last;
		words[MS_ENTRY_SET] = rest->src_set ? rest->src_set : rest->dst_set;
		words += MS_ENTRY_WORDS;
		if (!needs_more(rest))
			continue;
		words[0] = rest->what;
		words[1] = rest->what_mask;
		words[2] = rest->where;
		words[3] = rest->where_mask;
		words[4] = rest->src_set;
		words[5] = rest->dst_set;
		words += MS_ENTRY_WORDS;
	}
}

static int put_run(struct cutter *cutter, entries_t entries, size_t count, uint32_t *ret_run)
{
	size_t steps;
	uint32_t at;
	int r;

	if (count == 0) {
		*ret_run = 0;
		return 0;
	}
	r = ms_blocks_alloc(cutter->blocks, ms_cuts_run_words(entries, count), &at);
	if (r < 0)
		return r;
	ms_cuts_put_run(entries, count, &cutter->blocks->words[at]);
	cutter->left -= count < cutter->left ? count : cutter->left;
	steps = ms_cuts_run_steps(entries, count);
	if (steps > cutter->steps)
		cutter->steps = steps;
	*ret_run = at;
	return 0;
}

/* ---- where to cut ---- */

static void span_of(const struct cutter *cutter, const struct ms_cuts_entry *entry,
		    enum ms_cut kind, uint32_t *ret_first, uint32_t *ret_last)
{
	const struct ms_row_rest *rest = entry->rest;
	bool asked = true;

	switch (kind) {
	case MS_CUT_PLACE:
		*ret_first = entry->first >> cutter->place_shift;
		*ret_last = entry->last >> cutter->place_shift;
		break;
	case MS_CUT_PROTO:
		asked = rest->what_mask & MS_WHAT_PROTO_MASK;
		*ret_first = *ret_last = rest->what & MS_WHAT_PROTO_MASK;
		break;
	case MS_CUT_GROUP:
		asked = rest->where_mask & MS_WHERE_GROUP_MASK;
		*ret_first = *ret_last = (rest->where & MS_WHERE_GROUP_MASK) >> 16;
		break;
	case MS_CUT_DPORT:
		*ret_first = rest->dport_first;
		*ret_last = rest->dport_last;
		break;
	default:
		*ret_first = rest->sport_first;
		*ret_last = rest->sport_last;
	}
	if (!asked) {
		*ret_first = 0;
		*ret_last = UINT16_MAX;
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static size_t piece_of(const struct pieces *pieces, uint32_t value)
{
	size_t low = 0, high = pieces->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (pieces->starts[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* `pieces` has room for twice the entries and two. */
static void cut_pieces(const struct cutter *cutter, entries_t entries, size_t count,
		       enum ms_cut kind, struct pieces *pieces)
{
	uint32_t *starts = pieces->starts, first, last;
	ssize_t length = 0;
	size_t n = 0;

	starts[n++] = 0;
	for (size_t i = 0; i < count; i++) {
		span_of(cutter, entries[i], kind, &first, &last);
		if (first > 0)
			starts[n++] = first;
		if (last < UINT16_MAX)
			starts[n++] = last + 1;
	}
	qsort(starts, n, sizeof(*starts), by_number);
	pieces->count = pieces->longest = pieces->total = 0;
	for (size_t i = 0; i < n; i++)
		if (pieces->count == 0 || starts[pieces->count - 1] != starts[i])
			starts[pieces->count++] = starts[i];
	memset(pieces->lengths, 0, (pieces->count + 1) * sizeof(*pieces->lengths));
	for (size_t i = 0; i < count; i++) {
		span_of(cutter, entries[i], kind, &first, &last);
		pieces->lengths[piece_of(pieces, first)]++;
		pieces->lengths[piece_of(pieces, last) + 1]--;
	}
	for (size_t i = 0; i < pieces->count; i++) {
		length += pieces->lengths[i];
		pieces->lengths[i] = length;
		pieces->total += (size_t)length;
		if ((size_t)length > pieces->longest)
			pieces->longest = (size_t)length;
	}
}

/* ---- cuts ---- */

/* Runs already written for one cut, so that equal ones are written once. */
struct written {
	entries_t entries;
	size_t count;
	uint32_t child;
};

struct cut {
	enum ms_cut kind;
	struct pieces pieces;
	uint16_t *keys;
	uint32_t *children;
	const struct ms_cuts_entry **within; /* entries of one piece after the other's */
	struct written *written;             /* a hash table, n_written entries */
	size_t n_written;
};

static int build_child(struct cutter *cutter, entries_t entries, size_t count, unsigned int depth,
		       uint32_t *ret_child);

static struct written *find_written(const struct cut *cut, entries_t entries, size_t count)
{
	uint64_t hash = count;
	size_t place;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ (uintptr_t)entries[i]) * 0x9e3779b97f4a7c15ull;
	place = (hash >> 20) % cut->n_written;
	while (cut->written[place].entries &&
	       (cut->written[place].count != count ||
		memcmp(cut->written[place].entries, entries, count * sizeof(*entries)) != 0))
		place = (place + 1) % cut->n_written;
	return &cut->written[place];
}

static int build_piece(struct cutter *cutter, struct cut *cut, entries_t entries, size_t count,
		       unsigned int depth, uint32_t *ret_child)
{
	struct written *written = find_written(cut, entries, count);
	int r;

	if (!written->entries) {
		r = build_child(cutter, entries, count, depth, &written->child);
		if (r < 0)
			return r;
		written->entries = entries;
		written->count = count;
	}
	*ret_child = written->child;
	return 0;
}

/* Gives each piece its entries, in their order. -ENOMEM */
static int part(const struct cutter *cutter, struct cut *cut, entries_t entries, size_t count)
{
	ms_cleanup(ms_free) size_t *ends = calloc(cut->pieces.count + 1, sizeof(*ends));

	if (!ends)
		return -ENOMEM;
	for (size_t piece = 1; piece < cut->pieces.count; piece++)
		ends[piece] = ends[piece - 1] + (size_t)cut->pieces.lengths[piece - 1];
	for (size_t i = 0; i < count; i++) {
		uint32_t first, last;

		span_of(cutter, entries[i], cut->kind, &first, &last);
		for (size_t piece = piece_of(&cut->pieces, first);
		     piece < cut->pieces.count && cut->pieces.starts[piece] <= last; piece++)
			cut->within[ends[piece]++] = entries[i];
	}
	return 0;
}

static int build_pieces(struct cutter *cutter, struct cut *cut, entries_t entries, size_t count,
			unsigned int depth)
{
	const struct ms_cuts_entry **within = cut->within;
	int r = part(cutter, cut, entries, count);

	for (size_t piece = 0; r == 0 && piece < cut->pieces.count; piece++) {
		size_t length = (size_t)cut->pieces.lengths[piece];

		cut->keys[piece] = (uint16_t)cut->pieces.starts[piece];
		r = build_piece(cutter, cut, within, length, depth, &cut->children[piece]);
		within += length;
	}
	return r;
}

/* The kind that leaves the shortest runs. False: hardly any gets shorter, or too many are needed.
 */
static bool choose(const struct cutter *cutter, entries_t entries, size_t count, struct cut *cut)
{
	size_t longest = count - count / 4;
	bool found = false;

	for (int kind = 0; kind < cutter->n_kinds; kind++) {
		cut_pieces(cutter, entries, count, (enum ms_cut)kind, &cut->pieces);
		if (cut->pieces.longest < longest && cut->pieces.total <= cutter->left &&
		    cut->pieces.count <= MS_SPAN_ROOT4) {
			longest = cut->pieces.longest;
			cut->kind = (enum ms_cut)kind;
			found = true;
		}
	}
	if (found)
		cut_pieces(cutter, entries, count, cut->kind, &cut->pieces);
	return found;
}

static int build_cut(struct cutter *cutter, entries_t entries, size_t count, unsigned int depth,
		     uint32_t *ret_cut)
{
	ms_cleanup(ms_free) uint32_t *starts = calloc(2 * count + 2, sizeof(*starts));
	ms_cleanup(ms_free) ssize_t *lengths = calloc(2 * count + 2, sizeof(*lengths));
	struct cut cut = { .pieces = { .starts = starts, .lengths = lengths } };
	int r = -ENOMEM;

	if (!starts || !lengths)
		return -ENOMEM;
	if (!choose(cutter, entries, count, &cut)) {
		*ret_cut = 0;
		return 0;
	}
	cutter->blind |= cut.kind >= MS_CUT_PROTO;
	cut.n_written = 2 * cut.pieces.count + 1;
	cut.keys = calloc(cut.pieces.count + 1, sizeof(*cut.keys));
	cut.children = calloc(cut.pieces.count + 1, sizeof(*cut.children));
	cut.within = calloc(cut.pieces.total + 1, sizeof(*cut.within));
	cut.written = calloc(cut.n_written, sizeof(*cut.written));
	if (cut.keys && cut.children && cut.within && cut.written)
		r = build_pieces(cutter, &cut, entries, count, depth);
	if (r == 0)
		r = ms_spans_put_node(cutter->blocks, cut.keys, cut.children, cut.pieces.count,
				      cut.kind, ret_cut);
	free(cut.written);
	free(cut.within);
	free(cut.children);
	free(cut.keys);
	return r;
}

static int build_child(struct cutter *cutter, entries_t entries, size_t count, unsigned int depth,
		       uint32_t *ret_child)
{
	uint32_t cut = 0;
	int r = 0;

	if (count > MS_CUTS_SHORT && depth < MS_PAIRS_CUTS)
		r = build_cut(cutter, entries, count, depth + 1, &cut);
	if (r < 0)
		return r;
	if (cut == 0)
		return put_run(cutter, entries, count, ret_child);
	*ret_child = cut;
	return 0;
}

/* ---- without ports ---- */

/* The same but for ports and decision? */
static bool asks_the_same(const struct ms_cuts_entry *x, const struct ms_cuts_entry *y)
{
	const struct ms_row_rest *a = x->rest, *b = y->rest;

	return x->first == y->first && x->last == y->last && a->what == b->what &&
	       a->what_mask == b->what_mask && a->where == b->where &&
	       a->where_mask == b->where_mask && a->src_set == b->src_set &&
	       a->dst_set == b->dst_set && a->dirs == b->dirs;
}

static size_t hash_without_ports(const struct ms_cuts_entry *entry)
{
	const struct ms_row_rest *rest = entry->rest;
	const uint32_t asked[] = { rest->what,       rest->what_mask, rest->where,
				   rest->where_mask, rest->src_set,   rest->dst_set,
				   rest->dirs,       entry->first,    entry->last };
	uint64_t hash = 0;

	for (size_t i = 0; i < ms_array_size(asked); i++)
		hash = (hash ^ asked[i]) * 0x9e3779b97f4a7c15ull;
	return hash >> 20;
}

/*
 * What of a list may decide on a packet whose ports and types are not known: no deny that asks for
 * them, and of several that ask the same besides them the first. The caller frees. -ENOMEM
 */
static int reduce(entries_t entries, size_t count, const struct ms_cuts_entry ***ret_entries,
		  size_t *ret_count)
{
	ms_cleanup(ms_free) const struct ms_cuts_entry **seen =
		calloc(2 * count + 1, sizeof(*seen));
	const struct ms_cuts_entry **left = calloc(count + 1, sizeof(*left));
	size_t n = 0;

	if (!seen || !left) {
		free(left);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const struct ms_cuts_entry *entry = entries[i];
		size_t place = hash_without_ports(entry) % (2 * count);

		if (entry->rest->flags & MS_ROW_DENY && entry->rest->flags & MS_ROW_PORTS)
			continue;
		while (seen[place] && !asks_the_same(seen[place], entry))
			place = (place + 1) % (2 * count);
		if (seen[place])
			continue;
		seen[place] = entry;
		left[n++] = entry;
	}
	*ret_entries = left;
	*ret_count = n;
	return 0;
}

/* ---- all of it ---- */

int ms_cuts_spread(const struct ms_cuts_entry *const *entries, size_t count,
		   unsigned int place_shift, size_t *ret_spread)
{
	ms_cleanup(ms_free) uint32_t *starts = calloc(2 * count + 2, sizeof(*starts));
	ms_cleanup(ms_free) ssize_t *lengths = calloc(2 * count + 2, sizeof(*lengths));
	struct pieces pieces = { .starts = starts, .lengths = lengths };
	const struct cutter cutter = { .place_shift = place_shift };

	if (!starts || !lengths)
		return -ENOMEM;
	cut_pieces(&cutter, entries, count, MS_CUT_PLACE, &pieces);
	*ret_spread = pieces.total;
	return 0;
}

int ms_cuts_build(struct ms_blocks *blocks, const struct ms_cuts_entry *const *entries,
		  size_t count, unsigned int place_shift, struct ms_cuts_table *ret_table)
{
	struct cutter cutter = {
		.blocks = blocks,
		.place_shift = place_shift,
		.n_kinds = MS_CUT__COUNT,
		.left = COPIES * count,
	};
	struct ms_cuts_table table = { .whole = 0 };
	ms_cleanup(ms_free) const struct ms_cuts_entry **reduced = NULL;
	int r = build_child(&cutter, entries, count, 0, &table.whole);

	table.partial = table.whole;
	if (r == 0 && cutter.blind) {
		r = reduce(entries, count, &reduced, &count);
		cutter.n_kinds = MS_CUT_PROTO;
		cutter.left = COPIES * count;
		if (r == 0)
			r = build_child(&cutter, reduced, count, 0, &table.partial);
	}
	if (r < 0)
		return r;
	table.steps = cutter.steps + MS_PAIRS_CUTS;
	*ret_table = table;
	return 0;
}
