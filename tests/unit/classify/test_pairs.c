/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines, compile side and look-up side together: rows are compiled, and the datapath's own
 * headers, built for this machine, are asked what a plain scan of the rows is asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/classify/host.h"

static uint64_t state;

/* Set n has the addresses whose last byte is n or a multiple of it. */
static bool set_has(uint32_t set, const uint8_t *last)
{
	return *last % set == 0;
}

/* ---- the plain scan ---- */

static bool range_has(uint16_t first, uint16_t last, uint16_t value)
{
	return first <= value && value <= last;
}

static bool rest_matches(const struct ms_row_rest *rest, const struct ms_query *q,
			 unsigned int size)
{
	if ((q->what ^ rest->what) & rest->what_mask & q->what_known)
		return false;
	if ((q->where ^ rest->where) & rest->where_mask)
		return false;
	if (!(q->dirs & rest->dirs))
		return false;
	if (rest->src_set && !set_has(rest->src_set >> 16, (const uint8_t *)q->src + size - 1))
		return false;
	if (rest->dst_set && !set_has(rest->dst_set >> 16, (const uint8_t *)q->dst + size - 1))
		return false;
	if (q->partial)
		return !(rest->flags & MS_ROW_PORTS) || !(rest->flags & MS_ROW_DENY);
	return range_has(rest->sport_first, rest->sport_last, q->sport) &&
	       range_has(rest->dport_first, rest->dport_last, q->dport);
}

static bool masked_same(const void *a, const void *b, const void *mask, unsigned int size)
{
	const uint8_t *x = a, *y = b, *m = mask;

	for (unsigned int i = 0; i < size; i++)
		if ((x[i] ^ y[i]) & m[i])
			return false;
	return true;
}

static int scan(const struct ms_query *q)
{
	if (q->family == 4) {
		for (size_t i = 0; i < ms_host_rows.n_rows4; i++) {
			const struct ms_row4 *row = &ms_host_rows.rows4[i];

			if (masked_same(q->src, &row->src, &row->src_mask, 4) &&
			    masked_same(q->dst, &row->dst, &row->dst_mask, 4) &&
			    rest_matches(&row->rest, q, 4))
				return (int)row->rest.decision;
		}
		return -1;
	}
	for (size_t i = 0; i < ms_host_rows.n_rows6; i++) {
		const struct ms_row6 *row = &ms_host_rows.rows6[i];

		if (masked_same(q->src, row->src, row->src_mask, 16) &&
		    masked_same(q->dst, row->dst, row->dst_mask, 16) &&
		    rest_matches(&row->rest, q, 16))
			return (int)row->rest.decision;
	}
	return -1;
}

/* ---- rules ---- */

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 32) * limit >> 32);
}

static uint32_t set_of(void *user, const char *name)
{
	(void)user;
	return MS_HOST_SET_ID((uint32_t)(name[0] - '0'));
}

static uint16_t group_of(void *user, const char *name)
{
	(void)user;
	return (uint16_t)(name[0] - '0');
}

static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	(void)id;
	return 1;
}

static const struct ms_numbering numbering = { .slot = slot_of, .group = group_of, .set = set_of };

/* How a random rule set looks. */
struct shape {
	unsigned int family;
	size_t count;
	uint32_t bytes;   /* different values of an address's byte */
	uint32_t lengths; /* per cent of addresses that are hosts; the rest nests */
	uint32_t asked;   /* per cent of rules that ask for a side at all */
	uint32_t ports;   /* different ports */
	uint32_t others;  /* per cent of rules with something rare: sets, VLAN, DSCP, ICMP */
};

static void random_bytes(const struct shape *shape, uint8_t *bytes)
{
	memset(bytes, 0, 16);
	for (unsigned int i = 0; i < (shape->family == 4 ? 4 : 16); i++)
		bytes[i] = (uint8_t)(below(shape->bytes) * 255 / (shape->bytes - 1));
}

static struct ms_address random_address(const struct shape *shape)
{
	unsigned int bits = shape->family == 4 ? 32 : 128;
	struct ms_address address = { .kind = MS_ADDRESS_CIDR };
	struct ms_cidr *cidr = &address.cidr;
	static char sets[6][2] = { "1", "2", "3", "4", "5", "7" };

	if (below(100) < shape->others / 2) {
		address.kind = MS_ADDRESS_SET;
		address.set = sets[below(6)];
		return address;
	}
	cidr->addr.family = (uint8_t)shape->family;
	cidr->len = (uint8_t)(below(100) < shape->lengths ? bits : below(bits + 1));
	random_bytes(shape, cidr->addr.bytes);
	for (unsigned int bit = cidr->len; bit < bits; bit++)
		cidr->addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return address;
}

static struct ms_port_range random_range(const struct shape *shape)
{
	uint32_t a = below(shape->ports), b = below(3) ? a : below(shape->ports);
	uint32_t step = 65535 / (shape->ports - 1);

	return (struct ms_port_range) { (uint16_t)((a < b ? a : b) * step),
					(uint16_t)((a < b ? b : a) * step) };
}

static void add_random_rule(const struct shape *shape, uint32_t number)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP, 47 };
	static char names[3][2] = { "1", "2", "3" };
	struct ms_address from = random_address(shape), to = random_address(shape);
	struct ms_port_range sport = random_range(shape), dport = random_range(shape);
	struct ms_icmp_match icmp = { (uint8_t)below(3), (int16_t)(below(2) ? -1 : 1) };
	uint8_t proto = protos[below(4)], dscp = (uint8_t)below(3);
	uint16_t vlan = (uint16_t)below(3);
	char *group = names[below(3)];
	struct ms_rule rule = {
		.id = (char *)"r",
		.dirs = (uint8_t)(1 + below(3)),
		.verdict = below(2) ? MS_VERDICT_ALLOW : MS_VERDICT_DENY,
		.from = &from,
		.n_from = below(100) < shape->asked,
		.to = &to,
		.n_to = below(100) < shape->asked,
		.sports = &sport,
		.n_sports = below(4) == 0,
		.dports = &dport,
		.n_dports = below(4) != 0,
		.icmps = &icmp,
		.protos = &proto,
		.n_protos = below(8) != 0,
		.groups = &group,
		.n_groups = below(3) == 0,
		.vlans = &vlan,
		.n_vlans = below(100) < shape->others,
		.dscps = &dscp,
		.n_dscps = below(100) < shape->others,
		.workload_only = below(100) < shape->others / 4,
	};
	struct ms_error err = MS_ERROR_INIT;

	if (below(100) < shape->others / 2) {
		proto = shape->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		rule.n_protos = 1;
		rule.n_icmps = 1;
	}
	ck_assert_int_eq(ms_rows_add_rule(&ms_host_rows, &rule, number, &err), 0);
}

static struct ms_query random_query(const struct shape *shape)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, 47, 1, 58 };
	struct ms_query query = { .family = (uint8_t)shape->family };
	struct ms_port_range sport = random_range(shape), dport = random_range(shape);

	random_bytes(shape, (uint8_t *)query.src);
	random_bytes(shape, (uint8_t *)query.dst);
	query.what = MS_WHAT_PROTO(protos[below(5)]) | MS_WHAT_ICMP_TYPE(below(3)) |
		     MS_WHAT_ICMP_CODE(below(2)) | MS_WHAT_DSCP(below(3));
	query.what_known = ~0u;
	query.group = (uint16_t)(1 + below(3));
	query.where =
		MS_WHERE_VLAN(below(3)) | MS_WHERE_GROUP(query.group) | MS_WHERE_SIDE(below(2));
	query.dirs = (uint8_t)(1 + below(3));
	query.sport = (uint16_t)(sport.first + below(2));
	query.dport = (uint16_t)(dport.first - below(2));
	if (below(8) == 0) {
		query.partial = 1;
		query.what_known = MS_WHAT_DSCP_MASK | (below(2) ? MS_WHAT_PROTO_MASK : 0);
	}
	return query;
}

/* ---- both asked ---- */

static void setup(void)
{
	state = 20261128;
	ms_host_setup(&numbering);
}

/* Returns whether any rule decided. */
static bool compare(const struct ms_query *question)
{
	int expected = scan(question), got = ms_host_pairs(*question);

	ck_assert_msg(expected == got, "rule %d matches first, pairs said %d", expected, got);
	got = ms_host_linear(*question);
	ck_assert_msg(expected == got, "rule %d matches first, linear said %d", expected, got);
	return expected >= 0;
}

static void compare_shape(const struct shape *shape, unsigned int questions)
{
	unsigned int decided = 0;

	for (uint32_t i = 0; i < shape->count; i++)
		add_random_rule(shape, i);
	ms_host_build(shape->family);
	for (unsigned int i = 0; i < questions; i++) {
		struct ms_query query = random_query(shape);

		decided += compare(&query);
	}
	ck_assert_uint_gt(decided, questions / 20);
}

static const struct shape shapes[] = {
	/* family, rules, bytes, hosts, asked, ports, others */
	{ 4, 40, 2, 50, 60, 4, 40 },      { 4, 400, 3, 30, 90, 16, 10 },
	{ 4, 4000, 4, 60, 95, 32, 2 },    { 4, 4000, 16, 10, 100, 256, 0 },
	{ 4, 3000, 2, 0, 20, 3000, 5 },   { 6, 40, 2, 50, 60, 4, 40 },
	{ 6, 1000, 2, 30, 90, 16, 10 },   { 6, 3000, 3, 5, 95, 64, 5 },
	{ 4, 12000, 64, 70, 98, 128, 1 }, { 4, 600, 2, 0, 0, 60000, 0 },
	{ 4, 500, 3, 60, 60, 16, 130 },   { 6, 500, 3, 60, 60, 16, 130 },
};

START_TEST(random_rules_are_answered_as_a_scan_does)
{
	const struct shape *shape = &shapes[_i];

	compare_shape(shape, shape->count > 2000 ? 10000 : 40000);
}
END_TEST

static void add_pair(const char *from_text, const char *to_text, uint16_t first, uint16_t last,
		     uint32_t number)
{
	struct ms_address from = { .kind = MS_ADDRESS_CIDR }, to = { .kind = MS_ADDRESS_CIDR };
	struct ms_port_range range = { first, last };
	struct ms_error err = MS_ERROR_INIT;
	uint8_t proto = IPPROTO_TCP;
	struct ms_rule rule = {
		.id = (char *)"r",
		.dirs = 3,
		.verdict = MS_VERDICT_ALLOW,
		.from = &from,
		.n_from = 1,
		.to = &to,
		.n_to = 1,
		.protos = &proto,
		.n_protos = 1,
		.dports = &range,
		.n_dports = 1,
	};

	ck_assert(ms_cidr_parse(from_text, &from.cidr));
	ck_assert(ms_cidr_parse(to_text, &to.cidr));
	ck_assert_int_eq(ms_rows_add_rule(&ms_host_rows, &rule, number, &err), 0);
}

static struct ms_query question(unsigned int family, const char *src, const char *dst,
				uint16_t dport)
{
	struct ms_query query = {
		.family = (uint8_t)family,
		.what = MS_WHAT_PROTO(IPPROTO_TCP),
		.what_known = ~0u,
		.dirs = 1,
		.dport = dport,
	};

	ck_assert_int_eq(inet_pton(family == 4 ? AF_INET : AF_INET6, src, query.src), 1);
	ck_assert_int_eq(inet_pton(family == 4 ? AF_INET : AF_INET6, dst, query.dst), 1);
	return query;
}

/* Every length of both sides, the longest last: all of them hold the one address, and a packet for
 * the last rule of all asks each pair there is. */
START_TEST(prefixes_may_nest_as_deep_as_they_can)
{
	unsigned int family = _i == 0 ? 4 : 6, bits = family == 4 ? 32 : 128;
	const char *all_ones =
		family == 4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	struct ms_query query;

	for (unsigned int len = 0; len <= bits; len++) {
		struct ms_cidr cidr = { .addr.family = (uint8_t)family, .len = (uint8_t)len };
		char text[MS_ADDR_TEXT + 8], addr[MS_ADDR_TEXT];

		for (unsigned int bit = 0; bit < len; bit++)
			cidr.addr.bytes[bit / 8] |= 0x80 >> bit % 8;
		snprintf(text, sizeof(text), "%s/%u",
			 ms_addr_format(&cidr.addr, addr, sizeof(addr)), len);
		add_pair(text, text, (uint16_t)len, (uint16_t)len, len);
	}
	ms_host_build(family);
	for (unsigned int port = 0; port <= bits + 1; port++) {
		query = question(family, all_ones, all_ones, (uint16_t)port);
		ck_assert_int_eq(scan(&query), port <= bits ? (int)port : -1);
		compare(&query);
	}
}
END_TEST

/* Where a prefix begins, ends, and lies beside others. */
START_TEST(edges_belong_to_the_right_prefix)
{
	static const char *const prefixes[] = {
		"0.0.0.0/0",   "255.255.255.255/32", "255.255.0.0/16", "0.0.0.0/32",
		"10.0.0.0/15", "10.1.255.255/32",    "10.2.0.0/32",    "10.1.0.0/17",
		"10.1.0.0/16", "10.1.128.0/17",      "128.0.0.0/1",
	};
	static const char *const addresses[] = {
		"0.0.0.0",         "0.0.0.1",         "9.255.255.255",   "10.0.0.0",
		"10.0.255.255",    "10.1.0.0",        "10.1.127.255",    "10.1.128.0",
		"10.1.255.254",    "10.1.255.255",    "10.2.0.0",        "10.2.0.1",
		"127.255.255.255", "128.0.0.0",       "255.254.255.255", "255.255.0.0",
		"255.255.255.254", "255.255.255.255",
	};
	size_t n = sizeof(prefixes) / sizeof(prefixes[0]);

	for (uint32_t i = 0; i < n; i++)
		add_pair(prefixes[n - 1 - i], prefixes[i], (uint16_t)(i % 3), 65535, i);
	ms_host_build(4);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		for (size_t j = 0; j < sizeof(addresses) / sizeof(addresses[0]); j++)
			for (uint16_t port = 0; port < 4; port++) {
				struct ms_query query =
					question(4, addresses[i], addresses[j], port);

				compare(&query);
			}
}
END_TEST

/* One pair, and all that differs are ranges that overlap in every way. */
START_TEST(long_lists_of_overlapping_ranges_keep_their_order)
{
	for (uint32_t i = 0; i < 3000; i++) {
		uint16_t first = (uint16_t)below(65536), width = (uint16_t)below(20000);

		add_pair("10.0.0.0/8", "10.0.0.0/8", first,
			 first + width > 65535 ? 65535 : (uint16_t)(first + width), i);
	}
	ms_host_build(4);
	for (uint32_t port = 0; port < 65536; port += 7) {
		struct ms_query query = question(4, "10.1.1.1", "10.2.2.2", (uint16_t)port);

		compare(&query);
	}
}
END_TEST

START_TEST(what_cannot_be_bounded_is_refused)
{
	struct ms_engine_bound bound;

	/* No cut can part rules that all match the same: only their number is left. Each asks for
	 * something behind its entry, which is a step. */
	for (uint32_t i = 0; i < MS_PAIRS_STEPS; i++)
		add_pair("10.0.0.0/8", "10.0.0.0/8", 0, 65535, i);
	for (uint32_t i = 0; i < MS_PAIRS_STEPS; i++) {
		ms_host_rows.rows4[i].rest.what_mask |= MS_WHAT_DSCP_MASK;
		ms_host_rows.rows4[i].rest.what |= MS_WHAT_DSCP(46);
	}
	ck_assert_int_eq(
		ms_pairs_build(&ms_host_blocks, &ms_host_rows, 4, &ms_host_head.pairs[0], &bound),
		-E2BIG);
	ck_assert_uint_eq(bound.limit, MS_ENGINE_STEPS);
	ck_assert_uint_eq(bound.most, MS_PAIRS_STEPS);
	/* The entries, and what finding their list and its end take. */
	ck_assert_uint_gt(bound.needed, MS_PAIRS_STEPS);
	ck_assert_uint_le(bound.needed, MS_PAIRS_STEPS + 8);
	ck_assert_uint_eq(ms_host_head.pairs[0].src, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_pairs");
	TCase *tcase = tcase_create("pairs");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, ms_host_teardown);
	tcase_add_loop_test(tcase, random_rules_are_answered_as_a_scan_does, 0,
			    (int)(sizeof(shapes) / sizeof(shapes[0])));
	tcase_add_loop_test(tcase, prefixes_may_nest_as_deep_as_they_can, 0, 2);
	tcase_add_test(tcase, edges_belong_to_the_right_prefix);
	tcase_add_test(tcase, long_lists_of_overlapping_ranges_keep_their_order);
	tcase_add_test(tcase, what_cannot_be_bounded_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
