/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested prefixes are laid flat: where each begins and ends, the leaf changes. There are no more
 * changes than twice the prefixes, however they nest.
 */
#include "core/classify/spans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define NESTING_MAX 129
#define FEW_KEYS 7 /* keys of one bucket, in one line */

/* From this address on it is this leaf. */
struct change {
	uint8_t addr[16];
	uint32_t leaf;
};

struct open_prefix {
	uint32_t leaf;
	uint8_t last[16]; /* its last address */
};

struct builder {
	struct ms_blocks *blocks;
	unsigned int size; /* bytes of an address */
	struct change *changes;
	size_t n_changes;
	struct open_prefix open[NESTING_MAX]; /* each within the one before */
	size_t n_open;
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

static bool holds(const struct ms_spans_prefix *outer, const struct ms_spans_prefix *inner)
{
	unsigned int bytes = outer->len / 8, bits = outer->len % 8;

	return memcmp(outer->addr, inner->addr, bytes) == 0 &&
	       (bits == 0 || (outer->addr[bytes] ^ inner->addr[bytes]) >> (8 - bits) == 0);
}

void ms_spans_nest(struct ms_spans_prefix *prefixes, size_t count)
{
	uint32_t outer = 0;

	for (uint32_t place = 1; place <= count; place++) {
		struct ms_spans_prefix *prefix = &prefixes[place - 1];

		while (outer && !holds(&prefixes[outer - 1], prefix))
			outer = prefixes[outer - 1].outer;
		prefix->outer = outer;
		outer = place;
	}
	/* Those within a prefix stand behind it: the last of them tells the next around it. */
	for (uint32_t place = 1; place <= count; place++)
		prefixes[place - 1].last = place;
	for (uint32_t place = (uint32_t)count; place > 0; place--) {
		const struct ms_spans_prefix *prefix = &prefixes[place - 1];

		if (prefix->outer && prefixes[prefix->outer - 1].last < prefix->last)
			prefixes[prefix->outer - 1].last = prefix->last;
	}
}

/* ---- where leaves change ---- */

static void note_change(struct builder *builder, const uint8_t *addr, uint32_t leaf)
{
	struct change *last;

	if (builder->n_changes == 0 ||
	    memcmp(builder->changes[builder->n_changes - 1].addr, addr, builder->size) != 0)
		builder->n_changes++;
	last = &builder->changes[builder->n_changes - 1];
	memcpy(last->addr, addr, builder->size);
	last->leaf = leaf;
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
	uint32_t leaf = builder->n_open ? builder->open[builder->n_open - 1].leaf : 0;

	if (step(inner->last, builder->size))
		note_change(builder, inner->last, leaf);
}

static void find_last(const struct ms_spans_prefix *prefix, unsigned int size, uint8_t *ret_last)
{
	memcpy(ret_last, prefix->addr, size);
	for (unsigned int bit = prefix->len; bit < 8 * size; bit++)
		ret_last[bit / 8] |= 0x80 >> bit % 8;
}

static void open_prefix(struct builder *builder, const struct ms_spans_prefix *prefix)
{
	struct open_prefix *open;

	while (builder->n_open > 0 &&
	       memcmp(builder->open[builder->n_open - 1].last, prefix->addr, builder->size) < 0)
		close_innermost(builder);
	open = &builder->open[builder->n_open++];
	open->leaf = prefix->leaf;
	find_last(prefix, builder->size, open->last);
	note_change(builder, prefix->addr, open->leaf);
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

/* Of so many keys in 2^n buckets, 16 - n. Few stand in one line. */
static unsigned int shift_for(size_t count)
{
	unsigned int shift = 16;

	if (count > FEW_KEYS)
		while (MS_SPAN_ROOT4 >> shift < count / 2 &&
		       MS_SPAN_ROOT4 >> shift < MS_SPAN_BUCKETS)
			shift--;
	return shift;
}

int ms_spans_put_node(struct ms_blocks *blocks, const uint16_t *keys, const uint32_t *children,
		      size_t count, unsigned int kind, uint32_t *ret_child)
{
	unsigned int shift = shift_for(count);
	size_t n_buckets = MS_SPAN_ROOT4 >> shift, pairs = (n_buckets + 1) & ~(size_t)1, next = 0;
	uint32_t at, *words;
	int r = ms_blocks_alloc(blocks, pairs + 2 * count, &at);

	if (r < 0)
		return r;
	words = &blocks->words[at];
	for (uint32_t bucket = 0; bucket < n_buckets; bucket++) {
		/* The last key that is not above the bucket's first value, and those within. */
		while (next + 1 < count && keys[next + 1] <= bucket << shift)
			next++;
		words[bucket] = (uint32_t)next;
		while (next + 1 < count && (uint32_t)keys[next + 1] >> shift == bucket)
			next++;
		words[bucket] |= (uint32_t)(next + 1 - words[bucket]) << 16;
	}
	for (size_t i = 0; i < count; i++) {
		words[pairs + 2 * i] = keys[i];
		words[pairs + 2 * i + 1] = children[i];
	}
	*ret_child = MS_SPAN_NODE | kind << MS_SPAN_KIND | shift << MS_SPAN_SHIFT | at;
	return 0;
}

static int gather(struct builder *builder, unsigned int level, size_t first, size_t end,
		  uint32_t leaf, struct node *node);

/* A node for changes [first, end), which agree in all pieces before `level`; `leaf` holds before.
 */
static int build_node(struct builder *builder, unsigned int level, size_t first, size_t end,
		      uint32_t leaf, uint32_t *ret_child)
{
	struct node node = { .count = 0 };
	int r = -ENOMEM;

	node.keys = calloc(2 * (end - first) + 1, sizeof(*node.keys));
	node.children = calloc(2 * (end - first) + 1, sizeof(*node.children));
	if (node.keys && node.children)
		r = gather(builder, level, first, end, leaf, &node);
	if (r == 0)
		r = ms_spans_put_node(builder->blocks, node.keys, node.children, node.count, 0,
				      ret_child);
	free(node.keys);
	free(node.children);
	return r;
}

static int gather(struct builder *builder, unsigned int level, size_t first, size_t end,
		  uint32_t leaf, struct node *node)
{
	put_child(node, 0, leaf);
	while (first < end) {
		unsigned int key = chunk_of(&builder->changes[first], level);
		size_t next = first + 1;
		uint32_t child;
		int r;

		while (next < end && chunk_of(&builder->changes[next], level) == key)
			next++;
		if (next == first + 1 && is_aligned(builder, &builder->changes[first], level + 1)) {
			leaf = builder->changes[first].leaf;
			put_child(node, key, leaf);
		} else {
			r = build_node(builder, level + 1, first, next, leaf, &child);
			if (r < 0)
				return r;
			put_child(node, key, child);
			leaf = builder->changes[next - 1].leaf;
			if (key < UINT16_MAX)
				put_child(node, key + 1, leaf);
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
		   const struct ms_spans_prefix *prefixes, size_t count, uint32_t *ret_root)
{
	ms_cleanup(ms_free) struct builder *builder = calloc(1, sizeof(*builder));
	static const uint8_t zero[16];
	int r;

	if (!builder)
		return -ENOMEM;
	builder->blocks = blocks;
	builder->size = family == 4 ? 4 : 16;
	builder->changes = calloc(2 * count + 2, sizeof(*builder->changes));
	if (!builder->changes)
		return -ENOMEM;
	note_change(builder, zero, 0);
	for (size_t i = 0; i < count; i++)
		open_prefix(builder, &prefixes[i]);
	while (builder->n_open > 0)
		close_innermost(builder);
	r = family == 4 ? spread_root(builder, ret_root)
			: build_node(builder, 0, 0, builder->n_changes, 0, ret_root);
	free(builder->changes);
	return r;
}
