/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_cidr(const void *a, const void *b)
{
	return ms_cidr_compare(&((const struct ms_member *)a)->cidr,
			       &((const struct ms_member *)b)->cidr);
}

struct ms_member *ms_membership_find(const struct ms_membership *membership,
				     const struct ms_cidr *cidr)
{
	struct ms_member key = { .cidr = *cidr };

	if (membership->count == 0)
		return NULL;
	return bsearch(&key, membership->members, membership->count, sizeof(key), by_cidr);
}

static uint32_t expiry(const struct ms_set_member *member, const struct ms_membership *old,
		       ms_membership_deadline deadline, void *user)
{
	const struct ms_member *before = old ? ms_membership_find(old, &member->cidr) : NULL;

	if (member->timeout_ns == 0)
		return 0;
	if (member->origin.source != MS_SOURCE_RUNTIME && before &&
	    before->timeout_ns == member->timeout_ns)
		return before->expires_tick;
	return deadline(user, member->timeout_ns);
}

/* Of two entries for one prefix the one that stays longer counts. */
static void merge_duplicates(struct ms_membership *membership)
{
	size_t kept = 0;

	for (size_t i = 0; i < membership->count; i++) {
		struct ms_member *last = kept ? &membership->members[kept - 1] : NULL;
		struct ms_member *this = &membership->members[i];

		if (!last || by_cidr(last, this) != 0)
			membership->members[kept++] = *this;
		else if (last->expires_tick &&
			 (!this->expires_tick ||
			  (int32_t)(this->expires_tick - last->expires_tick) > 0))
			*last = *this;
	}
	membership->count = kept;
}

int ms_membership_build(const struct ms_set_def *def, const struct ms_membership *old,
			ms_membership_deadline deadline, void *user,
			struct ms_membership *ret_membership)
{
	struct ms_membership membership = { .name = strdup(def->name) };

	membership.members = calloc(def->n_members + 1, sizeof(*membership.members));
	if (!membership.name || !membership.members) {
		ms_membership_fini(&membership);
		return -ENOMEM;
	}
	for (size_t i = 0; i < def->n_members; i++) {
		const struct ms_set_member *member = &def->members[i];
		bool runtime = member->origin.source == MS_SOURCE_RUNTIME;

		membership.members[i] = (struct ms_member) {
			.cidr = member->cidr,
			.timeout_ns = runtime ? 0 : member->timeout_ns,
			.expires_tick = expiry(member, old, deadline, user),
		};
	}
	membership.count = def->n_members;
	if (membership.count)
		qsort(membership.members, membership.count, sizeof(*membership.members), by_cidr);
	merge_duplicates(&membership);
	*ret_membership = membership;
	return 0;
}

void ms_membership_fini(struct ms_membership *membership)
{
	free(membership->name);
	free(membership->members);
	*membership = (struct ms_membership) { 0 };
}

static bool same_expiry(uint32_t a, uint32_t b)
{
	int32_t apart = (int32_t)(a - b);

	if (a == 0 || b == 0)
		return a == b;
	return apart >= -2 && apart <= 2;
}

bool ms_membership_equal(const struct ms_membership *a, const struct ms_membership *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (by_cidr(&a->members[i], &b->members[i]) != 0 ||
		    !same_expiry(a->members[i].expires_tick, b->members[i].expires_tick))
			return false;
	}
	return true;
}

int ms_membership_put(struct ms_membership *membership, const struct ms_member *member)
{
	struct ms_member *members = ms_membership_find(membership, &member->cidr);
	size_t at = membership->count;

	if (members) {
		*members = *member;
		return 0;
	}
	members = reallocarray(membership->members, membership->count + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	membership->members = members;
	while (at > 0 && by_cidr(&members[at - 1], member) > 0)
		at--;
	memmove(&members[at + 1], &members[at], (membership->count - at) * sizeof(*members));
	members[at] = *member;
	membership->count++;
	return 0;
}

bool ms_membership_remove(struct ms_membership *membership, const struct ms_cidr *cidr)
{
	struct ms_member *found = ms_membership_find(membership, cidr);
	size_t at;

	if (!found)
		return false;
	at = (size_t)(found - membership->members);
	membership->count--;
	memmove(found, found + 1, (membership->count - at) * sizeof(*found));
	return true;
}
