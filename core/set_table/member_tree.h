/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of which sets an address is a member: a tree of all prefixes that are in any set. Pure; what is
 * to be stored of a prefix (struct ms_member_sets: its sets, and those of all wider ones) goes to
 * the owner's hooks. Of one thread at a time.
 */
#ifndef MS_CORE_SET_TABLE_MEMBER_TREE_H
#define MS_CORE_SET_TABLE_MEMBER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/base/addr.h"

struct ms_member_tree;

struct ms_member_tree_hooks {
	/* Negative = it could not be stored. */
	int (*store)(void *user, const struct ms_cidr *cidr, const struct ms_member_sets *sets);
	int (*drop)(void *user, const struct ms_cidr *cidr);
	void *user;
};

/* NULL = out of memory. */
struct ms_member_tree *ms_member_tree_new(const struct ms_member_tree_hooks *hooks);
struct ms_member_tree *ms_member_tree_free(struct ms_member_tree *tree); /* returns NULL */

/*
 * `cidr` is a member of `set` until that tick, 0 = for ever; the latest end of it and of the set's
 * wider ones, as in struct ms_set_entry. What becomes other than it was by that is stored: `cidr`
 * and those within it. -ENOMEM: nothing has changed. What a hook refuses is the tree's all the
 * same; the first refusal is returned.
 */
int ms_member_tree_put(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
		       uint32_t until);
/* -ENOENT if it is no member; else as above. */
int ms_member_tree_remove(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr);

/* The same two, but that nothing is stored before a release. What is put and removed meanwhile is
 * stored at once, as all of it says by then. */
int ms_member_tree_put_late(struct ms_member_tree *tree, uint32_t set, const struct ms_cidr *cidr,
			    uint32_t until);
int ms_member_tree_remove_late(struct ms_member_tree *tree, uint32_t set,
			       const struct ms_cidr *cidr);

/* Of what is at `cidr` and within it, forks included, as many as a change of it may go to; it
 * counts to `most`. */
size_t ms_member_tree_within(struct ms_member_tree *tree, const struct ms_cidr *cidr, size_t most);

/* From here to the release nothing is stored; then all is that has changed, each prefix once. The
 * release goes to what has changed, what is on the way to it, and what lies within it. */
void ms_member_tree_hold(struct ms_member_tree *tree);
int ms_member_tree_release(struct ms_member_tree *tree);
/* A part of the release: it goes to `most` nodes, wider ones first, and so far beyond as the way to
 * the first that it stores is long; 0 = to none. Whether there are others, for the next release;
 * what was held is so still, then. `*ret_r`: the first refusal. */
bool ms_member_tree_release_some(struct ms_member_tree *tree, size_t most, int *ret_r);
/* While it is held: what changes from here on is stored at once all the same, and no release ends
 * that it is held. */
void ms_member_tree_hurry(struct ms_member_tree *tree, bool is_hurried);
/* Nodes that the last release went to. */
size_t ms_member_tree_visited(const struct ms_member_tree *tree);

#endif
