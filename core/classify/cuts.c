/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/cuts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define RUN_SHORT 8 /* entries: walked as fast as a cut would be asked */
#define COPIES 16   /* an entry may stand in so many runs, on the average over its list */

typedef const struct ms_row_rest *const *entries_t;

struct cutter {
	struct ms_blocks *blocks;
	size_t left;  /* entries that may still be written */
	size_t steps; /* of the longest run written so far */
};

/* Values of one kind, cut where an entry begins or ends. */
struct pieces {
	uint32_t *starts; /* ascending, the first 0 */
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

size_t ms_cuts_run_words(const struct ms_row_rest *const *entries, size_t count)
{
	size_t words = count * MS_ENTRY_WORDS;

	for (size_t i = 0; i < count; i++)
		if (needs_more(entries[i]))
			words += MS_ENTRY_MORE_WORDS;
	return words;
}

size_t ms_cuts_run_steps(const struct ms_row_rest *const *entries, size_t count)
{
	size_t steps = count / MS_PAIRS_WALKED + 1;

	/* The walk stops at each of these that matches so far. */
	for (size_t i = 0; i < count; i++)
		steps += needs_more(entries[i]);
	return steps;
}

void ms_cuts_put_run(const struct ms_row_rest *const *entries, size_t count, uint32_t *words)
{
	for (size_t i = 0; i < count; i++) {
		const struct ms_row_rest *entry = entries[i];

		words[MS_ENTRY_SPORT] = entry->sport_first | (uint32_t)entry->sport_last << 16;
		words[MS_ENTRY_DPORT] = entry->dport_first | (uint32_t)entry->dport_last << 16;
		words[MS_ENTRY_DECISION] = entry->decision;
		words[MS_ENTRY_WHAT] = entry_bits(entry) | (i + 1 == count ? MS_ENTRY_LAST : 0);
		words += MS_ENTRY_WORDS;
		if (!needs_more(entry))
			continue;
		words[0] = entry->what;
		words[1] = entry->what_mask;
		words[2] = entry->where;
		words[3] = entry->where_mask;
		words[4] = entry->src_set;
		words[5] = entry->dst_set;
		words += MS_ENTRY_MORE_WORDS;
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

static void span_of(const struct ms_row_rest *entry, enum ms_cut kind, uint32_t *ret_first,
		    uint32_t *ret_last)
{
	bool asked = true;

	switch (kind) {
	case MS_CUT_PROTO:
		asked = entry->what_mask & MS_WHAT_PROTO_MASK;
		*ret_first = *ret_last = entry->what & MS_WHAT_PROTO_MASK;
		break;
	case MS_CUT_GROUP:
		asked = entry->where_mask & MS_WHERE_GROUP_MASK;
		*ret_first = *ret_last = (entry->where & MS_WHERE_GROUP_MASK) >> 16;
		break;
	case MS_CUT_DPORT:
		*ret_first = entry->dport_first;
		*ret_last = entry->dport_last;
		break;
	default:
		*ret_first = entry->sport_first;
		*ret_last = entry->sport_last;
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

/* `starts` has room for twice the entries and one. */
static int cut_pieces(entries_t entries, size_t count, enum ms_cut kind, uint32_t *starts,
		      struct pieces *ret_pieces)
{
	struct pieces pieces = { .starts = starts };
	ms_cleanup(ms_free) ssize_t *steps = NULL;
	ssize_t length = 0;
	size_t n = 0;

	starts[n++] = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t first, last;

		span_of(entries[i], kind, &first, &last);
		if (first > 0)
			starts[n++] = first;
		if (last < UINT16_MAX)
			starts[n++] = last + 1;
	}
	qsort(starts, n, sizeof(*starts), by_number);
	for (size_t i = 0; i < n; i++)
		if (pieces.count == 0 || starts[pieces.count - 1] != starts[i])
			starts[pieces.count++] = starts[i];
	steps = calloc(pieces.count + 1, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		uint32_t first, last;

		span_of(entries[i], kind, &first, &last);
		steps[piece_of(&pieces, first)]++;
		steps[piece_of(&pieces, last) + 1]--;
	}
	for (size_t i = 0; i < pieces.count; i++) {
		length += steps[i];
		pieces.total += (size_t)length;
		if ((size_t)length > pieces.longest)
			pieces.longest = (size_t)length;
	}
	*ret_pieces = pieces;
	return 0;
}

/* ---- cuts ---- */

/* Runs already written for one cut, so that equal ones are written once. */
struct written {
	const struct ms_row_rest **entries;
	size_t count;
	uint32_t child;
};

struct cut {
	enum ms_cut kind;
	struct pieces pieces;
	uint32_t *children;
	struct written *written; /* a hash table, n_written entries */
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
	const struct ms_row_rest **copy;
	int r;

	if (!written->entries) {
		copy = calloc(count + 1, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, entries, count * sizeof(*copy));
		r = build_child(cutter, copy, count, depth, &written->child);
		if (r < 0) {
			free(copy);
			return r;
		}
		written->entries = copy;
		written->count = count;
	}
	*ret_child = written->child;
	return 0;
}

static int build_pieces(struct cutter *cutter, struct cut *cut, entries_t entries, size_t count,
			unsigned int depth)
{
	ms_cleanup(ms_free) const struct ms_row_rest **within = calloc(count, sizeof(*within));

	if (!within)
		return -ENOMEM;
	for (size_t piece = 0; piece < cut->pieces.count; piece++) {
		uint32_t value = cut->pieces.starts[piece];
		size_t n = 0;
		int r;

		for (size_t i = 0; i < count; i++) {
			uint32_t first, last;

			span_of(entries[i], cut->kind, &first, &last);
			if (first <= value && value <= last)
				within[n++] = entries[i];
		}
		r = build_piece(cutter, cut, within, n, depth, &cut->children[piece]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_cut(struct ms_blocks *blocks, const struct cut *cut, uint32_t *ret_cut)
{
	size_t count = cut->pieces.count, n_keys = (count + 1) / 2;
	uint32_t at, *words;
	int r = ms_blocks_alloc(blocks, 2 + n_keys + count, &at);

	if (r < 0)
		return r;
	words = &blocks->words[at];
	words[0] = cut->kind;
	words[1] = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		words[2 + i / 2] |= cut->pieces.starts[i] << i % 2 * 16;
	memcpy(&words[2 + n_keys], cut->children, count * sizeof(*words));
	*ret_cut = at;
	return 0;
}

/* The kind that leaves the shortest runs; none if hardly any gets shorter, or too many are needed.
 * `starts` becomes the pieces'. */
static int choose(const struct cutter *cutter, entries_t entries, size_t count, uint32_t *starts,
		  struct cut *cut, bool *ret_found)
{
	size_t longest = count - count / 4;
	int r = 0;

	*ret_found = false;
	for (int kind = 0; r == 0 && kind < MS_CUT__COUNT; kind++) {
		struct pieces pieces;

		r = cut_pieces(entries, count, (enum ms_cut)kind, starts, &pieces);
		if (r == 0 && pieces.longest < longest && pieces.total <= cutter->left &&
		    pieces.count < UINT16_MAX) {
			longest = pieces.longest;
			cut->kind = (enum ms_cut)kind;
			*ret_found = true;
		}
	}
	return r == 0 && *ret_found ? cut_pieces(entries, count, cut->kind, starts, &cut->pieces)
				    : r;
}

static int build_cut(struct cutter *cutter, entries_t entries, size_t count, unsigned int depth,
		     uint32_t *ret_cut)
{
	ms_cleanup(ms_free) uint32_t *starts = calloc(2 * count + 1, sizeof(*starts));
	struct cut cut = { .children = NULL };
	bool found;
	int r = starts ? choose(cutter, entries, count, starts, &cut, &found) : -ENOMEM;

	if (r < 0)
		return r;
	if (!found) {
		*ret_cut = 0;
		return 0;
	}
	cut.n_written = 2 * cut.pieces.count + 1;
	cut.children = calloc(cut.pieces.count + 1, sizeof(*cut.children));
	cut.written = calloc(cut.n_written, sizeof(*cut.written));
	r = cut.children && cut.written ? build_pieces(cutter, &cut, entries, count, depth)
					: -ENOMEM;
	if (r == 0)
		r = put_cut(cutter->blocks, &cut, ret_cut);
	for (size_t i = 0; cut.written && i < cut.n_written; i++)
		free(cut.written[i].entries);
	free(cut.written);
	free(cut.children);
	return r;
}

static int build_child(struct cutter *cutter, entries_t entries, size_t count, unsigned int depth,
		       uint32_t *ret_child)
{
	uint32_t cut = 0;
	int r = 0;

	if (count > RUN_SHORT && depth < MS_PAIRS_CUTS)
		r = build_cut(cutter, entries, count, depth + 1, &cut);
	if (r < 0)
		return r;
	if (cut == 0)
		return put_run(cutter, entries, count, ret_child);
	*ret_child = cut | MS_SPAN_NODE;
	return 0;
}

int ms_cuts_build(struct ms_blocks *blocks, const struct ms_row_rest *const *entries, size_t count,
		  uint32_t *ret_cut, size_t *ret_steps)
{
	struct cutter cutter = { .blocks = blocks, .left = COPIES * count };
	uint32_t cut = 0;
	int r = 0;

	if (count > RUN_SHORT)
		r = build_cut(&cutter, entries, count, 1, &cut);
	if (r < 0)
		return r;
	*ret_cut = cut;
	*ret_steps = cutter.steps + MS_PAIRS_CUTS;
	return 0;
}

/* ---- without ports ---- */

/* The same but for ports and decision? */
static bool asks_the_same(const struct ms_row_rest *a, const struct ms_row_rest *b)
{
	return a->what == b->what && a->what_mask == b->what_mask && a->where == b->where &&
	       a->where_mask == b->where_mask && a->src_set == b->src_set &&
	       a->dst_set == b->dst_set && a->dirs == b->dirs;
}

static size_t hash_without_ports(const struct ms_row_rest *entry)
{
	const uint32_t asked[] = { entry->what,       entry->what_mask, entry->where,
				   entry->where_mask, entry->src_set,   entry->dst_set,
				   entry->dirs };
	uint64_t hash = 0;

	for (size_t i = 0; i < ms_array_size(asked); i++)
		hash = (hash ^ asked[i]) * 0x9e3779b97f4a7c15ull;
	return hash >> 20;
}

int ms_cuts_reduce(const struct ms_row_rest **entries, size_t count, size_t *ret_count)
{
	ms_cleanup(ms_free) const struct ms_row_rest **seen = calloc(2 * count + 1, sizeof(*seen));
	size_t n = 0;

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct ms_row_rest *entry = entries[i];
		size_t place = hash_without_ports(entry) % (2 * count);

		if (entry->flags & MS_ROW_DENY && entry->flags & MS_ROW_PORTS)
			continue;
		while (seen[place] && !asks_the_same(seen[place], entry))
			place = (place + 1) % (2 * count);
		if (seen[place])
			continue;
		seen[place] = entry;
		entries[n++] = entry;
	}
	*ret_count = n;
	return 0;
}
