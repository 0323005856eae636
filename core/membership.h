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

#include "core/policy/model.h"

struct ms_member {
	struct ms_cidr cidr;
	uint64_t timeout_ns; /* as a document says it, 0 = stays or given by the CLI */
	uint32_t
		expires_tick; /* 0 = stays; one that has passed is kept, so that it stays expired */
};

struct ms_membership {
	char *name;
	uint32_t set; /* id in the datapath */
	struct ms_member *members;
	size_t count;
};

/* The tick `timeout_ns` from now. */
typedef uint32_t (*ms_membership_deadline)(void *user, uint64_t timeout_ns);

/*
 * `old` (may be NULL) is the set of that name in force: a document's timeout goes on from when the
 * member came in, it does not begin again with every commit.
 */
int ms_membership_build(const struct ms_set_def *def, const struct ms_membership *old,
			ms_membership_deadline deadline, void *user,
			struct ms_membership *ret_membership);
void ms_membership_fini(struct ms_membership *membership);
/* Same prefixes with the same expiry, give or take a tick of rounding. */
bool ms_membership_equal(const struct ms_membership *a, const struct ms_membership *b);
struct ms_member *ms_membership_find(const struct ms_membership *membership,
				     const struct ms_cidr *cidr);
/* Inserts or replaces. -ENOMEM */
int ms_membership_put(struct ms_membership *membership, const struct ms_member *member);
bool ms_membership_remove(struct ms_membership *membership, const struct ms_cidr *cidr);

#endif
