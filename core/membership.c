/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/membership.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A prefix has at most one cover of each length. */
#define COVERS_MAX 129
/* Ends of members that are gone: so many more than there are members are not kept. */
#define GONE_MAX 64

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

const struct ms_member *ms_membership_find_next(const struct ms_membership *membership, size_t *at,
						const struct ms_cidr *cidr)
{
	int order = -1;

	while (*at < membership->count) {
		order = ms_cidr_compare(&membership->members[*at].cidr, cidr);
		if (order >= 0)
			break;
		++*at;
	}
	return order == 0 ? &membership->members[*at] : NULL;
}

/* Of all who hold a prefix the one that stays longest counts. */
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

int ms_membership_append(struct ms_membership *membership, const struct ms_member *member)
{
	struct ms_member *members = membership->members;
	size_t count = membership->count;

	/* Room doubles, and is nowhere noted: it is full at each power of two. */
	if ((count & (count - 1)) == 0) {
		members = reallocarray(members, count ? 2 * count : 1, sizeof(*members));
		if (!members)
			return -ENOMEM;
		membership->members = members;
	}
	members[membership->count++] = *member;
	return 0;
}

static bool is_sorted(const struct ms_membership *membership)
{
	for (size_t i = 1; i < membership->count; i++) {
		if (by_cidr(&membership->members[i - 1], &membership->members[i]) >= 0)
			return false;
	}
	return true;
}

/* ---- when members end ---- */

static int note_end(struct ms_ends *ends, const struct ms_member *member)
{
	return member->expires_tick ? ms_ends_put(ends, member->expires_tick) : 0;
}

/* Of all of them, anew. On failure it is as it was. */
static int note_ends(struct ms_membership *membership)
{
	struct ms_ends ends = { .since = membership->ends.since };
	int r = 0;

	for (size_t i = 0; r == 0 && i < membership->count; i++)
		r = note_end(&ends, &membership->members[i]);
	if (r < 0) {
		ms_ends_fini(&ends);
		return r;
	}
	ms_ends_fini(&membership->ends);
	membership->ends = ends;
	return 0;
}

/* For a member that is no more so. */
static void forget_end(struct ms_membership *membership, uint32_t tick)
{
	if (!tick)
		return;
	ms_ends_remove(&membership->ends, tick);
	if (membership->ends.removed.count > membership->count + GONE_MAX)
		note_ends(membership);
}

bool ms_membership_next_end(struct ms_membership *membership, uint32_t now, uint32_t *ret_tick)
{
	return ms_ends_nearest(&membership->ends, now, ret_tick);
}

int ms_membership_carry(struct ms_membership *membership, const struct ms_membership *before)
{
	memcpy(membership->members, before->members,
	       membership->count * sizeof(*membership->members));
	return note_ends(membership);
}

int ms_membership_sort(struct ms_membership *membership)
{
	/* What one source alone offers is. */
	if (!is_sorted(membership))
		qsort(membership->members, membership->count, sizeof(*membership->members),
		      by_cidr);
	merge_duplicates(membership);
	ms_membership_settle(membership, NULL, NULL, NULL);
	return note_ends(membership);
}

/* ---- the end of a prefix: that of the last member that holds it ---- */

static uint32_t later(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return (int32_t)(a - b) > 0 ? a : b;
}

/* The longest member that covers `cidr` and is not it. */
static const struct ms_member *find_cover(const struct ms_membership *membership,
					  const struct ms_cidr *cidr)
{
	struct ms_cidr wider = *cidr;

	while (wider.len > 0) {
		const struct ms_member *found;

		wider.len--;
		wider.addr.bytes[wider.len / 8] &= (uint8_t) ~(0x80 >> (wider.len % 8));
		found = ms_membership_find(membership, &wider);
		if (found)
			return found;
	}
	return NULL;
}

static size_t first_within(const struct ms_membership *membership, const struct ms_cidr *cidr)
{
	_Static_assert(offsetof(struct ms_member, cidr) == 0, "begins with its prefix");
	return ms_cidr_first(membership->members, membership->count, sizeof(*membership->members),
			     cidr);
}

static bool is_ahead(uint32_t tick, uint32_t now)
{
	return tick == 0 || (int32_t)(tick - now) > 0;
}

bool ms_membership_meets(const struct ms_membership *membership, const struct ms_cidr *cidr,
			 uint32_t now)
{
	const struct ms_member *cover = find_cover(membership, cidr);

	/* The longest one has the end of all that cover it. */
	if (cover && is_ahead(cover->until_tick, now))
		return true;
	for (size_t at = first_within(membership, cidr); at < membership->count; at++) {
		const struct ms_member *member = &membership->members[at];

		if (!ms_cidr_covers(cidr, &member->cidr))
			break;
		if (is_ahead(member->expires_tick, now))
			return true;
	}
	return false;
}

size_t ms_membership_within(const struct ms_membership *membership, const struct ms_cidr *cidr,
			    size_t most)
{
	size_t first = first_within(membership, cidr), count = 0;

	while (count < most && first + count < membership->count &&
	       ms_cidr_covers(cidr, &membership->members[first + count].cidr))
		count++;
	return count;
}

int ms_membership_settle(struct ms_membership *membership, const struct ms_cidr *cidr,
			 int (*changed)(void *user, const struct ms_member *member), void *user)
{
	/* Those that cover the member at hand, the longest last: none has the length of another. */
	const struct ms_member *covers[COVERS_MAX];
	size_t depth = 0, at = cidr ? first_within(membership, cidr) : 0;
	const struct ms_member *outside = cidr ? find_cover(membership, cidr) : NULL;
	int result = 0;

	if (outside)
		covers[depth++] = outside;
	for (; at < membership->count; at++) {
		struct ms_member *member = &membership->members[at];
		uint32_t until = member->expires_tick;
		int r = 0;

		if (cidr && !ms_cidr_covers(cidr, &member->cidr))
			break;
		while (depth && !ms_cidr_covers(&covers[depth - 1]->cidr, &member->cidr))
			depth--;
		if (depth)
			until = later(until, covers[depth - 1]->until_tick);
		if (until != member->until_tick) {
			member->until_tick = until;
			r = changed ? changed(user, member) : 0;
		}
		if (result == 0)
			result = r;
		covers[depth++] = member;
	}
	return result;
}

int ms_membership_build(const struct ms_set_def *def, uint32_t now, ms_membership_deadline deadline,
			void *user, struct ms_membership *ret_membership)
{
	struct ms_membership membership = { .name = strdup(def->name), .ends.since = now };
	int r;

	membership.members = calloc(def->n_members + 1, sizeof(*membership.members));
	if (!membership.name || !membership.members) {
		ms_membership_fini(&membership);
		return -ENOMEM;
	}
	for (size_t i = 0; i < def->n_members; i++) {
		const struct ms_set_member *member = &def->members[i];

		membership.members[i] = (struct ms_member) {
			.cidr = member->cidr,
			.expires_tick = member->timeout_ns ? deadline(user, member) : 0,
		};
	}
	membership.count = def->n_members;
	r = ms_membership_sort(&membership);
	if (r < 0) {
		ms_membership_fini(&membership);
		return r;
	}
	*ret_membership = membership;
	return 0;
}

void ms_membership_fini(struct ms_membership *membership)
{
	free(membership->name);
	free(membership->members);
	ms_ends_fini(&membership->ends);
	*membership = (struct ms_membership) { 0 };
}

static bool same_expiry(uint32_t a, uint32_t b)
{
	int32_t apart = (int32_t)(a - b);

	if (a == 0 || b == 0)
		return a == b;
	return apart >= -2 && apart <= 2;
}

bool ms_membership_same_end(const struct ms_member *a, const struct ms_member *b)
{
	return same_expiry(a->expires_tick, b->expires_tick) &&
	       same_expiry(a->until_tick, b->until_tick);
}

size_t ms_membership_common(const struct ms_membership *a, const struct ms_membership *b)
{
	size_t i = 0, j = 0, common = 0;

	while (i < a->count && j < b->count) {
		int order = by_cidr(&a->members[i], &b->members[j]);

		common += order == 0;
		i += order <= 0;
		j += order >= 0;
	}
	return common;
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
	size_t at;

	if (members) {
		uint32_t before = members->expires_tick;

		if (note_end(&membership->ends, member) < 0)
			return -ENOMEM;
		*members = *member;
		forget_end(membership, before);
		return 0;
	}
	members = reallocarray(membership->members, membership->count + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	membership->members = members;
	if (note_end(&membership->ends, member) < 0)
		return -ENOMEM;
	at = first_within(membership, &member->cidr);
	memmove(&members[at + 1], &members[at], (membership->count - at) * sizeof(*members));
	members[at] = *member;
	membership->count++;
	return 0;
}

bool ms_membership_remove(struct ms_membership *membership, const struct ms_cidr *cidr)
{
	struct ms_member *found = ms_membership_find(membership, cidr);
	uint32_t end;
	size_t at;

	if (!found)
		return false;
	end = found->expires_tick;
	at = (size_t)(found - membership->members);
	membership->count--;
	memmove(found, found + 1, (membership->count - at) * sizeof(*found));
	forget_end(membership, end);
	return true;
}
