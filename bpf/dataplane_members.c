/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of which sets an address is a member: ms_told4/6, ms_member4/6 and ms_asked.
 *
 * A prefix is in one of its family's two tables, whichever it went to when it came. Packets go by
 * the longest of both, so it does not matter to them which. While it moves it is in both, of one of
 * which they see what is new: in ms_told4/6 they look first, so it is put there before it goes from
 * the other one, and goes from there when the other one has it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"

enum { FULL, OTHER, IN_TRIE };

/* The key of either family, behind one pointer. */
union member_key {
	struct ms_member_key4 k4;
	struct ms_member_key6 k6;
};

static unsigned int family_of(const struct ms_cidr *cidr)
{
	return cidr->addr.family == 6;
}

static void make_key(const struct ms_cidr *cidr, union member_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->k4.prefixlen = cidr->len;
	if (cidr->addr.family == 4)
		memcpy(&ret_key->k4.addr, cidr->addr.bytes, sizeof(ret_key->k4.addr));
	else
		memcpy(ret_key->k6.addr, cidr->addr.bytes, sizeof(ret_key->k6.addr));
}

static int told_fd(const struct ms_dataplane *dp, unsigned int family)
{
	return ms_dataplane_map(dp, family ? "ms_told6" : "ms_told4");
}

static int trie_fd(const struct ms_dataplane *dp, unsigned int family)
{
	return ms_dataplane_map(dp, family ? "ms_member6" : "ms_member4");
}

/* ---- writes ---- */

static int update(struct ms_dataplane *dp, int fd, const union member_key *key,
		  const struct ms_member_sets *sets, uint64_t flags)
{
	atomic_fetch_add((_Atomic uint32_t *)&dp->asked->writes, 1);
	return bpf_map_update_elem(fd, key, sets, flags);
}

static int erase(struct ms_dataplane *dp, int fd, const union member_key *key)
{
	atomic_fetch_add((_Atomic uint32_t *)&dp->asked->writes, 1);
	return bpf_map_delete_elem(fd, key);
}

static void say_lengths(struct ms_dataplane *dp, unsigned int family, unsigned int full,
			unsigned int other, unsigned int beyond)
{
	atomic_store((_Atomic uint32_t *)&dp->asked->lengths[family],
		     full | other << 8 | beyond << 16);
}

/* Packets look for the full length, and for the other one, as long as there are any. */
static void say_told(struct ms_dataplane *dp, unsigned int family)
{
	uint32_t lengths = dp->asked->lengths[family];

	say_lengths(dp, family, dp->told[family][FULL] ? (family ? 128 : 32) : 0,
		    dp->told[family][OTHER] ? dp->told_length[family] : 0,
		    MS_LENGTH_BEYOND(lengths));
}

static void say_beyond(struct ms_dataplane *dp, unsigned int family, unsigned int beyond)
{
	uint32_t lengths = dp->asked->lengths[family];

	say_lengths(dp, family, MS_LENGTH_FULL(lengths), MS_LENGTH_OTHER(lengths), beyond);
}

/* ---- places ---- */

/* FULL, OTHER or IN_TRIE: where one that is told of would be. A length that nobody has is free. */
static unsigned int find_place(const struct ms_dataplane *dp, const struct ms_cidr *cidr)
{
	unsigned int family = family_of(cidr);

	if (!ms_dataplane_loads_in_order() || cidr->len == 0)
		return IN_TRIE;
	if (cidr->len == (family ? 128 : 32))
		return FULL;
	return dp->told[family][OTHER] == 0 || dp->told_length[family] == cidr->len ? OTHER
										    : IN_TRIE;
}

static int put_in_trie(struct ms_dataplane *dp, const struct ms_cidr *cidr,
		       const union member_key *key, const struct ms_member_sets *sets)
{
	unsigned int family = family_of(cidr);
	int r = update(dp, trie_fd(dp, family), key, sets, BPF_ANY);

	if (r == 0 && MS_LENGTH_BEYOND(dp->asked->lengths[family]) <= cidr->len)
		say_beyond(dp, family, cidr->len + 1u);
	return r;
}

static int erase_in_trie(struct ms_dataplane *dp, const struct ms_cidr *cidr,
			 const union member_key *key)
{
	unsigned int family = family_of(cidr);
	union member_key next;
	int fd = trie_fd(dp, family), r;

	if (MS_LENGTH_BEYOND(dp->asked->lengths[family]) <= cidr->len)
		return -ENOENT;
	r = erase(dp, fd, key);
	if (r == 0 && bpf_map_get_next_key(fd, NULL, &next) == -ENOENT)
		say_beyond(dp, family, 0);
	return r;
}

static int put_told(struct ms_dataplane *dp, const struct ms_cidr *cidr, unsigned int place,
		    const union member_key *key, const struct ms_member_sets *sets)
{
	unsigned int family = family_of(cidr);
	int fd = told_fd(dp, family);
	int r = update(dp, fd, key, sets, BPF_NOEXIST);

	if (r == -EEXIST)
		return update(dp, fd, key, sets, BPF_EXIST);
	if (r < 0)
		return r;
	if (place == OTHER)
		dp->told_length[family] = cidr->len;
	if (dp->told[family][place]++ == 0)
		say_told(dp, family);
	r = erase_in_trie(dp, cidr, key);
	return r == -ENOENT ? 0 : r;
}

static int erase_told(struct ms_dataplane *dp, const struct ms_cidr *cidr, unsigned int place,
		      const union member_key *key)
{
	unsigned int family = family_of(cidr);
	int r;

	if (place == IN_TRIE || dp->told[family][place] == 0)
		return -ENOENT;
	r = erase(dp, told_fd(dp, family), key);
	if (r == 0 && --dp->told[family][place] == 0)
		say_told(dp, family);
	return r;
}

int ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
			    const struct ms_member_sets *sets)
{
	struct ms_member_sets said = *sets;
	unsigned int place = find_place(dp, cidr);
	union member_key key;
	int r;

	make_key(cidr, &key);
	said.len = cidr->len;
	if (place != IN_TRIE) {
		r = put_told(dp, cidr, place, &key, &said);
		if (r != -E2BIG && r != -ENOMEM)
			return r;
	}
	r = put_in_trie(dp, cidr, &key, &said);
	if (r < 0)
		return r;
	r = erase_told(dp, cidr, place, &key);
	return r == -ENOENT ? 0 : r;
}

int ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr)
{
	union member_key key;
	int r;

	make_key(cidr, &key);
	r = erase_told(dp, cidr, find_place(dp, cidr), &key);
	return r == -ENOENT ? erase_in_trie(dp, cidr, &key) : r;
}

/* The next key is found before the one that it is next to goes: from the first one on a HASH looks
 * through all places that are empty already. */
static int clear_map(int fd)
{
	union member_key key, next;
	int r = fd < 0 ? fd : bpf_map_get_next_key(fd, NULL, &key);

	while (r == 0) {
		int end = bpf_map_get_next_key(fd, &key, &next);

		r = bpf_map_delete_elem(fd, &key);
		key = next;
		if (r == 0)
			r = end;
	}
	return r == -ENOENT ? 0 : r;
}

int ms_dataplane_members_clear(struct ms_dataplane *dp)
{
	int r = 0;

	for (unsigned int family = 0; r == 0 && family < 2; family++) {
		r = clear_map(told_fd(dp, family));
		if (r == 0)
			r = clear_map(trie_fd(dp, family));
		if (r == 0) {
			memset(dp->told[family], 0, sizeof(dp->told[family]));
			say_lengths(dp, family, 0, 0, 0);
		}
	}
	return r;
}

/* ---- what is asked of ---- */

void ms_dataplane_asked_get(const struct ms_dataplane *dp, struct ms_asked *ret_asked)
{
	memcpy(ret_asked, dp->asked, sizeof(*ret_asked));
}

void ms_dataplane_asked_put(struct ms_dataplane *dp, const struct ms_asked *asked)
{
	struct ms_asked *shared = dp->asked;
	uint32_t bits = 0;

	for (size_t i = 0; i < MS_ASKED_MAX; i++) {
		shared->sets[i] = asked->sets[i];
		if (asked->sets[i])
			bits |= MS_SET_BIT(asked->sets[i]);
	}
	shared->bits = bits;
	shared->next_set = asked->next_set;
	atomic_thread_fence(memory_order_release);
	shared->count = asked->count;
	shared->is_ready = asked->is_ready;
}
