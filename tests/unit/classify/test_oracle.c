/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both engines against the oracle on rules that are made to be hard: prefixes nested as deep as
 * they can on both sides, ranges of ports that overlap, /0 on either side or both, rules that
 * differ in one thing besides addresses, rules that are the same. Headers are at the edges of what
 * a rule asks and beside them. Each set follows from its seed.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/oracle.h"
#include "tests/unit/classify/host.h"

#define SETS 48
/* The sanitizers are after memory, not order. */
#ifdef __SANITIZE_ADDRESS__
#define HEADERS 1000
#else
#define HEADERS 22000 /* of a set: more than a million in all */
#endif
#define MORE 120 /* rules besides those that nest */
#define RULES_MAX (129 + MORE)
#define CHAINS 3
#define GROUPS 3

static struct {
	uint64_t seed, state;
	int family;
	unsigned int bits;
	uint8_t chains[CHAINS][16]; /* addresses that prefixes are of */
	struct ms_oracle_rule rules[RULES_MAX];
	size_t count;
} set;

static const struct ms_oracle_group groups[GROUPS] = { { .name = "a" },
						       { .name = "b" },
						       { .name = "c" } };

static bool set_has(uint32_t number, const uint8_t *last)
{
	(void)number;
	(void)last;
	return false;
}

static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	(void)id;
	return 1;
}

/* As the oracle's index, from 1 on. */
static uint16_t group_of(void *user, const char *name)
{
	(void)user;
	return (uint16_t)(1 + name[0] - 'a');
}

static const struct ms_numbering numbering = { .slot = slot_of, .group = group_of, .set = slot_of };

static uint32_t below(uint32_t limit)
{
	set.state = set.state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((set.state >> 32) * limit >> 32);
}

static void setup(void)
{
	ms_host_setup(&numbering);
}

/* ---- addresses ---- */

static void flip(uint8_t *addr, unsigned int bit)
{
	addr[bit / 8] ^= 0x80 >> bit % 8;
}

/* All ones, all zeroes or anything; the others leave the first at some bit, or agree with it. */
static void make_chains(void)
{
	unsigned int kind = below(3);

	memset(set.chains, 0, sizeof(set.chains));
	for (unsigned int i = 0; i < set.bits / 8; i++)
		set.chains[0][i] = (uint8_t)(kind == 0 ? 255 : kind == 1 ? 0 : below(256));
	for (unsigned int i = 1; i < CHAINS; i++) {
		memcpy(set.chains[i], set.chains[0], sizeof(set.chains[i]));
		flip(set.chains[i], below(set.bits));
	}
}

static struct ms_oracle_cidr prefix(const uint8_t *addr, unsigned int len)
{
	struct ms_oracle_cidr cidr = { .family = set.family, .len = len };

	memcpy(cidr.addr, addr, sizeof(cidr.addr));
	for (unsigned int bit = len; bit < 128; bit++)
		cidr.addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return cidr;
}

static void put_address(struct ms_oracle_address *list, size_t *n, unsigned int chain,
			unsigned int len)
{
	list[(*n)++].cidr = prefix(set.chains[chain], len);
}

/* The address one further in a direction, around the end of all. */
static void step(uint8_t *addr, int by)
{
	for (unsigned int i = set.bits / 8; i-- > 0;) {
		addr[i] = (uint8_t)(addr[i] + by);
		if (addr[i] != (by > 0 ? 0 : 255))
			return;
	}
}

/* An address at an edge of the list's prefixes, or where a chain is left. */
static void draw_address(const struct ms_oracle_address *list, size_t n, uint8_t *ret_addr)
{
	const struct ms_oracle_cidr *cidr = n ? &list[below((uint32_t)n)].cidr : NULL;
	uint32_t edge = cidr ? below(6) : 4 + below(2);

	if (edge >= 4) {
		memcpy(ret_addr, set.chains[below(CHAINS)], 16);
		if (edge == 5)
			flip(ret_addr, below(set.bits));
		return;
	}
	memcpy(ret_addr, cidr->addr, 16);
	if (edge & 1)
		for (unsigned int bit = cidr->len; bit < set.bits; bit++)
			flip(ret_addr, bit);
	if (edge == 2)
		step(ret_addr, -1);
	if (edge == 3)
		step(ret_addr, 1);
}

/* ---- what else is asked ---- */

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static uint8_t draw_proto(void)
{
	const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP,
				   IPPROTO_UDP, IPPROTO_SCTP,
				   47,          set.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6 };

	return protos[below(sizeof(protos))];
}

static uint16_t draw_port(void)
{
	static const uint16_t edges[] = { 0, 1, 1023, 1024, 32767, 32768, 65534, 65535 };

	return below(4) ? edges[below(8)] : (uint16_t)below(65536);
}

static void put_range(struct ms_oracle_range *list, size_t *n)
{
	uint16_t a = draw_port(), b = below(4) ? draw_port() : a;

	list[(*n)++] = (struct ms_oracle_range) { a < b ? a : b, a < b ? b : a };
}

static void ask_proto(struct ms_oracle_rule *rule)
{
	rule->n_protos = rule->n_sports = rule->n_dports = rule->n_icmps = 0;
	if (below(4) == 0)
		return;
	rule->protos[rule->n_protos++] = draw_proto();
	if (!has_ports(rule->protos[0])) {
		if (rule->protos[0] != 47 && below(2))
			rule->icmps[rule->n_icmps++] =
				(struct ms_oracle_icmp) { (uint8_t)below(3), (int)below(3) - 1 };
		return;
	}
	if (below(3) == 0)
		put_range(rule->sports, &rule->n_sports);
	for (unsigned int i = below(3); i > 0; i--)
		put_range(rule->dports, &rule->n_dports);
}

static void ask_dirs(struct ms_oracle_rule *rule)
{
	unsigned int dirs = 1 + below(3);

	rule->dirs[MS_ORACLE_IN] = dirs & 1;
	rule->dirs[MS_ORACLE_OUT] = dirs >> 1;
}

/* Asks for something else in one of these. */
static void change_one(struct ms_oracle_rule *rule)
{
	unsigned int what = below(7);

	if (what < 2 && (rule->n_protos == 0 || !has_ports(rule->protos[0])))
		what = 2;
	if (what == 0) {
		rule->n_sports = 0;
		put_range(rule->sports, &rule->n_sports);
	} else if (what == 1) {
		rule->n_dports = 0;
		put_range(rule->dports, &rule->n_dports);
	} else if (what == 2) {
		ask_proto(rule);
	} else if (what == 3) {
		rule->n_dscps = below(2);
		rule->dscps[0] = (uint8_t)(below(2) * 63);
	} else if (what == 4) {
		rule->n_vlans = below(2);
		rule->vlans[0] = (uint16_t)(below(2) * 4094);
	} else if (what == 5) {
		rule->groups = below(1u << GROUPS);
	} else {
		ask_dirs(rule);
	}
}

/* ---- rules ---- */

static struct ms_oracle_rule *append(const struct ms_oracle_rule *from)
{
	struct ms_oracle_rule *rule = &set.rules[set.count++];

	*rule = from ? *from : (struct ms_oracle_rule) { .dirs = { true, true } };
	rule->verdict = below(2) ? MS_ORACLE_ALLOW : MS_ORACLE_DENY;
	return rule;
}

/* Each length of one side with the same of the other, with what is left of it, or with any. */
static void add_nest(void)
{
	unsigned int pairing = below(3), chain = below(CHAINS);

	for (unsigned int len = 0; len <= set.bits; len++) {
		struct ms_oracle_rule *rule = append(NULL);

		put_address(rule->from, &rule->n_from, 0, len);
		put_address(rule->to, &rule->n_to, chain,
			    pairing == 0   ? len
			    : pairing == 1 ? set.bits - len
					   : below(set.bits + 1));
		ask_proto(rule);
		change_one(rule);
	}
}

static void add_more(void)
{
	struct ms_oracle_rule *rule;
	unsigned int kind = below(4);

	if (kind > 0) {
		rule = append(&set.rules[below((uint32_t)set.count)]);
		if (kind > 1)
			change_one(rule);
		return;
	}
	rule = append(NULL);
	for (unsigned int i = below(3); i > 0; i--)
		put_address(rule->from, &rule->n_from, below(CHAINS), below(set.bits + 1));
	for (unsigned int i = below(3); i > 0; i--)
		put_address(rule->to, &rule->n_to, below(CHAINS), below(set.bits + 1));
	ask_proto(rule);
	ask_dirs(rule);
}

/* As they were made, with the longest prefixes last, or in any order. */
static void shuffle(void)
{
	for (size_t i = set.count - 1; i > 0; i--) {
		size_t other = below((uint32_t)i + 1);
		struct ms_oracle_rule kept = set.rules[i];

		set.rules[i] = set.rules[other];
		set.rules[other] = kept;
	}
}

static void make_set(uint64_t seed)
{
	set.seed = seed;
	set.state = seed * 2 + 1;
	set.family = seed % 2 ? 6 : 4;
	set.bits = set.family == 4 ? 32 : 128;
	set.count = 0;
	make_chains();
	add_nest();
	for (unsigned int i = 0; i < MORE; i++)
		add_more();
	if (below(2))
		shuffle();
	for (size_t i = 0; i < set.count; i++)
		snprintf(set.rules[i].id, sizeof(set.rules[i].id), "%zu", i);
}

static void compile_addresses(const struct ms_oracle_address *from, size_t n,
			      struct ms_address *ret_list)
{
	for (size_t i = 0; i < n; i++) {
		ret_list[i] = (struct ms_address) {
			.kind = MS_ADDRESS_CIDR,
			.cidr = { .addr.family = (uint8_t)set.family,
				  .len = (uint8_t)from[i].cidr.len },
		};
		memcpy(ret_list[i].cidr.addr.bytes, from[i].cidr.addr, 16);
	}
}

static void compile_ranges(const struct ms_oracle_range *from, size_t n,
			   struct ms_port_range *ret_list)
{
	for (size_t i = 0; i < n; i++)
		ret_list[i] = (struct ms_port_range) { from[i].first, from[i].last };
}

static void compile_rule(struct ms_oracle_rule *from, uint32_t number)
{
	struct ms_port_range sports[MS_ORACLE_LIST], dports[MS_ORACLE_LIST];
	struct ms_address src[MS_ORACLE_LIST], dst[MS_ORACLE_LIST];
	struct ms_icmp_match icmp = { from->icmps[0].type, (int16_t)from->icmps[0].code };
	static char names[GROUPS][2] = { "a", "b", "c" };
	char *named[GROUPS];
	struct ms_error err = MS_ERROR_INIT;
	struct ms_rule rule = {
		.id = from->id,
		.dirs = (uint8_t)(from->dirs[MS_ORACLE_IN] << MS_DIR_IN | from->dirs[MS_ORACLE_OUT]
										  << MS_DIR_OUT),
		.verdict = from->verdict == MS_ORACLE_ALLOW ? MS_VERDICT_ALLOW : MS_VERDICT_DENY,
		.from = src,
		.n_from = from->n_from,
		.to = dst,
		.n_to = from->n_to,
		.protos = from->protos,
		.n_protos = from->n_protos,
		.sports = sports,
		.n_sports = from->n_sports,
		.dports = dports,
		.n_dports = from->n_dports,
		.icmps = &icmp,
		.n_icmps = from->n_icmps,
		.vlans = from->vlans,
		.n_vlans = from->n_vlans,
		.dscps = from->dscps,
		.n_dscps = from->n_dscps,
		.groups = named,
	};

	compile_addresses(from->from, from->n_from, src);
	compile_addresses(from->to, from->n_to, dst);
	compile_ranges(from->sports, from->n_sports, sports);
	compile_ranges(from->dports, from->n_dports, dports);
	for (unsigned int i = 0; i < GROUPS; i++)
		if (from->groups >> i & 1)
			named[rule.n_groups++] = names[i];
	ck_assert_int_eq(ms_rows_add_rule(&ms_host_rows, &rule, number, &err), 0);
}

/* ---- headers ---- */

struct question {
	struct ms_oracle_headers headers;
	struct ms_oracle_iface iface;
	enum ms_oracle_dir dir;
};

/* A port at an edge of one of the ranges, or beside it. */
static uint16_t draw_edge(const struct ms_oracle_range *list, size_t n)
{
	const struct ms_oracle_range *range = n ? &list[below((uint32_t)n)] : NULL;
	uint32_t edge = below(5);

	if (!range || edge == 4)
		return draw_port();
	return (uint16_t)(edge == 0   ? range->first
			  : edge == 1 ? range->last
			  : edge == 2 ? range->first - 1
				      : range->last + 1);
}

static struct question draw(const struct ms_oracle_rule *rule)
{
	struct question q = { .headers = { .family = set.family } };
	struct ms_oracle_headers *h = &q.headers;
	uint32_t group = below(GROUPS);

	draw_address(rule->from, rule->n_from, h->src);
	draw_address(rule->to, rule->n_to, h->dst);
	h->proto = rule->n_protos && below(8) ? rule->protos[0] : draw_proto();
	h->has_ports = has_ports(h->proto);
	if (h->has_ports) {
		h->sport = draw_edge(rule->sports, rule->n_sports);
		h->dport = draw_edge(rule->dports, rule->n_dports);
	}
	h->has_icmp = !h->has_ports && h->proto != 47;
	if (h->has_icmp) {
		h->icmp_type = (uint8_t)below(3);
		h->icmp_code = (uint8_t)below(3);
	}
	h->dscp = (uint8_t)(below(2) * 63);
	h->vlan_outer = (uint16_t)(below(2) * 4094);
	/* One that the rule is of, mostly. */
	while (rule->groups && !(rule->groups >> group & 1) && below(8))
		group = below(GROUPS);
	q.iface.group = group;
	q.iface.loopback = below(16) == 0;
	q.dir = below(8) ? (rule->dirs[MS_ORACLE_IN] ? MS_ORACLE_IN : MS_ORACLE_OUT)
			 : (enum ms_oracle_dir)below(2);
	return q;
}

static struct ms_query query_of(const struct question *q)
{
	const struct ms_oracle_headers *h = &q->headers;
	struct ms_query query = {
		.family = (uint8_t)h->family,
		.what = MS_WHAT_PROTO(h->proto) | MS_WHAT_ICMP_TYPE(h->icmp_type) |
			MS_WHAT_ICMP_CODE(h->icmp_code) | MS_WHAT_DSCP(h->dscp),
		.what_known = ~0u,
		.where = MS_WHERE_VLAN(h->vlan_outer) | MS_WHERE_GROUP(q->iface.group + 1),
		.group = (uint8_t)(q->iface.group + 1),
		.dirs = (uint8_t)(q->iface.loopback        ? 3
				  : q->dir == MS_ORACLE_IN ? 1 << MS_DIR_IN
							   : 1 << MS_DIR_OUT),
		.sport = h->sport,
		.dport = h->dport,
	};

	memcpy(query.src, h->src, sizeof(query.src));
	memcpy(query.dst, h->dst, sizeof(query.dst));
	return query;
}

/* Number of the rule that decides, -1 = none. */
static int ask_oracle(const struct ms_oracle_policy *policy, const struct question *q)
{
	struct ms_oracle_judgement judgement;

	ms_oracle_classify(policy, &q->iface, &q->headers, q->dir, &judgement);
	return judgement.reason == MS_ORACLE_BY_RULE ? atoi(judgement.author) : -1;
}

static void expect(const char *engine, const struct question *q, uint32_t turn, int expected,
		   int got)
{
	const struct ms_oracle_headers *h = &q->headers;
	int family = set.family == 4 ? AF_INET : AF_INET6;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (got == expected)
		return;
	ck_abort_msg("seed %llu, header %u (%s > %s, protocol %u, ports %u > %u, type %u/%u, "
		     "DSCP %u, VLAN %u, group %u, %s): rule %d matches first, %s said %d",
		     (unsigned long long)set.seed, turn,
		     inet_ntop(family, h->src, src, sizeof(src)),
		     inet_ntop(family, h->dst, dst, sizeof(dst)), h->proto, h->sport, h->dport,
		     h->icmp_type, h->icmp_code, h->dscp, h->vlan_outer, q->iface.group,
		     q->iface.loopback        ? "loopback"
		     : q->dir == MS_ORACLE_IN ? "in"
					      : "out",
		     expected, engine, got);
}

START_TEST(hard_sets_are_answered_as_the_oracle_does)
{
	struct ms_oracle_policy policy = {
		.rules = set.rules,
		.groups = groups,
		.n_groups = GROUPS,
	};
	uint32_t decided = 0;

	make_set((uint64_t)_i);
	policy.n_rules = set.count;
	for (uint32_t i = 0; i < set.count; i++)
		compile_rule(&set.rules[i], i);
	ms_host_build((unsigned int)set.family);
	for (uint32_t i = 0; i < HEADERS; i++) {
		struct question q = draw(&set.rules[below((uint32_t)set.count)]);
		struct ms_query query = query_of(&q);
		int expected = ask_oracle(&policy, &q);

		expect("pairs", &q, i, expected, ms_host_pairs(query));
		expect("linear", &q, i, expected, ms_host_linear(query));
		decided += expected >= 0;
	}
	ck_assert_uint_gt(decided, HEADERS / 4);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_oracle");
	TCase *tcase = tcase_create("hard");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, ms_host_teardown);
	tcase_add_loop_test(tcase, hard_sets_are_answered_as_the_oracle_does, 0, SETS);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
