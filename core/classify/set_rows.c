/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/set_rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/layout.h"
#include "core/base/cleanup.h"
#include "core/classify/spans.h"

static int by_steps(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x > y ? -1 : x < y;
}

/* Of the sets that an address may be told of, the longest. */
static size_t told_steps(size_t *steps, size_t n_sets)
{
	size_t sum = 0;

	qsort(steps, n_sets, sizeof(*steps), by_steps);
	for (size_t i = 0; i < n_sets && i < MS_MEMBER_SETS; i++)
		sum += steps[i];
	return sum;
}

/* Steps that asking for sets takes besides their rows: those of the list, or those that are asked
 * and what each address is a member of, and the turn of the side. */
static size_t asking_steps(size_t n_sets)
{
	return (n_sets + MS_ASKED_MAX) / MS_PAIRS_LISTED + 4;
}

/* An id is looked up as the first bits of an IPv6 address are. */
static struct ms_spans_prefix prefix_of(uint32_t set)
{
	struct ms_spans_prefix prefix = { .len = 32 };
	uint32_t bytes = htonl(set);

	memcpy(prefix.addr, &bytes, sizeof(bytes));
	return prefix;
}

/* The rows of each set: its prefix's leaf. */
static int put_rows(struct ms_pair_rows *rows, const struct ms_set_rows_item *items, size_t count,
		    struct ms_spans_prefix *prefixes, size_t *ret_n_sets,
		    struct ms_set_rows_steps *steps)
{
	ms_cleanup(ms_free) const struct ms_cuts_entry **list = calloc(count + 1, sizeof(*list));
	ms_cleanup(ms_free) size_t *of_set = calloc(count + 1, sizeof(*of_set));
	size_t next, told;

	if (!list || !of_set)
		return -ENOMEM;
	*ret_n_sets = 0;
	for (size_t first = 0; first < count; first = next) {
		struct ms_spans_prefix *prefix = &prefixes[(*ret_n_sets)++];
		int r;

		*prefix = prefix_of(items[first].set);
		for (next = first; next < count && items[next].set == items[first].set; next++)
			list[next - first] = &items[next].entry;
		r = ms_pair_rows_put(rows, list, next - first, &prefix->leaf,
				     &of_set[*ret_n_sets - 1]);
		if (r < 0)
			return r;
		steps->all += of_set[*ret_n_sets - 1];
	}
	told = told_steps(of_set, *ret_n_sets);
	steps->told += told;
	/* Should an address be in more sets than it was told of by the time, or one of them be
	 * asked of, the walk comes to those again. */
	steps->all += told;
	return 0;
}

/* Pairs of a set's id and its row. */
static int put_list(struct ms_blocks *blocks, const struct ms_spans_prefix *prefixes, size_t count,
		    uint32_t *ret_at)
{
	int r = ms_blocks_alloc(blocks, 2 * count, ret_at);

	for (size_t i = 0; r == 0 && i < count; i++) {
		uint32_t *words = &blocks->words[*ret_at + 2 * i], bytes;

		memcpy(&bytes, prefixes[i].addr, sizeof(bytes));
		words[0] = ntohl(bytes);
		words[1] = prefixes[i].leaf;
	}
	return r;
}

int ms_set_rows_put(struct ms_pair_rows *rows, const struct ms_set_rows_item *items, size_t count,
		    uint32_t part, struct ms_set_rows_steps *steps)
{
	ms_cleanup(ms_free) struct ms_spans_prefix *prefixes = calloc(count + 1, sizeof(*prefixes));
	uint32_t *words = &rows->blocks->words[part], best = MS_DECISION_NONE;
	size_t n_sets;
	int r;

	if (!prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (items[i].entry.rest->decision < best)
			best = items[i].entry.rest->decision;
	words[MS_SETS_BEST] = best;
	if (count == 0)
		return 0;
	r = put_rows(rows, items, count, prefixes, &n_sets, steps);
	if (r == 0)
		r = put_list(rows->blocks, prefixes, n_sets, &words[MS_SETS_LIST]);
	if (r < 0)
		return r;
	words[MS_SETS_COUNT] = (uint32_t)n_sets;
	steps->told += asking_steps(0);
	steps->all += asking_steps(n_sets);
	ms_spans_nest(prefixes, n_sets);
	return ms_spans_build(rows->blocks, 6, prefixes, n_sets, &words[MS_SETS_ROOT]);
}
