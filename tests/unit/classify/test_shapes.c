/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines on large sets in the shape of ClassBench's and of micro-segmentation: a million
 * headers that the rules themselves match, or nearly, against a scan that shares nothing with
 * either side. MS_TEST_CLASSBENCH=DIR takes the files acl1, fw1 and ipc1 of it as well.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/rules.h"
#include "tests/unit/classify/host.h"

#define RULES 10000
#define FILES 3
/* The scan decides how long it takes; the sanitizers are after memory, not order. */
#ifdef __SANITIZE_ADDRESS__
#define HEADERS 10000
#else
#define HEADERS 250000
#endif
/* The linear engine takes as long as the scan. */
#define LINEAR_ONE_IN 25

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

static struct ms_address address(uint32_t bits, uint8_t len)
{
	struct ms_address address = {
		.kind = MS_ADDRESS_CIDR,
		.cidr = { .addr = { .family = 4 }, .len = len },
	};

	bits = htonl(bits);
	memcpy(address.cidr.addr.bytes, &bits, sizeof(bits));
	return address;
}

static void add(const struct ms_bench_rule *from, uint32_t number)
{
	static uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct ms_address src = address(from->src, from->src_len),
			  dst = address(from->dst, from->dst_len);
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

static void compare(struct ms_bench_rules *rules, unsigned int headers)
{
	uint64_t state = 20261129;
	unsigned int decided = 0;

	for (uint32_t i = 0; i < rules->count; i++)
		add(&rules->rules[i], i);
	ms_host_build(4);
	for (uint32_t i = 0; i < headers; i++) {
		struct ms_bench_header drawn = ms_bench_rules_header(rules, &state),
				       header = ms_bench_rules_beside(&drawn, i);
		struct ms_query query = {
			.family = 4,
			.src = { header.src },
			.dst = { header.dst },
			.sport = header.sport,
			.dport = header.dport,
			.what = MS_WHAT_PROTO(header.proto),
			.what_known = ~0u,
			.dirs = 3,
		};
		long first = ms_bench_rules_match(rules, &header), got = ms_host_pairs(query);

		ck_assert_msg(got == first, "%s: rule %ld matches first, pairs said %ld",
			      rules->name, first, got);
		if (i % LINEAR_ONE_IN == 0) {
			got = ms_host_linear(query);
			ck_assert_msg(got == first, "%s: rule %ld matches first, linear said %ld",
				      rules->name, first, got);
		}
		decided += first >= 0;
	}
	ck_assert_uint_gt(decided, headers / 4);
	ms_bench_rules_fini(rules);
}

START_TEST(made_sets_are_answered_as_a_scan_does)
{
	struct ms_bench_rules rules = ms_bench_rules_make((enum ms_bench_shape)_i, RULES, 7);

	compare(&rules, HEADERS);
}
END_TEST

START_TEST(files_are_answered_as_a_scan_does)
{
	static const char *const names[FILES] = { "acl1", "fw1", "ipc1" };
	struct ms_bench_rules rules =
		ms_bench_rules_load(getenv("MS_TEST_CLASSBENCH"), names[_i], 0);

	compare(&rules, 1000000);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_shapes");
	TCase *tcase = tcase_create("shapes");

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, setup, ms_host_teardown);
	tcase_add_loop_test(tcase, made_sets_are_answered_as_a_scan_does, 0, MS_BENCH_SHAPE__COUNT);
	if (getenv("MS_TEST_CLASSBENCH"))
		tcase_add_loop_test(tcase, files_are_answered_as_a_scan_does, 0, FILES);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
