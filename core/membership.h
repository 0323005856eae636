/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The members of one set as the datapath holds them, with the policy's set definitions turned into
 * that form. Pure. Sorted by prefix, no prefix twice.
 */
#ifndef MS_CORE_MEMBERSHIP_H
#define MS_CORE_MEMBERSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ends.h"
#include "core/policy/model.h"

struct ms_member {
	struct ms_cidr cidr;
	uint32_t expires_tick; /* 0 = stays; one that has passed is kept: it stays expired */
	uint32_t until_tick; /* the latest end of this member and those that cover it, 0 = never */
	bool is_cleared;     /* its time is over and the datapath has forgotten it */
};

struct ms_membership {
	char *name;
	uint32_t set; /* id in the datapath */
	struct ms_member *members;
	size_t count;
	struct ms_ends ends; /* of its members; `since` when it is made */
};

/* The tick at which the time of `member`, which has one, is over; never 0. */
typedef uint32_t (*ms_membership_deadline)(void *user, const struct ms_set_member *member);

/* `def` has an entry for each who holds a prefix. What is in force is the longest of them: this is
 * the one place that says so. */
int ms_membership_build(const struct ms_set_def *def, uint32_t now, ms_membership_deadline deadline,
			void *user, struct ms_membership *ret_membership);
void ms_membership_fini(struct ms_membership *membership);
/* Same prefixes with the same expiry, give or take a tick of rounding. */
bool ms_membership_equal(const struct ms_membership *a, const struct ms_membership *b);
/* Prefixes that both have. */
size_t ms_membership_common(const struct ms_membership *a, const struct ms_membership *b);
/* Same ends, give or take a tick of rounding. */
bool ms_membership_same_end(const struct ms_member *a, const struct ms_member *b);
struct ms_member *ms_membership_find(const struct ms_membership *membership,
				     const struct ms_cidr *cidr);
/* The same for prefixes that are asked in their order: all of them are one walk. `*at` is 0 before
 * the first one. */
const struct ms_member *ms_membership_find_next(const struct ms_membership *membership, size_t *at,
						const struct ms_cidr *cidr);
/* Whether a member whose time is not over at `now` has an address in common with `cidr`. */
bool ms_membership_meets(const struct ms_membership *membership, const struct ms_cidr *cidr,
			 uint32_t now);
/* How many lie within `cidr`, itself included; it counts to `most`. */
size_t ms_membership_within(const struct ms_membership *membership, const struct ms_cidr *cidr,
			    size_t most);
/* For many at once: unsorted until ms_membership_sort(). -ENOMEM */
int ms_membership_append(struct ms_membership *membership, const struct ms_member *member);
/* Also works out `until_tick`, and when the first member ends. -ENOMEM */
int ms_membership_sort(struct ms_membership *membership);
/* The members as `before` has them, which is equal. -ENOMEM */
int ms_membership_carry(struct ms_membership *membership, const struct ms_membership *before);
/* When the next member ends that has not by `now`, false = none will. Members that stay cost
 * nothing, and those that end the logarithm of how many they are. */
bool ms_membership_next_end(struct ms_membership *membership, uint32_t now, uint32_t *ret_tick);
/*
 * Works out `until_tick` of the members that lie within `cidr` (NULL = all) after something about
 * `cidr` changed, and calls `changed` (may be NULL) for each that is another one now. Goes on after
 * a failure of it, of which it returns the first.
 */
int ms_membership_settle(struct ms_membership *membership, const struct ms_cidr *cidr,
			 int (*changed)(void *user, const struct ms_member *member), void *user);
/* Inserts or replaces; ms_membership_settle() is left to the caller, as for remove. -ENOMEM */
int ms_membership_put(struct ms_membership *membership, const struct ms_member *member);
bool ms_membership_remove(struct ms_membership *membership, const struct ms_cidr *cidr);

#endif
