/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/rows.c: which rows a rule's lists become. */
#include "core/classify/rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "tests/harness/ms_check.h"

static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	(void)id;
	return 1;
}

static uint16_t group_of(void *user, const char *name)
{
	(void)user;
	return strcmp(name, "g") == 0 ? 3 : strcmp(name, "h") == 0 ? 4 : 0;
}

static uint32_t set_of(void *user, const char *name)
{
	(void)user;
	return strcmp(name, "office") == 0 ? 77 : 0;
}

static const struct ms_numbering numbering = { .slot = slot_of, .group = group_of, .set = set_of };
static struct ms_rows rows;
static struct ms_rule rule;

static void setup(void)
{
	ms_rows_init(&rows, &numbering);
	rule = (struct ms_rule) { .id = (char *)"r", .dirs = 3, .verdict = MS_VERDICT_ALLOW };
}

static void teardown(void)
{
	ms_rows_fini(&rows);
}

static struct ms_row4 *rows4(void)
{
	return rows.rows4;
}

static struct ms_row6 *rows6(void)
{
	return rows.rows6;
}

static void add(uint32_t expected4, uint32_t expected6)
{
	size_t before4 = rows.n_rows4, before6 = rows.n_rows6;
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_rows_add_rule(&rows, &rule, 9, &err), 0);
	ck_assert_uint_eq(ms_rows_of(&rule, 4), rows.n_rows4 - before4);
	ck_assert_uint_eq(ms_rows_of(&rule, 6), rows.n_rows6 - before6);
	ck_assert_uint_eq(rows.n_rows4, expected4);
	ck_assert_uint_eq(rows.n_rows6, expected6);
}

static struct ms_address cidr(const char *text)
{
	struct ms_address address = { .kind = MS_ADDRESS_CIDR };

	ck_assert(ms_cidr_parse(text, &address.cidr));
	return address;
}

START_TEST(a_rule_that_asks_nothing_is_one_row_of_each_family)
{
	add(1, 1);
	ck_assert_uint_eq(rows4()->rest.what_mask, 0);
	ck_assert_uint_eq(rows4()->rest.where_mask, 0);
	ck_assert_uint_eq(rows4()->src_mask, 0);
	ck_assert_uint_eq(rows4()->rest.dport_first, 0);
	ck_assert_uint_eq(rows4()->rest.dport_last, 65535);
	ck_assert_uint_eq(rows4()->rest.decision, 9);
	ck_assert_uint_eq(rows4()->rest.dirs, 3);
	ck_assert_uint_eq(rows4()->rest.flags, 0);
	ck_assert_mem_eq(&rows4()->rest, &rows6()->rest, sizeof(rows4()->rest));
}
END_TEST

START_TEST(prefixes_become_masks)
{
	struct ms_address from = cidr("10.32.0.0/11"), to = cidr("192.0.2.1/32");

	rule.from = &from;
	rule.n_from = 1;
	rule.to = &to;
	rule.n_to = 1;
	add(1, 0);
	ck_assert_uint_eq(rows4()->src, htonl(0x0a200000));
	ck_assert_uint_eq(rows4()->src_mask, htonl(0xffe00000));
	ck_assert_uint_eq(rows4()->dst, htonl(0xc0000201));
	ck_assert_uint_eq(rows4()->dst_mask, 0xffffffff);
}
END_TEST

START_TEST(ipv6_prefixes_become_masks)
{
	struct ms_address from = cidr("2001:db8::/37");

	rule.from = &from;
	rule.n_from = 1;
	add(0, 1);
	ck_assert_uint_eq(rows6()->src[0], htonl(0x20010db8));
	ck_assert_uint_eq(rows6()->src_mask[0], 0xffffffff);
	ck_assert_uint_eq(rows6()->src_mask[1], htonl(0xf8000000));
	ck_assert_uint_eq(rows6()->src_mask[2], 0);
	ck_assert_uint_eq(rows6()->dst_mask[0], 0);
}
END_TEST

START_TEST(families_meet_only_their_own)
{
	struct ms_address from[] = { cidr("10.0.0.0/8"), cidr("2001:db8::/32") };
	struct ms_address to[] = { cidr("192.0.2.0/24"), { .kind = MS_ADDRESS_SET } };

	to[1].set = (char *)"office";
	rule.from = from;
	rule.n_from = 2;
	rule.to = to;
	rule.n_to = 2;
	/* v4 > v4, v4 > set, v6 > set; v6 > v4 can never be. */
	add(2, 1);
	ck_assert_uint_eq(rows4()[1].rest.dst_set, 77);
	ck_assert_uint_eq(rows4()[1].dst_mask, 0);
	ck_assert_uint_eq(rows6()[0].rest.dst_set, 77);
}
END_TEST

START_TEST(each_icmp_belongs_to_its_family)
{
	uint8_t protos[] = { IPPROTO_ICMP, IPPROTO_ICMPV6, 47 };
	struct ms_icmp_match icmps[] = { { 3, 4 }, { 8, -1 } };

	rule.protos = protos;
	rule.n_protos = 3;
	rule.icmps = icmps;
	rule.n_icmps = 2;
	add(3, 3);
	ck_assert_uint_eq(rows4()[0].rest.what,
			  MS_WHAT_PROTO(1) | MS_WHAT_ICMP_TYPE(3) | MS_WHAT_ICMP_CODE(4));
	ck_assert_uint_eq(rows4()[0].rest.what_mask, 0xffffff);
	ck_assert_uint_eq(rows4()[1].rest.what_mask, 0x00ffff);
	ck_assert_uint_eq(rows4()[0].rest.flags, MS_ROW_PORTS);
	ck_assert_uint_eq(rows4()[2].rest.what, MS_WHAT_PROTO(47));
	ck_assert_uint_eq(rows4()[2].rest.what_mask, 0xff);
	ck_assert_uint_eq(rows6()[0].rest.what & 0xff, 58);
}
END_TEST

START_TEST(ports_belong_to_protocols_that_have_them)
{
	uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct ms_port_range sports[] = { { 1, 2 } }, dports[] = { { 80, 80 }, { 8000, 8100 } };

	rule.protos = protos;
	rule.n_protos = 3;
	rule.sports = sports;
	rule.n_sports = 1;
	rule.dports = dports;
	rule.n_dports = 2;
	rule.verdict = MS_VERDICT_DENY;
	add(6, 6);
	ck_assert_uint_eq(rows4()[1].rest.dport_first, 8000);
	ck_assert_uint_eq(rows4()[1].rest.dport_last, 8100);
	ck_assert_uint_eq(rows4()[1].rest.sport_first, 1);
	ck_assert_uint_eq(rows4()[1].rest.flags, MS_ROW_PORTS | MS_ROW_DENY);
	ck_assert_uint_eq(rows4()[5].rest.what, IPPROTO_SCTP);
}
END_TEST

START_TEST(places_are_vlan_group_and_side)
{
	uint16_t vlans[] = { 0, 4094 };
	char *groups[] = { (char *)"g", (char *)"h" };

	rule.vlans = vlans;
	rule.n_vlans = 2;
	rule.groups = groups;
	rule.n_groups = 2;
	rule.workload_only = true;
	rule.dirs = 1 << MS_DIR_OUT;
	add(4, 4);
	ck_assert_uint_eq(rows4()[0].rest.where, MS_WHERE_GROUP(3) | MS_WHERE_SIDE(1));
	ck_assert_uint_eq(rows4()[1].rest.where,
			  MS_WHERE_VLAN(4094) | MS_WHERE_GROUP(3) | MS_WHERE_SIDE(1));
	ck_assert_uint_eq(rows4()[3].rest.where,
			  MS_WHERE_VLAN(4094) | MS_WHERE_GROUP(4) | MS_WHERE_SIDE(1));
	ck_assert_uint_eq(rows4()[0].rest.where_mask, 0x01ff0fff);
	ck_assert_uint_eq(rows4()[0].rest.dirs, 2);
}
END_TEST

START_TEST(each_dscp_and_vlan_is_a_row)
{
	uint16_t vlans[] = { 5, 6 };
	uint8_t dscps[] = { 0, 46, 63 };

	rule.dscps = dscps;
	rule.n_dscps = 3;
	rule.vlans = vlans;
	rule.n_vlans = 2;
	add(6, 6);
	ck_assert_uint_eq(rows4()[0].rest.what, 0);
	ck_assert_uint_eq(rows4()[0].rest.what_mask, MS_WHAT_DSCP_MASK);
	ck_assert_uint_eq(rows4()[1].rest.where, MS_WHERE_VLAN(6));
	ck_assert_uint_eq(rows4()[2].rest.what, MS_WHAT_DSCP(46));
	ck_assert_uint_eq(rows4()[5].rest.what, MS_WHAT_DSCP(63));
	ck_assert_uint_eq(rows4()[5].rest.where, MS_WHERE_VLAN(6));
	/* A later fragment has it too. */
	ck_assert_uint_eq(rows4()[5].rest.flags & MS_ROW_PORTS, 0);
}
END_TEST

START_TEST(a_name_without_a_number_is_refused)
{
	struct ms_address to = { .kind = MS_ADDRESS_SET, .set = (char *)"nowhere" };
	char *groups[] = { (char *)"nobody" };
	struct ms_error err = MS_ERROR_INIT;

	rule.to = &to;
	rule.n_to = 1;
	ck_assert_int_eq(ms_rows_add_rule(&rows, &rule, 0, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.message, "nowhere"));
	rule.n_to = 0;
	rule.groups = groups;
	rule.n_groups = 1;
	err = (struct ms_error)MS_ERROR_INIT;
	ck_assert_int_eq(ms_rows_add_rule(&rows, &rule, 0, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.message, "nobody"));
}
END_TEST

START_TEST(so_many_rows_can_be_counted)
{
	static struct ms_port_range ports[100000];
	static struct ms_address addresses[100000];
	uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < 100000; i++)
		addresses[i] = cidr("10.0.0.1/32");
	rule.protos = protos;
	rule.n_protos = 2;
	rule.sports = rule.dports = ports;
	rule.n_sports = rule.n_dports = 100000;
	ck_assert_uint_eq(ms_rows_of(&rule, 4), 20000000000);
	ck_assert_uint_eq(ms_rows_of(&rule, 6), 20000000000);
	rule.from = rule.to = addresses;
	rule.n_from = rule.n_to = 100000;
	ck_assert_uint_eq(ms_rows_of(&rule, 4), UINT64_MAX);
	ck_assert_uint_eq(ms_rows_of(&rule, 6), 0);
}
END_TEST

/* 10,000,000,000 pairs that can never be would take longer than this test may. */
START_TEST(pairs_of_two_families_take_no_time)
{
	static struct ms_address from[100001], to[100001];

	for (size_t i = 0; i < 100000; i++) {
		from[i] = cidr("10.0.0.1/32");
		to[i] = cidr("2001:db8::1/128");
	}
	from[100000] = cidr("2001:db8::2/128");
	to[100000] = cidr("10.0.0.2/32");
	rule.from = from;
	rule.to = to;
	rule.n_from = rule.n_to = 100001;
	add(100000, 100000);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_rows");
	TCase *tcase = tcase_create("rows");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_rule_that_asks_nothing_is_one_row_of_each_family);
	tcase_add_test(tcase, prefixes_become_masks);
	tcase_add_test(tcase, ipv6_prefixes_become_masks);
	tcase_add_test(tcase, families_meet_only_their_own);
	tcase_add_test(tcase, each_icmp_belongs_to_its_family);
	tcase_add_test(tcase, ports_belong_to_protocols_that_have_them);
	tcase_add_test(tcase, places_are_vlan_group_and_side);
	tcase_add_test(tcase, each_dscp_and_vlan_is_a_row);
	tcase_add_test(tcase, a_name_without_a_number_is_refused);
	tcase_add_test(tcase, so_many_rows_can_be_counted);
	tcase_add_test(tcase, pairs_of_two_families_take_no_time);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
