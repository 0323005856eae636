/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines on sets in the shape of ClassBench's and of micro-segmentation, of IPv4 and of IPv6:
 * headers that the rules themselves match, or nearly, against a scan that shares nothing with
 * either side. The scan takes what large sets cost, the linear engine too, which is asked about all
 * headers of small ones only. MS_TEST_CLASSBENCH=DIR takes the files acl1, fw1 and ipc1 of it as
 * well.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/rules.h"
#include "tests/unit/classify/host.h"

#define SEED 7u
#define FILES 3
/* The sanitizers are after memory, not order. */
#ifdef __SANITIZE_ADDRESS__
#define ONE_IN 25
#else
#define ONE_IN 1
#endif

void ms_bench_fail(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_abort_msg("%s", text);
	abort();
}

static bool set_has(uint32_t set, const uint8_t *last)
{
	(void)set;
	(void)last;
	return false;
}

static uint32_t no_set(void *user, const char *name)
{
	(void)user;
	(void)name;
	return 0;
}

static uint16_t no_group(void *user, const char *name)
{
	(void)user;
	(void)name;
	return 0;
}

static const struct ms_numbering numbering = { .slot = no_set, .group = no_group, .set = no_set };

static void setup(void)
{
	ms_host_setup(&numbering);
}

/*
 * A header or a rule's prefixes with wide addresses. Each bit of an IPv4 address is the first of
 * four, of which the others follow from the bits up to there: what nests still does, across all of
 * the 128 bits, and what is asked lies on both sides of each 16.
 */
struct wide {
	uint8_t src[16], dst[16];
	uint8_t src_len, dst_len;
};

static void widen(uint32_t addr, uint8_t *ret_bytes)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		uint32_t before = addr >> (31 - bit);
		uint8_t four = (uint8_t)((before & 1) << 3 | (before * 2654435761u) >> 29);

		ret_bytes[bit / 2] = (uint8_t)(ret_bytes[bit / 2] << 4 | four);
	}
}

static void cut(uint8_t *bytes, unsigned int len)
{
	for (unsigned int bit = len; bit < 128; bit++)
		bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Of the lengths that are as wide as IPv4's `len`, one that depends on the rule. */
static uint8_t widen_length(uint8_t len, uint32_t number)
{
	return len ? (uint8_t)(4 * len - number % 4) : 0;
}

static struct wide *widen_rules(const struct ms_bench_rules *rules)
{
	struct wide *wide = calloc(rules->count, sizeof(*wide));

	ck_assert_ptr_nonnull(wide);
	for (uint32_t i = 0; i < rules->count; i++) {
		const struct ms_bench_rule *rule = &rules->rules[i];

		wide[i].src_len = widen_length(rule->src_len, i);
		wide[i].dst_len = widen_length(rule->dst_len, i / 4);
		widen(rule->src, wide[i].src);
		widen(rule->dst, wide[i].dst);
		cut(wide[i].src, wide[i].src_len);
		cut(wide[i].dst, wide[i].dst_len);
	}
	return wide;
}

/* Header `turn` made wide, and moved a little as ms_bench_rules_beside() does. */
static struct wide widen_header(struct ms_bench_header *header, uint32_t turn)
{
	unsigned int bit = turn / 4 % 128;
	struct wide wide = { .src_len = 128, .dst_len = 128 };

	widen(ntohl(header->src), wide.src);
	widen(ntohl(header->dst), wide.dst);
	if (turn % 4 == 1)
		header->dport++;
	else if (turn % 4 == 2)
		wide.src[bit / 8] ^= 0x80 >> bit % 8;
	else if (turn % 4 == 3)
		wide.dst[bit / 8] ^= 0x80 >> bit % 8;
	return wide;
}

static bool holds(const uint8_t *prefix, uint8_t len, const uint8_t *addr)
{
	unsigned int whole = len / 8;

	if (memcmp(prefix, addr, whole) != 0)
		return false;
	return len % 8 == 0 || ((prefix[whole] ^ addr[whole]) & 0xff00 >> len % 8 & 0xff) == 0;
}

static long match_wide(const struct ms_bench_rules *rules, const struct wide *wide,
		       const struct ms_bench_header *header, const struct wide *addrs)
{
	for (size_t i = 0; i < rules->count; i++)
		/* ICMP of that number is IPv4's. */
		if (rules->rules[i].proto != IPPROTO_ICMP &&
		    holds(wide[i].src, wide[i].src_len, addrs->src) &&
		    holds(wide[i].dst, wide[i].dst_len, addrs->dst) &&
		    ms_bench_rule_asks(&rules->rules[i], header))
			return (long)i;
	return -1;
}

static struct ms_address address4(uint32_t bits, uint8_t len)
{
	struct ms_address address = {
		.kind = MS_ADDRESS_CIDR,
		.cidr = { .addr = { .family = 4 }, .len = len },
	};

	bits = htonl(bits);
	memcpy(address.cidr.addr.bytes, &bits, sizeof(bits));
	return address;
}

static struct ms_address address6(const uint8_t *bytes, uint8_t len)
{
	struct ms_address address = {
		.kind = MS_ADDRESS_CIDR,
		.cidr = { .addr = { .family = 6 }, .len = len },
	};

	memcpy(address.cidr.addr.bytes, bytes, 16);
	return address;
}

/* `wide` NULL = with its own addresses. */
static void add(const struct ms_bench_rule *from, const struct wide *wide, uint32_t number)
{
	static uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct ms_address src = wide ? address6(wide->src, wide->src_len)
				     : address4(from->src, from->src_len),
			  dst = wide ? address6(wide->dst, wide->dst_len)
				     : address4(from->dst, from->dst_len);
	struct ms_port_range sport = { from->sport_first, from->sport_last },
			     dport = { from->dport_first, from->dport_last };
	bool has_sport = sport.first || sport.last != 65535,
	     has_dport = dport.first || dport.last != 65535;
	uint8_t proto = from->proto;
	struct ms_error err = MS_ERROR_INIT;
	struct ms_rule rule = {
		.id = (char *)"r",
		.dirs = 1 + number % 3,
		.verdict = MS_VERDICT_ALLOW,
		.from = &src,
		.n_from = from->src_len > 0,
		.to = &dst,
		.n_to = from->dst_len > 0,
		.sports = &sport,
		.n_sports = has_sport,
		.dports = &dport,
		.n_dports = has_dport,
		.protos = proto ? &proto : with_ports,
		.n_protos = proto                    ? 1
			    : has_sport || has_dport ? 3
						     : 0,
	};

	ck_assert_int_eq(ms_rows_add_rule(&ms_host_rows, &rule, number, &err), 0);
}

static void expect(const char *engine, const struct ms_bench_rules *rules,
		   const struct ms_query *query, uint32_t turn, long first, long got)
{
	int family = query->family == 4 ? AF_INET : AF_INET6;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (got == first)
		return;
	ck_abort_msg(
		"%s of seed %u, header %u (%s > %s, protocol %u, ports %u > %u): rule %ld matches "
		"first, %s said %ld",
		rules->name, SEED, turn, inet_ntop(family, query->src, src, sizeof(src)),
		inet_ntop(family, query->dst, dst, sizeof(dst)), query->what & MS_WHAT_PROTO_MASK,
		query->sport, query->dport, first, engine, got);
}

/* One in `linear_one_in` headers is put to the linear engine, too. */
static void compare(struct ms_bench_rules *rules, unsigned int family, uint32_t headers,
		    uint32_t linear_one_in)
{
	struct wide *wide = family == 6 ? widen_rules(rules) : NULL;
	uint64_t state = 20261129;
	uint32_t decided = 0;

	for (uint32_t i = 0; i < rules->count; i++)
		add(&rules->rules[i], wide ? &wide[i] : NULL, i);
	ms_host_build(family);
	for (uint32_t i = 0; i < headers; i++) {
		struct ms_bench_header header = ms_bench_rules_header(rules, &state);
		struct ms_query query = { .family = (uint8_t)family };
		long first;

		if (wide) {
			struct wide addrs = widen_header(&header, i);

			memcpy(query.src, addrs.src, sizeof(query.src));
			memcpy(query.dst, addrs.dst, sizeof(query.dst));
			first = match_wide(rules, wide, &header, &addrs);
		} else {
			header = ms_bench_rules_beside(&header, i);
			query.src[0] = header.src;
			query.dst[0] = header.dst;
			first = ms_bench_rules_match(rules, &header);
		}
		query.sport = header.sport;
		query.dport = header.dport;
		query.what = MS_WHAT_PROTO(header.proto);
		query.what_known = ~0u;
		query.dirs = 3;
		expect("pairs", rules, &query, i, first, ms_host_pairs(query));
		if (i % linear_one_in == 0)
			expect("linear", rules, &query, i, first, ms_host_linear(query));
		decided += first >= 0;
	}
	ck_assert_uint_gt(decided, headers / 4);
	ms_bench_rules_fini(rules);
	free(wide);
}

/* Of each size as many headers as the scan can be waited for, in all more than a million of both
 * engines and, with IPv6, of each family. */
static const struct {
	unsigned int family;
	uint32_t rules, headers, linear_one_in;
} sizes[] = {
	{ 4, 10000, 125000, 25 },
	{ 6, 10000, 60000, 25 },
	{ 4, 250, 150000, 1 },
	{ 6, 250, 200000, 1 },
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

START_TEST(made_sets_are_answered_as_a_scan_does)
{
	size_t size = (size_t)_i % SIZES, shape = (size_t)_i / SIZES;
	struct ms_bench_rules rules =
		ms_bench_rules_make((enum ms_bench_shape)shape, sizes[size].rules, SEED);

	compare(&rules, sizes[size].family, sizes[size].headers / ONE_IN,
		sizes[size].linear_one_in);
}
END_TEST

START_TEST(files_are_answered_as_a_scan_does)
{
	static const char *const names[FILES] = { "acl1", "fw1", "ipc1" };
	unsigned int family = _i < FILES ? 4 : 6;
	struct ms_bench_rules rules =
		ms_bench_rules_load(getenv("MS_TEST_CLASSBENCH"), names[_i % FILES], 0);

	compare(&rules, family, (family == 4 ? 1000000 : 250000) / ONE_IN, 25);
}
END_TEST

static TCase *make_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, setup, ms_host_teardown);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_shapes");
	TCase *shapes = make_case("shapes"), *files = make_case("files");

	tcase_add_loop_test(shapes, made_sets_are_answered_as_a_scan_does, 0,
			    MS_BENCH_SHAPE__COUNT * (int)SIZES);
	suite_add_tcase(suite, shapes);
	if (getenv("MS_TEST_CLASSBENCH"))
		tcase_add_loop_test(files, files_are_answered_as_a_scan_does, 0, 2 * FILES);
	else
		puts("without ClassBench's files: MS_TEST_CLASSBENCH=DIR says where they are");
	suite_add_tcase(suite, files);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
