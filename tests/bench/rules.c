/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/bench/bench.h"

#define PORT_LAST 65535

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

static uint32_t below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((uint64_t)next_random(state) * limit >> 32);
}

static uint32_t mask_of(unsigned int len)
{
	return len ? ~0u << (32 - len) : 0;
}

static bool has_ports(unsigned int proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

static bool asks_ports(const struct ms_bench_rule *rule)
{
	return rule->sport_first || rule->sport_last != PORT_LAST || rule->dport_first ||
	       rule->dport_last != PORT_LAST;
}

static void reserve(struct ms_bench_rules *rules, size_t count)
{
	rules->rules = realloc(rules->rules, count * sizeof(*rules->rules));
	if (!rules->rules)
		ms_bench_fail("out of memory for %zu rules", count);
}

/* ---- files ---- */

static bool parse_line(const char *line, struct ms_bench_rule *ret_rule)
{
	unsigned int s[5], d[5], sport[2], dport[2], proto[2];
	struct ms_bench_rule rule;

	if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", &s[0], &s[1],
		   &s[2], &s[3], &s[4], &d[0], &d[1], &d[2], &d[3], &d[4], &sport[0], &sport[1],
		   &dport[0], &dport[1], &proto[0], &proto[1]) != 16)
		return false;
	rule = (struct ms_bench_rule) {
		.src = (s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3]) & mask_of(s[4]),
		.dst = (d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3]) & mask_of(d[4]),
		.src_len = (uint8_t)s[4],
		.dst_len = (uint8_t)d[4],
		.proto = (uint8_t)(proto[1] ? proto[0] : 0),
		.sport_first = (uint16_t)sport[0],
		.sport_last = (uint16_t)sport[1],
		.dport_first = (uint16_t)dport[0],
		.dport_last = (uint16_t)dport[1],
	};
	/* The language knows no ports of a protocol that has none. */
	if (rule.proto && !has_ports(rule.proto)) {
		rule.sport_first = rule.dport_first = 0;
		rule.sport_last = rule.dport_last = PORT_LAST;
	}
	*ret_rule = rule;
	return true;
}

struct ms_bench_rules ms_bench_rules_load(const char *dir, const char *name, size_t limit)
{
	struct ms_bench_rules rules = { .rules = NULL };
	ms_cleanup(ms_close_file) FILE *file = NULL;
	size_t room = 0;
	char path[512], line[256];

	snprintf(rules.name, sizeof(rules.name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s.rules", dir, name);
	file = fopen(path, "re");
	if (!file)
		ms_bench_fail("%s cannot be read", path);
	while ((limit == 0 || rules.count < limit) && fgets(line, sizeof(line), file)) {
		if (rules.count == room) {
			room = room ? 2 * room : 16384;
			reserve(&rules, room);
		}
		if (!parse_line(line, &rules.rules[rules.count]))
			ms_bench_fail("%s:%zu: not a rule", path, rules.count + 1);
		rules.count++;
	}
	return rules;
}

/* ---- made ---- */

/* Percentages; what is left of a hundred is the last choice. */
struct shape {
	const char *name;
	struct {
		uint8_t percent, shortest, longest;
	} src[5], dst[5];
	uint8_t sport_any, sport_exact; /* rest: a range */
	uint8_t dport_any, dport_exact; /* rest: a range */
	uint8_t tcp, udp;               /* rest: any protocol */
	uint32_t networks;              /* of 16 bits, that all addresses come from */
	uint32_t rungs;                 /* lengths of one choice that a network has */
};

static const struct shape shapes[MS_BENCH_SHAPE__COUNT] = {
	[MS_BENCH_SHAPE_ACL] = { "acl",
				 { { 2, 0, 0 }, { 8, 16, 20 }, { 25, 21, 24 }, { 65, 28, 32 } },
				 { { 1, 0, 0 }, { 9, 16, 23 }, { 20, 24, 27 }, { 70, 30, 32 } },
				 99,
				 0,
				 15,
				 75,
				 75,
				 20,
				 64,
				 3 },
	[MS_BENCH_SHAPE_FW] = { "fw",
				{ { 30, 0, 0 }, { 15, 8, 16 }, { 20, 17, 24 }, { 35, 28, 32 } },
				{ { 30, 0, 0 }, { 10, 8, 16 }, { 20, 17, 24 }, { 40, 28, 32 } },
				60,
				25,
				25,
				50,
				60,
				30,
				128,
				3 },
	[MS_BENCH_SHAPE_IPC] = { "ipc",
				 { { 8, 0, 0 }, { 12, 8, 20 }, { 30, 21, 27 }, { 50, 28, 32 } },
				 { { 8, 0, 0 }, { 12, 8, 20 }, { 30, 21, 27 }, { 50, 28, 32 } },
				 75,
				 20,
				 40,
				 45,
				 55,
				 30,
				 96,
				 3 },
	[MS_BENCH_SHAPE_MICRO] = { "micro",
				   { { 8, 0, 0 }, { 4, 16, 16 }, { 28, 24, 26 }, { 60, 32, 32 } },
				   { { 2, 0, 0 }, { 8, 24, 24 }, { 90, 32, 32 } },
				   100,
				   0,
				   5,
				   90,
				   85,
				   12,
				   16,
				   33 },
};

/* Few networks, each with neighbours close together, so that prefixes nest and repeat. */
static uint32_t pick_address(uint64_t *state, uint32_t networks)
{
	uint32_t network = below(state, networks) * 2654435761u >> 16;
	uint32_t subnet = below(state, 4) ? below(state, 16) * 16 : below(state, 256);
	uint32_t host = below(state, 256);

	return network << 16 | subnet << 8 | host;
}

/* A network knows few of the lengths of a choice, or prefixes would nest the deeper the more rules
 * there are. In ClassBench's sets of 10,000 four to seven prefixes hold an address, 3.5 to 4.9 on
 * the average; here up to ten, 3.7 to 4.8. */
static uint8_t pick_length(uint64_t *state, const struct shape *shape, uint32_t addr,
			   const uint8_t (*choices)[3])
{
	uint32_t left = below(state, 100), lengths, rung;

	while (left >= (*choices)[0]) {
		left -= (*choices)[0];
		choices++;
	}
	lengths = (*choices)[2] - (*choices)[1] + 1u;
	rung = below(state, shape->rungs < lengths ? shape->rungs : lengths);
	return (uint8_t)((*choices)[1] + ((addr >> 16) * 31 + rung * 3) % lengths);
}

static void pick_ports(uint64_t *state, uint8_t any, uint8_t exact, uint16_t *ret_first,
		       uint16_t *ret_last)
{
	static const uint16_t known[] = { 22,   53,   80,   123,  135,  139,  143,  161,
					  179,  389,  443,  445,  514,  993,  1433, 1521,
					  2049, 3306, 3389, 5432, 6379, 8080, 8443, 9092 };
	uint32_t roll = below(state, 100);

	*ret_first = 0;
	*ret_last = PORT_LAST;
	if (roll < any)
		return;
	if (roll < (uint32_t)any + exact) {
		*ret_first = below(state, 4) ? known[below(state, ms_array_size(known))]
					     : (uint16_t)(1024 + below(state, 20000));
		*ret_last = *ret_first;
		return;
	}
	if (below(state, 2)) {
		*ret_first = 1024; /* what clients use */
		return;
	}
	*ret_first = (uint16_t)(1024 + below(state, 30000));
	*ret_last = (uint16_t)(*ret_first + 1 + below(state, 2000));
}

struct ms_bench_rules ms_bench_rules_make(enum ms_bench_shape shape, size_t count, uint64_t seed)
{
	const struct shape *s = &shapes[shape];
	struct ms_bench_rules rules = { .count = count };
	uint64_t state = seed * 2 + 1;

	snprintf(rules.name, sizeof(rules.name), "%s-shaped", s->name);
	reserve(&rules, count);
	for (size_t i = 0; i < count; i++) {
		struct ms_bench_rule *rule = &rules.rules[i];
		uint32_t roll = below(&state, 100);

		memset(rule, 0, sizeof(*rule));
		rule->src = pick_address(&state, s->networks);
		rule->dst = pick_address(&state, s->networks);
		rule->src_len = pick_length(&state, s, rule->src, (const uint8_t(*)[3])s->src);
		rule->dst_len = pick_length(&state, s, rule->dst, (const uint8_t(*)[3])s->dst);
		/* Two wildcards would end the set there. */
		if (rule->src_len == 0 && rule->dst_len < 8)
			rule->dst_len = 24;
		rule->src &= mask_of(rule->src_len);
		rule->dst &= mask_of(rule->dst_len);
		rule->proto = roll < s->tcp ? 6 : roll < (uint32_t)s->tcp + s->udp ? 17 : 0;
		pick_ports(&state, rule->proto ? s->sport_any : 100, s->sport_exact,
			   &rule->sport_first, &rule->sport_last);
		pick_ports(&state, rule->proto ? s->dport_any : 100, s->dport_exact,
			   &rule->dport_first, &rule->dport_last);
	}
	return rules;
}

size_t ms_bench_rules_src_set(const struct ms_bench_rules *rules, size_t rule)
{
	return rule / (rules->count / rules->n_sets);
}

size_t ms_bench_rules_dst_set(const struct ms_bench_rules *rules, size_t rule)
{
	return rule % rules->n_sets;
}

size_t ms_bench_rules_of_src_set(const struct ms_bench_rules *rules, size_t set)
{
	return set * (rules->count / rules->n_sets);
}

struct ms_bench_rules ms_bench_rules_make_sets(size_t n_sets, bool each, bool single)
{
	struct ms_bench_rules rules = { .count = each ? n_sets * n_sets : n_sets,
					.n_sets = n_sets };
	uint8_t len = single ? 32 - MS_BENCH_SET_BITS : 24;

	snprintf(rules.name, sizeof(rules.name), "%s%s", each ? "each set to each" : "between sets",
		 single ? " of addresses" : "");
	reserve(&rules, rules.count);
	for (size_t i = 0; i < rules.count; i++)
		rules.rules[i] = (struct ms_bench_rule) {
			.src = 10u << 24 | (uint32_t)ms_bench_rules_src_set(&rules, i) << 8,
			.dst = 11u << 24 | (uint32_t)ms_bench_rules_dst_set(&rules, i) << 8,
			.src_len = len,
			.dst_len = len,
			.proto = 6,
			.sport_last = PORT_LAST,
			.dport_first = 443,
			.dport_last = 443,
		};
	return rules;
}

void ms_bench_rules_fini(struct ms_bench_rules *rules)
{
	free(rules->rules);
	rules->rules = NULL;
	rules->count = 0;
}

/* ---- written ---- */

static void write_prefix(FILE *out, const char *key, uint32_t addr, unsigned int len)
{
	if (len)
		fprintf(out, ", %s: %u.%u.%u.%u/%u", key, addr >> 24, addr >> 16 & 255,
			addr >> 8 & 255, addr & 255, len);
}

static void write_ports(FILE *out, const char *key, unsigned int first, unsigned int last)
{
	if (first == last)
		fprintf(out, ", %s: %u", key, first);
	else if (first != 0 || last != PORT_LAST)
		fprintf(out, ", %s: %u-%u", key, first, last);
}

static void write_nft_ports(FILE *out, const char *key, uint16_t first, uint16_t last)
{
	if (first == last)
		fprintf(out, " th %s %u", key, first);
	else if (first != 0 || last != PORT_LAST)
		fprintf(out, " th %s %u-%u", key, first, last);
}

void ms_bench_rules_nft(const struct ms_bench_rules *rules, FILE *out)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct ms_bench_rule *rule = &rules->rules[i];

		fprintf(out, "ip saddr %u.%u.%u.%u/%u ip daddr %u.%u.%u.%u/%u", rule->src >> 24,
			rule->src >> 16 & 255, rule->src >> 8 & 255, rule->src & 255, rule->src_len,
			rule->dst >> 24, rule->dst >> 16 & 255, rule->dst >> 8 & 255,
			rule->dst & 255, rule->dst_len);
		/* Behind the addresses, which most packets differ in. */
		if (rule->proto)
			fprintf(out, " meta l4proto %u", rule->proto);
		else if (asks_ports(rule))
			fputs(" meta l4proto { tcp, udp, sctp }", out);
		write_nft_ports(out, "sport", rule->sport_first, rule->sport_last);
		write_nft_ports(out, "dport", rule->dport_first, rule->dport_last);
		fputs(" accept\n", out);
	}
}

char *ms_bench_rules_document(const struct ms_bench_rules *rules, const char *tail,
			      size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	if (!out)
		ms_bench_fail("out of memory");
	fputs("version: 1\n"
	      "groups:\n"
	      "  - { name: bench, match: { kind: veth, name: \"w*\" }, default: { in: deny, out: deny } }\n"
	      "rules:\n",
	      out);
	for (size_t i = 0; i < rules->count; i++) {
		const struct ms_bench_rule *rule = &rules->rules[i];

		fprintf(out, "  - { id: r/%zu", i);
		if (rules->n_sets) {
			fprintf(out, ", from: \"set:s%zu\", to: \"set:t%zu\"",
				ms_bench_rules_src_set(rules, i), ms_bench_rules_dst_set(rules, i));
		} else {
			write_prefix(out, "from", rule->src, rule->src_len);
			write_prefix(out, "to", rule->dst, rule->dst_len);
		}
		if (rule->proto)
			fprintf(out, ", proto: %u", rule->proto);
		else if (asks_ports(rule))
			fputs(", proto: [tcp, udp, sctp]", out);
		write_ports(out, "sport", rule->sport_first, rule->sport_last);
		write_ports(out, "dport", rule->dport_first, rule->dport_last);
		fputs(", action: allow }\n", out);
	}
	fputs(tail, out);
	if (rules->n_sets)
		fputs("sets:\n", out);
	for (size_t i = 0; i < rules->n_sets; i++)
		fprintf(out, "  s%zu: []\n  t%zu: []\n", i, i);
	if (fclose(out) != 0)
		ms_bench_fail("out of memory");
	return text;
}

/* ---- asked ---- */

struct ms_bench_header ms_bench_rules_header(const struct ms_bench_rules *rules, uint64_t *state)
{
	const struct ms_bench_rule *rule = &rules->rules[below(state, (uint32_t)rules->count)];
	uint8_t proto = rule->proto;

	if (proto == 0)
		proto = below(state, 4) ? 6 : 17;
	return (struct ms_bench_header) {
		.src = htonl(rule->src | (next_random(state) & ~mask_of(rule->src_len))),
		.dst = htonl(rule->dst | (next_random(state) & ~mask_of(rule->dst_len))),
		.sport = (uint16_t)(rule->sport_first +
				    below(state, rule->sport_last - rule->sport_first + 1u)),
		.dport = (uint16_t)(rule->dport_first +
				    below(state, rule->dport_last - rule->dport_first + 1u)),
		.proto = proto,
	};
}

struct ms_bench_header ms_bench_rules_beside(const struct ms_bench_header *header,
					     unsigned int turn)
{
	struct ms_bench_header near = *header;
	uint32_t bit = htonl(1u << turn / 4 % 32);

	if (turn % 4 == 1)
		near.dport++;
	else if (turn % 4 == 2)
		near.src ^= bit;
	else if (turn % 4 == 3)
		near.dst ^= bit;
	return near;
}

bool ms_bench_rule_asks(const struct ms_bench_rule *rule, const struct ms_bench_header *header)
{
	if (rule->proto ? rule->proto != header->proto
			: asks_ports(rule) && !has_ports(header->proto))
		return false;
	return !has_ports(header->proto) ||
	       (header->sport >= rule->sport_first && header->sport <= rule->sport_last &&
		header->dport >= rule->dport_first && header->dport <= rule->dport_last);
}

long ms_bench_rules_match(const struct ms_bench_rules *rules, const struct ms_bench_header *header)
{
	uint32_t src = ntohl(header->src), dst = ntohl(header->dst);

	for (size_t i = 0; i < rules->count; i++) {
		const struct ms_bench_rule *rule = &rules->rules[i];

		if (((src ^ rule->src) & mask_of(rule->src_len)) ||
		    ((dst ^ rule->dst) & mask_of(rule->dst_len)))
			continue;
		if (ms_bench_rule_asks(rule, header))
			return (long)i;
	}
	return -1;
}
