/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/set_table/member_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The prefix is a member of it. */
struct link {
	uint32_t set, until;
};

/* A prefix, or where two of them part. */
struct node {
	struct ms_cidr cidr;
	struct node *child[2]; /* by the first bit behind the prefix */
	struct link *links;
	size_t n_links;
	bool is_stored;
	bool is_changed; /* it and all below are to be stored anew */
	bool leads;      /* something below is; as all above it say, a release finds it */
};

struct ms_member_tree {
	struct ms_member_tree_hooks hooks;
	struct node *root[2]; /* IPv4, IPv6 */
	bool is_held, is_hurried;
	size_t left; /* nodes that may be gone to yet */
	size_t n_visited;
};

struct ms_member_tree *ms_member_tree_new(const struct ms_member_tree_hooks *hooks)
{
	struct ms_member_tree *tree = calloc(1, sizeof(*tree));

	if (tree)
		tree->hooks = *hooks;
	return tree;
}

static void free_nodes(struct node *node)
{
	if (!node)
		return;
	free_nodes(node->child[0]);
	free_nodes(node->child[1]);
	free(node->links);
	free(node);
}

struct ms_member_tree *ms_member_tree_free(struct ms_member_tree *tree)
{
	if (!tree)
		return NULL;
	free_nodes(tree->root[0]);
	free_nodes(tree->root[1]);
	free(tree);
	return NULL;
}

/* ---- what is said of a prefix ---- */

/* Sorted by set. What is said last of a set holds: wider prefixes are said first. */
static void say(struct ms_member_sets *sets, const struct link *link)
{
	uint32_t at = 0;

	if (sets->count == MS_MEMBER_MANY)
		return;
	while (at < sets->count && sets->of[at].set < link->set)
		at++;
	if (at == sets->count || sets->of[at].set != link->set) {
		if (sets->count == MS_MEMBER_SETS) {
			*sets = (struct ms_member_sets) { .count = MS_MEMBER_MANY };
			return;
		}
		memmove(&sets->of[at + 1], &sets->of[at], (sets->count - at) * sizeof(sets->of[0]));
		sets->count++;
	}
	sets->of[at].set = link->set;
	sets->of[at].until = link->until;
}

static void say_all(struct ms_member_sets *sets, const struct node *node)
{
	for (size_t i = 0; i < node->n_links; i++)
		say(sets, &node->links[i]);
}

static bool is_due(const struct node *node)
{
	return node && (node->is_changed || node->leads);
}

/* Takes a node out that stands for nothing. */
static void tidy(struct node **place)
{
	struct node *node = *place;

	/* One that is changed may be stored. */
	if (node->n_links || node->is_changed || (node->child[0] && node->child[1]))
		return;
	*place = node->child[0] ? node->child[0] : node->child[1];
	free(node->links);
	free(node);
}

static int store_node(const struct ms_member_tree *tree, struct node *node,
		      const struct ms_member_sets *sets)
{
	int r = 0;

	if (node->n_links)
		r = tree->hooks.store(tree->hooks.user, &node->cidr, sets);
	else if (node->is_stored)
		r = tree->hooks.drop(tree->hooks.user, &node->cidr);
	node->is_stored = node->n_links > 0;
	return r;
}

/* What has changed of the node at `place` and below it, all of it if that is of something around,
 * of which `wider` is said. Goes on after a failure, of which it returns the first. What it has not
 * come to is due still, and found from above. */
static int store_below(struct ms_member_tree *tree, struct node **place,
		       const struct ms_member_sets *wider, bool is_changed)
{
	struct node *node = *place;
	struct ms_member_sets sets;
	int result = 0;

	if (!node)
		return 0;
	node->is_changed |= is_changed;
	if (!is_due(node) || tree->left == 0)
		return 0;
	/* The last one is for what is stored, however long the way to it is. */
	if (node->is_changed || tree->left > 1)
		tree->left--;
	tree->n_visited++;
	sets = *wider;
	say_all(&sets, node);
	is_changed = node->is_changed;
	node->is_changed = false;
	if (is_changed)
		result = store_node(tree, node, &sets);
	for (int i = 0; i < 2; i++) {
		int r = store_below(tree, &node->child[i], &sets, is_changed);

		if (result == 0)
			result = r;
	}
	node->leads = is_due(node->child[0]) || is_due(node->child[1]);
	tidy(place);
	return result;
}

/* ---- the way to a prefix ---- */

static unsigned int bit_of(const struct ms_cidr *cidr, unsigned int bit)
{
	return cidr->addr.bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* How many bits both begin with. */
static unsigned int common_bits(const struct ms_cidr *a, const struct ms_cidr *b)
{
	unsigned int most = a->len < b->len ? a->len : b->len, bits = 0;

	while (bits < most && bit_of(a, bits) == bit_of(b, bits))
		bits++;
	return bits;
}

static struct node *new_node(const struct ms_cidr *cidr, unsigned int len)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->cidr = *cidr;
	node->cidr.len = (uint8_t)len;
	for (unsigned int bit = len; bit < 8 * sizeof(cidr->addr.bytes); bit++)
		node->cidr.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return node;
}

/* Where the node of `cidr` is or would be; `wider`, unless NULL, is told what is said of those
 * around it. */
static struct node **find_place(struct ms_member_tree *tree, const struct ms_cidr *cidr,
				struct ms_member_sets *wider)
{
	struct node **place = &tree->root[cidr->addr.family == 6];

	while (*place && (*place)->cidr.len < cidr->len && ms_cidr_covers(&(*place)->cidr, cidr)) {
		if (wider)
			say_all(wider, *place);
		place = &(*place)->child[bit_of(cidr, (*place)->cidr.len)];
	}
	return place;
}

static bool is_at(const struct node *node, const struct ms_cidr *cidr)
{
	return node && ms_cidr_compare(&node->cidr, cidr) == 0;
}

/* The node of `cidr`, which is made if it is not there. NULL = out of memory. */
static struct node *make_node(struct node **place, const struct ms_cidr *cidr)
{
	struct node *there = *place, *node, *fork;
	unsigned int bits;

	if (is_at(there, cidr))
		return there;
	node = new_node(cidr, cidr->len);
	if (!node)
		return NULL;
	if (!there) {
		*place = node;
		return node;
	}
	bits = common_bits(&there->cidr, cidr);
	if (bits == cidr->len) {
		node->child[bit_of(&there->cidr, bits)] = there;
		*place = node;
		return node;
	}
	fork = new_node(cidr, bits);
	if (!fork) {
		free(node);
		return NULL;
	}
	/* What waits for a release is found through it. */
	fork->leads = is_due(there);
	fork->child[bit_of(cidr, bits)] = node;
	fork->child[bit_of(&there->cidr, bits)] = there;
	*place = fork;
	return node;
}

/* Takes out what stands for nothing of the node at `cidr` and the fork above it. */
static void tidy_way(struct ms_member_tree *tree, const struct ms_cidr *cidr)
{
	struct node **place = &tree->root[cidr->addr.family == 6], **above = NULL;

	while (*place && (*place)->cidr.len < cidr->len && ms_cidr_covers(&(*place)->cidr, cidr)) {
		above = place;
		place = &(*place)->child[bit_of(cidr, (*place)->cidr.len)];
	}
	if (is_at(*place, cidr))
		tidy(place);
	if (above)
		tidy(above);
}

/* ---- members ---- */

static struct link *find_link(struct node *node, uint32_t set)
{
	for (size_t i = 0; i < node->n_links; i++) {
		if (node->links[i].set == set)
			return &node->links[i];
	}
	return NULL;
}

static int put_link(struct node *node, uint32_t set, uint32_t until)
{
	struct link *link = find_link(node, set);

	if (!link) {
		link = reallocarray(node->links, node->n_links + 1, sizeof(*link));
		if (!link)
			return -ENOMEM;
		node->links = link;
		link += node->n_links++;
	}
	*link = (struct link) { set, until };
	return 0;
}

/* The release is to go to the node of `cidr`. */
static void mark(struct ms_member_tree *tree, const struct ms_cidr *cidr)
{
	struct node *node = tree->root[cidr->addr.family == 6];

	while (!is_at(node, cidr)) {
		node->leads = true;
		node = node->child[bit_of(cidr, node->cidr.len)];
	}
	node->is_changed = true;
}

/* A change of the node at `cidr`, `wider` being said around it. */
static int settle(struct ms_member_tree *tree, struct node **place, const struct ms_cidr *cidr,
		  const struct ms_member_sets *wider, bool is_late)
{
	int r;

	if (is_late) {
		mark(tree, cidr);
		return 0;
	}
	(*place)->is_changed = true;
	tree->left = SIZE_MAX;
	r = store_below(tree, place, wider, false);
	tidy_way(tree, cidr);
	return r;
}

static int put(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
	       uint32_t until, bool is_late)
{
	struct ms_member_sets wider = { 0 };
	struct node **place = find_place(tree, cidr, &wider);
	struct node *node = make_node(place, cidr);

	if (!node)
		return -ENOMEM;
	if (put_link(node, set, until) < 0) {
		/* It stands for nothing, if it is new, and may part others from the way to them. */
		if (is_late)
			mark(tree, cidr);
		else
			tidy_way(tree, cidr);
		return -ENOMEM;
	}
	/* Below a fork, if one was made. */
	return settle(tree, find_place(tree, cidr, NULL), cidr, &wider, is_late);
}

int ms_member_tree_put(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
		       uint32_t until)
{
	return put(tree, set, cidr, until, tree->is_held && !tree->is_hurried);
}

int ms_member_tree_put_late(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
			    uint32_t until)
{
	return put(tree, set, cidr, until, true);
}

static int take_out(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
		    bool is_late)
{
	struct ms_member_sets wider = { 0 };
	struct node **place = find_place(tree, cidr, &wider);
	struct link *link = is_at(*place, cidr) ? find_link(*place, set) : NULL;

	if (!link)
		return -ENOENT;
	*link = (*place)->links[--(*place)->n_links];
	return settle(tree, place, cidr, &wider, is_late);
}

int ms_member_tree_remove(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr)
{
	return take_out(tree, set, cidr, tree->is_held && !tree->is_hurried);
}

int ms_member_tree_remove_late(struct ms_member_tree *tree, uint32_t set,
			       const struct ms_cidr *cidr)
{
	return take_out(tree, set, cidr, true);
}

static size_t count_below(const struct node *node, size_t most)
{
	size_t count;

	if (!node || most == 0)
		return 0;
	count = 1 + count_below(node->child[0], most - 1);
	return count + count_below(node->child[1], most - count);
}

size_t ms_member_tree_within(struct ms_member_tree *tree, const struct ms_cidr *cidr, size_t most)
{
	const struct node *node = *find_place(tree, cidr, NULL);

	return node && ms_cidr_covers(cidr, &node->cidr) ? count_below(node, most) : 0;
}

void ms_member_tree_hold(struct ms_member_tree *tree)
{
	tree->is_held = true;
}

void ms_member_tree_hurry(struct ms_member_tree *tree, bool is_hurried)
{
	tree->is_hurried = is_hurried;
}

bool ms_member_tree_release_some(struct ms_member_tree *tree, size_t most, int *ret_r)
{
	const struct ms_member_sets none = { 0 };
	int r4, r6;
	bool is_more;

	tree->n_visited = 0;
	tree->left = most;
	r4 = store_below(tree, &tree->root[0], &none, false);
	r6 = store_below(tree, &tree->root[1], &none, false);
	*ret_r = r4 < 0 ? r4 : r6;
	is_more = is_due(tree->root[0]) || is_due(tree->root[1]);
	tree->is_held = tree->is_held && (is_more || tree->is_hurried);
	return is_more;
}

int ms_member_tree_release(struct ms_member_tree *tree)
{
	int r;

	ms_member_tree_release_some(tree, SIZE_MAX, &r);
	return r;
}

size_t ms_member_tree_visited(const struct ms_member_tree *tree)
{
	return tree->n_visited;
}
