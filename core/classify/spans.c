/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested prefixes are laid flat: where each begins and ends, the row changes. There are no more
 * changes than twice the prefixes, however they nest, and no chain of rows is longer than there are
 * lengths.
 */
#include "core/classify/spans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define NESTING_MAX 129

/* From this address on it is this row. */
struct change {
	uint8_t addr[16];
	uint32_t row;
};

struct open_prefix {
	const struct ms_spans_prefix *prefix;
	uint32_t id, row;
	uint8_t last[16]; /* its last address */
};

struct builder {
	struct ms_blocks *blocks;
	unsigned int size; /* bytes of an address */
	struct change *changes;
	size_t n_changes;
	struct open_prefix open[NESTING_MAX]; /* each within the one before */
	size_t n_open;
	size_t most;
};

/* A node that is being gathered. */
struct node {
	uint16_t *keys;
	uint32_t *children;
	size_t count;
};

int ms_spans_compare(const struct ms_spans_prefix *a, const struct ms_spans_prefix *b)
{
	int order = memcmp(a->addr, b->addr, sizeof(a->addr));

	return order ? order : (int)a->len - (int)b->len;
}

/* ---- rows and where they change ---- */

static void note_change(struct builder *builder, const uint8_t *addr, uint32_t row)
{
	struct change *last;

	if (builder->n_changes == 0 ||
	    memcmp(builder->changes[builder->n_changes - 1].addr, addr, builder->size) != 0)
		builder->n_changes++;
	last = &builder->changes[builder->n_changes - 1];
	memcpy(last->addr, addr, builder->size);
	last->row = row;
}

/* False behind the last address of all. */
static bool step(uint8_t *addr, unsigned int size)
{
	for (unsigned int i = size; i-- > 0;)
		if (++addr[i] != 0)
			return true;
	return false;
}

static void close_innermost(struct builder *builder)
{
	struct open_prefix *inner = &builder->open[--builder->n_open];
	uint32_t row = builder->n_open ? builder->open[builder->n_open - 1].row : 0;

	if (step(inner->last, builder->size))
		note_change(builder, inner->last, row);
}

/* The row of the innermost open prefix. */
static int put_row(struct builder *builder, uint32_t *ret_row)
{
	const struct open_prefix *open = &builder->open[builder->n_open - 1];
	uint64_t held = 1ull << (open->prefix->len & MS_ROW_LEN_MASK);
	uint32_t at, *row, best = open->prefix->best, next = 0;
	int r = ms_blocks_alloc(builder->blocks, MS_ROW_WORDS, &at);

	if (r < 0)
		return r;
	if (builder->n_open > 1) {
		const uint32_t *behind = &builder->blocks->words[open[-1].row];

		next = open[-1].row;
		held |= behind[MS_ROW_HELD] | (uint64_t)behind[MS_ROW_HELD + 1] << 32;
		if (behind[MS_ROW_CHAIN] < best)
			best = behind[MS_ROW_CHAIN];
	}
	row = &builder->blocks->words[at];
	row[MS_ROW_ID] = open->id;
	row[MS_ROW_BEST] = open->prefix->best;
	row[MS_ROW_PARTNERS] = (uint32_t)open->prefix->partners;
	row[MS_ROW_PARTNERS + 1] = (uint32_t)(open->prefix->partners >> 32);
	row[MS_ROW_HELD] = (uint32_t)held;
	row[MS_ROW_HELD + 1] = (uint32_t)(held >> 32);
	row[MS_ROW_CHAIN] = best;
	row[MS_ROW_NEXT] = next;
	if (builder->n_open > builder->most)
		builder->most = builder->n_open;
	*ret_row = at;
	return 0;
}

static void find_last(const struct ms_spans_prefix *prefix, unsigned int size, uint8_t *ret_last)
{
	memcpy(ret_last, prefix->addr, size);
	for (unsigned int bit = prefix->len; bit < 8 * size; bit++)
		ret_last[bit / 8] |= 0x80 >> bit % 8;
}

static int open_prefix(struct builder *builder, const struct ms_spans_prefix *prefix, uint32_t id)
{
	struct open_prefix *open;
	int r;

	while (builder->n_open > 0 &&
	       memcmp(builder->open[builder->n_open - 1].last, prefix->addr, builder->size) < 0)
		close_innermost(builder);
	open = &builder->open[builder->n_open++];
	open->prefix = prefix;
	open->id = id;
	find_last(prefix, builder->size, open->last);
	r = put_row(builder, &open->row);
	if (r == 0)
		note_change(builder, prefix->addr, open->row);
	return r;
}

/* ---- nodes ---- */

static unsigned int chunk_of(const struct change *change, unsigned int level)
{
	return (unsigned int)change->addr[2 * level] << 8 | change->addr[2 * level + 1];
}

/* Does it happen at the very beginning of what the pieces before `level` say? */
static bool is_aligned(const struct builder *builder, const struct change *change,
		       unsigned int level)
{
	for (unsigned int i = 2 * level; i < builder->size; i++)
		if (change->addr[i])
			return false;
	return true;
}

static void put_child(struct node *node, unsigned int key, uint32_t child)
{
	if (node->count > 0 && node->keys[node->count - 1] == key)
		node->children[node->count - 1] = child;
	else if (node->count == 0 || node->children[node->count - 1] != child) {
		node->keys[node->count] = (uint16_t)key;
		node->children[node->count++] = child;
	}
}

static int put_node(struct ms_blocks *blocks, const struct node *node, uint32_t *ret_child)
{
	size_t n_keys = (node->count + 1) / 2;
	uint32_t at;
	int r = ms_blocks_alloc(blocks, 1 + n_keys + node->count, &at);

	if (r < 0)
		return r;
	blocks->words[at] = (uint32_t)node->count;
	for (size_t i = 0; i < node->count; i++)
		blocks->words[at + 1 + i / 2] |= (uint32_t)node->keys[i] << i % 2 * 16;
	memcpy(&blocks->words[at + 1 + n_keys], node->children,
	       node->count * sizeof(*node->children));
	*ret_child = at | MS_SPAN_NODE;
	return 0;
}

static int gather(struct builder *builder, unsigned int level, size_t first, size_t end,
		  uint32_t row, struct node *node);

/* A node for changes [first, end), which agree in all pieces before `level`; `row` holds before. */
static int build_node(struct builder *builder, unsigned int level, size_t first, size_t end,
		      uint32_t row, uint32_t *ret_child)
{
	struct node node = { .count = 0 };
	int r = -ENOMEM;

	node.keys = calloc(2 * (end - first) + 1, sizeof(*node.keys));
	node.children = calloc(2 * (end - first) + 1, sizeof(*node.children));
	if (node.keys && node.children)
		r = gather(builder, level, first, end, row, &node);
	if (r == 0)
		r = put_node(builder->blocks, &node, ret_child);
	free(node.keys);
	free(node.children);
	return r;
}

static int gather(struct builder *builder, unsigned int level, size_t first, size_t end,
		  uint32_t row, struct node *node)
{
	put_child(node, 0, row);
	while (first < end) {
		unsigned int key = chunk_of(&builder->changes[first], level);
		size_t next = first + 1;
		uint32_t child;
		int r;

		while (next < end && chunk_of(&builder->changes[next], level) == key)
			next++;
		if (next == first + 1 && is_aligned(builder, &builder->changes[first], level + 1)) {
			row = builder->changes[first].row;
			put_child(node, key, row);
		} else {
			r = build_node(builder, level + 1, first, next, row, &child);
			if (r < 0)
				return r;
			put_child(node, key, child);
			row = builder->changes[next - 1].row;
			if (key < UINT16_MAX)
				put_child(node, key + 1, row);
		}
		first = next;
	}
	return 0;
}

/* IPv4's first node, spread out. */
static int spread_root(struct builder *builder, uint32_t *ret_root)
{
	struct node node = { .count = 0 };
	uint32_t root;
	int r = ms_blocks_alloc(builder->blocks, MS_SPAN_ROOT4, &root);

	if (r < 0)
		return r;
	node.keys = calloc(2 * builder->n_changes + 1, sizeof(*node.keys));
	node.children = calloc(2 * builder->n_changes + 1, sizeof(*node.children));
	r = node.keys && node.children ? gather(builder, 0, 0, builder->n_changes, 0, &node)
				       : -ENOMEM;
	for (size_t i = 0; r == 0 && i < node.count; i++) {
		uint32_t end = i + 1 < node.count ? node.keys[i + 1] : MS_SPAN_ROOT4;

		for (uint32_t key = node.keys[i]; key < end; key++)
			builder->blocks->words[root + key] = node.children[i];
	}
	free(node.keys);
	free(node.children);
	*ret_root = root;
	return r;
}

int ms_spans_build(struct ms_blocks *blocks, unsigned int family,
		   const struct ms_spans_prefix *prefixes, size_t count, uint32_t *ret_root,
		   size_t *ret_most)
{
	ms_cleanup(ms_free) struct builder *builder = calloc(1, sizeof(*builder));
	static const uint8_t zero[16];
	int r = 0;

	if (!builder)
		return -ENOMEM;
	builder->blocks = blocks;
	builder->size = family == 4 ? 4 : 16;
	builder->changes = calloc(2 * count + 2, sizeof(*builder->changes));
	if (!builder->changes)
		return -ENOMEM;
	note_change(builder, zero, 0);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = open_prefix(builder, &prefixes[i], ms_spans_id(&prefixes[i], i));
	while (r == 0 && builder->n_open > 0)
		close_innermost(builder);
	if (r == 0)
		r = family == 4 ? spread_root(builder, ret_root)
				: build_node(builder, 0, 0, builder->n_changes, 0, ret_root);
	if (r == 0)
		*ret_most = builder->most;
	free(builder->changes);
	return r;
}
