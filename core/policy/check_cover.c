/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rules are covered by one earlier rule. A rule that only several together cover is not
 * found. To be covered, a rule's first `from` and first `to` must lie in an element of the other's
 * lists, so the earlier rules are indexed by those pairs; a rule is compared with at most
 * COMPARED_MAX of the candidates that gives, and what that leaves out is said.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/builtin.h"
#include "core/policy/check_parts.h"
#include "core/policy/name_index.h"

#define COMPARED_MAX 512
#define SEEN_BITS (1u << 20) /* near a processor, where the buckets of 100,000 rules are not */
#define PAIRS_MAX 64 /* more pairs of one rule than this, and it is a candidate for everybody */

/* ---- one rule against another ---- */

static bool covers_groups(const struct ms_rule *outer, const struct ms_rule *inner)
{
	if (outer->n_groups && !inner->n_groups)
		return false;
	for (size_t i = 0; outer->n_groups && i < inner->n_groups; i++) {
		bool found = false;

		for (size_t j = 0; j < outer->n_groups && !found; j++)
			found = strcmp(outer->groups[j], inner->groups[i]) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool covers_address(const struct ms_address *outer, const struct ms_address *inner)
{
	if (outer->kind != inner->kind)
		return false;
	return outer->kind == MS_ADDRESS_SET ? strcmp(outer->set, inner->set) == 0
					     : ms_cidr_covers(&outer->cidr, &inner->cidr);
}

static bool covers_addresses(const struct ms_address *outer, size_t n_outer,
			     const struct ms_address *inner, size_t n_inner)
{
	if (n_outer && !n_inner)
		return false;
	for (size_t i = 0; n_outer && i < n_inner; i++) {
		bool found = false;

		for (size_t j = 0; j < n_outer && !found; j++)
			found = covers_address(&outer[j], &inner[i]);
		if (!found)
			return false;
	}
	return true;
}

/* Ranges may cover one only together: 80-90 and 91-100 cover 85-95. */
static bool covers_range(const struct ms_port_range *outer, size_t n_outer,
			 const struct ms_port_range *inner)
{
	unsigned int next = inner->first;

	for (size_t i = 0; i < n_outer && next <= inner->last;) {
		if (outer[i].first <= next && outer[i].last >= next) {
			next = outer[i].last + 1u;
			i = 0;
		} else {
			i++;
		}
	}
	return next > inner->last;
}

static bool covers_ports(const struct ms_port_range *outer, size_t n_outer,
			 const struct ms_port_range *inner, size_t n_inner)
{
	const struct ms_port_range all = { 0, UINT16_MAX };

	if (!n_outer)
		return true;
	if (!n_inner)
		return covers_range(outer, n_outer, &all);
	for (size_t i = 0; i < n_inner; i++) {
		if (!covers_range(outer, n_outer, &inner[i]))
			return false;
	}
	return true;
}

static bool covers_protos(const struct ms_rule *outer, const struct ms_rule *inner)
{
	if (outer->n_protos && !inner->n_protos)
		return false;
	for (size_t i = 0; outer->n_protos && i < inner->n_protos; i++) {
		if (!memchr(outer->protos, inner->protos[i], outer->n_protos))
			return false;
	}
	return true;
}

static bool covers_icmps(const struct ms_rule *outer, const struct ms_rule *inner)
{
	if (outer->n_icmps && !inner->n_icmps)
		return false;
	for (size_t i = 0; outer->n_icmps && i < inner->n_icmps; i++) {
		bool found = false;

		for (size_t j = 0; j < outer->n_icmps && !found; j++)
			found = outer->icmps[j].type == inner->icmps[i].type &&
				(outer->icmps[j].code < 0 ||
				 outer->icmps[j].code == inner->icmps[i].code);
		if (!found)
			return false;
	}
	return true;
}

static bool covers_vlans(const struct ms_rule *outer, const struct ms_rule *inner)
{
	if (outer->n_vlans && !inner->n_vlans)
		return false;
	for (size_t i = 0; outer->n_vlans && i < inner->n_vlans; i++) {
		bool found = false;

		for (size_t j = 0; j < outer->n_vlans && !found; j++)
			found = outer->vlans[j] == inner->vlans[i];
		if (!found)
			return false;
	}
	return true;
}

static bool covers_dscps(const struct ms_rule *outer, const struct ms_rule *inner)
{
	if (outer->n_dscps && !inner->n_dscps)
		return false;
	for (size_t i = 0; outer->n_dscps && i < inner->n_dscps; i++) {
		if (!memchr(outer->dscps, inner->dscps[i], outer->n_dscps))
			return false;
	}
	return true;
}

/* A rule that ends before the other covers it only for a while, which is what such rules are for.
 */
static bool outlives(const struct ms_rule *outer, const struct ms_rule *inner)
{
	return !outer->expires || (inner->expires && inner->expires <= outer->expires);
}

static bool covers(const struct ms_rule *outer, const struct ms_rule *inner)
{
	return (inner->dirs & ~outer->dirs) == 0 && covers_protos(outer, inner) &&
	       covers_ports(outer->dports, outer->n_dports, inner->dports, inner->n_dports) &&
	       covers_addresses(outer->to, outer->n_to, inner->to, inner->n_to) &&
	       covers_addresses(outer->from, outer->n_from, inner->from, inner->n_from) &&
	       covers_ports(outer->sports, outer->n_sports, inner->sports, inner->n_sports) &&
	       covers_icmps(outer, inner) && covers_vlans(outer, inner) &&
	       covers_dscps(outer, inner) && covers_groups(outer, inner) &&
	       (!outer->workload_only || inner->workload_only) && outlives(outer, inner);
}

/* ---- candidates ---- */

/* A hash -> the rules under it, oldest first. */
struct buckets {
	struct bucket {
		uint64_t hash; /* 0 = free */
		size_t *rules, n_rules;
	} * buckets;
	size_t room, used;
	uint64_t *seen; /* a bit for each hash, of few bits of it: none is there if that is clear */
};

struct cover {
	struct ms_check *check;
	struct buckets pairs; /* by one element of `from` and one of `to` */
	struct buckets exact; /* by the whole match */
	size_t *wide, n_wide; /* rules of too many pairs */
	/* Lengths of prefixes in use, by family (0 = IPv4) and length: what to look up at all. */
	bool from_lengths[2][129], to_lengths[2][129];
	size_t n_cut; /* rules that had more candidates than they were compared with */
};

static void fini_buckets(struct buckets *buckets)
{
	for (size_t i = 0; i < buckets->room; i++)
		free(buckets->buckets[i].rules);
	free(buckets->buckets);
	free(buckets->seen);
}

static void fini_cover(struct cover *cover)
{
	fini_buckets(&cover->pairs);
	fini_buckets(&cover->exact);
	free(cover->wide);
}

static struct bucket *probe(struct bucket *buckets, size_t room, uint64_t hash)
{
	size_t at = hash & (room - 1);

	while (buckets[at].hash && buckets[at].hash != hash)
		at = (at + 1) & (room - 1);
	return &buckets[at];
}

static uint64_t *seen_word(const struct buckets *buckets, uint64_t hash, uint64_t *ret_bit)
{
	uint32_t bit = (uint32_t)(hash >> 32) & (SEEN_BITS - 1);

	*ret_bit = UINT64_C(1) << (bit & 63);
	return &buckets->seen[bit >> 6];
}

/* NULL = there is none. Of what is asked for a rule hardly any is there. */
static const struct bucket *find_bucket(const struct buckets *buckets, uint64_t hash)
{
	const struct bucket *bucket;
	uint64_t bit;

	if (!buckets->room || !(*seen_word(buckets, hash, &bit) & bit))
		return NULL;
	bucket = probe(buckets->buckets, buckets->room, hash | 1);
	return bucket->hash ? bucket : NULL;
}

static int add_to_bucket(struct buckets *buckets, uint64_t hash, size_t rule)
{
	struct bucket *bucket;
	uint64_t bit;

	if (!buckets->seen)
		buckets->seen = calloc(SEEN_BITS / 64, sizeof(*buckets->seen));
	if (!buckets->seen)
		return -ENOMEM;
	if (buckets->used * 2 >= buckets->room) {
		size_t room = buckets->room ? buckets->room * 2 : 256;
		struct bucket *grown = calloc(room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		for (size_t i = 0; i < buckets->room; i++) {
			if (buckets->buckets[i].hash)
				*probe(grown, room, buckets->buckets[i].hash) = buckets->buckets[i];
		}
		free(buckets->buckets);
		buckets->buckets = grown;
		buckets->room = room;
	}
	bucket = probe(buckets->buckets, buckets->room, hash | 1);
	buckets->used += bucket->hash == 0;
	bucket->hash = hash | 1;
	*seen_word(buckets, hash, &bit) |= bit;
	return ms_array_append(&bucket->rules, &bucket->n_rules, rule);
}

/* ---- hashes of matches ---- */

static uint64_t hash_cidr(const struct ms_addr *addr, unsigned int len)
{
	uint8_t bytes[18] = { addr->family, (uint8_t)len };

	memcpy(bytes + 2, addr->bytes, len / 8);
	if (len % 8)
		bytes[2 + len / 8] = addr->bytes[len / 8] & (uint8_t)(0xff00 >> (len % 8));
	return ms_name_index_hash(MS_NAME_HASH_INIT, bytes, addr->family == 4 ? 6 : sizeof(bytes));
}

static uint64_t hash_address(const struct ms_address *address)
{
	if (address->kind == MS_ADDRESS_SET)
		return ms_name_index_hash(MS_NAME_HASH_INIT + 1, address->set,
					  strlen(address->set));
	return hash_cidr(&address->cidr.addr, address->cidr.len);
}

#define HASH_ANY 0x9e3779b97f4a7c15ULL

static uint64_t hash_pair(uint64_t from, uint64_t to)
{
	uint64_t pair[2] = { from, to };

	return ms_name_index_hash(MS_NAME_HASH_INIT, pair, sizeof(pair));
}

static uint64_t hash_addresses(uint64_t hash, const struct ms_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t one = hash_address(&addresses[i]);

		hash = ms_name_index_hash(hash, &one, sizeof(one));
	}
	return ms_name_index_hash(hash, &count, sizeof(count));
}

/* Rules of equal match have equal hashes; what is left out only makes more of them collide. */
static uint64_t hash_match(const struct ms_rule *rule)
{
	uint64_t hash = hash_addresses(MS_NAME_HASH_INIT, rule->from, rule->n_from);

	hash = hash_addresses(hash, rule->to, rule->n_to);
	hash = ms_name_index_hash(hash, &rule->dirs, sizeof(rule->dirs));
	hash = ms_name_index_hash(hash, rule->protos, rule->n_protos);
	for (size_t i = 0; i < rule->n_dports; i++) {
		uint16_t ends[2] = { rule->dports[i].first, rule->dports[i].last };

		hash = ms_name_index_hash(hash, ends, sizeof(ends));
	}
	for (size_t i = 0; i < rule->n_sports; i++) {
		uint16_t ends[2] = { rule->sports[i].first, rule->sports[i].last };

		hash = ms_name_index_hash(hash, ends, sizeof(ends));
	}
	for (size_t i = 0; i < rule->n_icmps; i++) {
		uint16_t both = (uint16_t)(rule->icmps[i].type << 8 ^ rule->icmps[i].code);

		hash = ms_name_index_hash(hash, &both, sizeof(both));
	}
	hash = ms_name_index_hash(hash, rule->vlans, rule->n_vlans * sizeof(*rule->vlans));
	hash = ms_name_index_hash(hash, rule->dscps, rule->n_dscps);
	for (size_t i = 0; i < rule->n_groups; i++)
		hash = ms_name_index_hash(hash, rule->groups[i], strlen(rule->groups[i]));
	return hash;
}

/* ---- the index ---- */

static void note_lengths(bool lengths[2][129], const struct ms_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].kind == MS_ADDRESS_CIDR)
			lengths[addresses[i].cidr.addr.family == 6][addresses[i].cidr.len] = true;
	}
}

static int add_candidate(struct cover *cover, size_t at, uint64_t match)
{
	const struct ms_rule *rule = &cover->check->policy->rules[at];
	size_t n_from = rule->n_from ? rule->n_from : 1, n_to = rule->n_to ? rule->n_to : 1;
	int r = add_to_bucket(&cover->exact, match, at);

	if (r < 0)
		return r;
	if (n_from > PAIRS_MAX || n_to > PAIRS_MAX || n_from * n_to > PAIRS_MAX)
		return ms_array_append(&cover->wide, &cover->n_wide, at);
	note_lengths(cover->from_lengths, rule->from, rule->n_from);
	note_lengths(cover->to_lengths, rule->to, rule->n_to);
	for (size_t i = 0; r == 0 && i < n_from; i++) {
		uint64_t from = rule->n_from ? hash_address(&rule->from[i]) : HASH_ANY;

		for (size_t j = 0; r == 0 && j < n_to; j++) {
			uint64_t to = rule->n_to ? hash_address(&rule->to[j]) : HASH_ANY;

			r = add_to_bucket(&cover->pairs, hash_pair(from, to), at);
		}
	}
	return r;
}

/* What could cover the first of these addresses: any, its set, or the prefixes around it. Returns
 * how many hashes there are. */
static size_t list_outer(bool lengths[2][129], const struct ms_address *addresses, size_t count,
			 uint64_t hashes[131])
{
	size_t n = 0;

	hashes[n++] = HASH_ANY;
	if (count && addresses[0].kind == MS_ADDRESS_SET) {
		hashes[n++] = hash_address(&addresses[0]);
	} else if (count) {
		const struct ms_cidr *cidr = &addresses[0].cidr;

		for (unsigned int len = 0; len <= cidr->len; len++) {
			if (lengths[cidr->addr.family == 6][len])
				hashes[n++] = hash_cidr(&cidr->addr, len);
		}
	}
	return n;
}

struct search {
	const struct ms_rule *rules, *inner;
	const struct ms_rule *found; /* the earliest that covers `inner` */
	size_t n_compared;
	bool was_cut;
};

static void search_list(struct search *search, const size_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ms_rule *outer = &search->rules[list[i]];

		if (search->found && search->found < outer)
			return; /* lists are oldest first */
		if (search->n_compared++ >= COMPARED_MAX) {
			search->was_cut = true;
			return;
		}
		if (covers(outer, search->inner)) {
			search->found = outer;
			return;
		}
	}
}

static void search_pairs(struct cover *cover, struct search *search)
{
	const struct ms_rule *inner = search->inner;
	uint64_t from[131], to[131];
	size_t n_from = list_outer(cover->from_lengths, inner->from, inner->n_from, from);
	size_t n_to = list_outer(cover->to_lengths, inner->to, inner->n_to, to);

	search_list(search, cover->wide, cover->n_wide);
	for (size_t i = 0; i < n_from; i++) {
		for (size_t j = 0; j < n_to; j++) {
			const struct bucket *bucket =
				find_bucket(&cover->pairs, hash_pair(from[i], to[j]));

			if (bucket)
				search_list(search, bucket->rules, bucket->n_rules);
		}
	}
}

/* An earlier rule of the very same match, however many candidates there are. */
static const struct ms_rule *find_same(struct cover *cover, const struct ms_rule *rule,
				       uint64_t match)
{
	const struct bucket *bucket = find_bucket(&cover->exact, match);

	for (size_t i = 0; bucket && i < bucket->n_rules && i < COMPARED_MAX; i++) {
		const struct ms_rule *other = &cover->check->policy->rules[bucket->rules[i]];

		if (ms_rule_equal_match(other, rule) && outlives(other, rule))
			return other;
	}
	return NULL;
}

static int warn_covered(struct cover *cover, const struct ms_rule *rule,
			const struct ms_rule *first, bool is_same)
{
	char where[300];

	ms_origin_format(&first->origin, where, sizeof(where));
	if (is_same && ms_rule_equal(first, rule))
		return ms_check_warn(cover->check, "duplicate", &rule->origin, rule,
				     "%s says what %s (%s) has said already", rule->id, first->id,
				     where);
	if (first->origin.source == MS_SOURCE_BUILTIN)
		return ms_check_warn(cover->check, "unreachable", &rule->origin, rule,
				     "%s is never reached: the built-in %s comes first; to replace "
				     "that, give this rule its id",
				     rule->id, first->id);
	return ms_check_warn(cover->check, "unreachable", &rule->origin, rule,
			     "%s is never reached: %s (%s) comes first and matches all of it",
			     rule->id, first->id, where);
}

static int check_rule(struct cover *cover, const struct ms_rule *rule, uint64_t match)
{
	struct search search = { .rules = cover->check->policy->rules, .inner = rule };
	const struct ms_rule *same = find_same(cover, rule, match);

	if (same)
		return warn_covered(cover, rule, same, true);
	search_pairs(cover, &search);
	cover->n_cut += search.was_cut && !search.found;
	return search.found ? warn_covered(cover, rule, search.found, false) : 0;
}

int ms_check_cover(struct ms_check *check)
{
	ms_cleanup(fini_cover) struct cover cover = { .check = check };
	const struct ms_policy *policy = check->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		uint64_t match;

		if (!rule->id)
			continue; /* not named yet, so not in force either */
		match = hash_match(rule);
		if (rule->origin.source != MS_SOURCE_BUILTIN)
			r = check_rule(&cover, rule, match);
		/* icmp-error matches what the datapath finds inside, not what is written. */
		if (r == 0 && strcmp(rule->id, MS_BUILTIN_ICMP_ERROR) != 0)
			r = add_candidate(&cover, i, match);
	}
	if (r == 0 && cover.n_cut)
		r = ms_check_warn(check, "not_compared", &(struct ms_origin) { 0 }, NULL,
				  "rules that were compared with %d earlier ones and not with all: "
				  "%zu; whether they are reached was not fully looked at",
				  COMPARED_MAX, cover.n_cut);
	return r;
}
