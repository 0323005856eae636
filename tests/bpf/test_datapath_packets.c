/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shapes of packets: what is understood, what is refused, and that ports are the packet's own. */
#include <string.h>

#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A4 "10.0.0.5"
#define B4 "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"

static void setup(void)
{
	ms_rig_setup();
	ms_rig_policy(
		"version: 1\n"
		"groups:\n"
		"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"
		"  - { name: strict, match: { name: [\"*\"] }, non_ip: deny,\n"
		"      default: { in: deny, out: deny } }\n"
		"  - { name: watch, match: { name: [\"*\"] }, mode: audit, non_ip: deny,\n"
		"      default: { in: deny, out: deny } }\n"
		"failsafe: { in: [], out: [] }\n"
		"rules:\n"
		"  - { id: web, dir: in, proto: tcp, dport: 80, action: allow }\n"
		"  - { id: dns, dir: in, proto: udp, dport: 53, action: allow }\n"
		"  - { id: sig, dir: in, proto: sctp, dport: 2905, action: allow }\n"
		"  - { id: ping, dir: in, proto: icmp, icmp: echo-request, action: allow }\n"
		"  - { id: ping6, dir: in, proto: icmpv6, icmp: echo-request, action: allow }\n"
		"  - { id: gre, dir: in, proto: 47, action: allow }\n"
		"  - { id: vlan7, dir: in, vlan: 7, proto: tcp, dport: 81, action: allow }\n"
		"  - { id: voice, dir: in, dscp: [ef, 10], proto: udp, dport: 82, action: allow }\n"
		"  - { id: not-cs7, dir: in, dscp: cs7, proto: 89, action: deny }\n"
		"  - { id: ospf, dir: in, proto: 89, action: allow }\n");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

static void in_group(const char *group)
{
	ms_rig_iface(&(struct ms_rig_iface) { .group = group, .zone = 1 });
}

START_TEST(each_protocol_is_judged_by_its_own_ports)
{
	struct ms_pkt pkt;

	pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	pkt = ms_pkt_tcp(A4, 80, B4, 1000, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_udp(A4, 1000, B4, 53);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	pkt = ms_pkt_udp(A4, 1000, B4, 54);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_sctp(A4, 1000, B4, 2905);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule sig");
	pkt = ms_pkt_icmp(A4, B4, 8, 0, 1);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule ping");
	pkt = ms_pkt_icmp(A4, B4, 13, 0, 1);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_proto(A4, B4, 47);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule gre");
	pkt = ms_pkt_proto(A4, B4, 50);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	pkt = ms_pkt_icmp(A6, B6, 128, 0, 1);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule ping6");
	/* The other family's ICMP is a number like any other. */
	pkt = ms_pkt_proto(A6, B6, 1);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_proto(A6, B6, 47);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule gre");
}
END_TEST

START_TEST(options_and_extension_headers_do_not_move_the_ports)
{
	static const struct {
		uint8_t type;
		size_t len;
	} headers[] = { { 0, 8 }, { 43, 24 }, { 60, 16 }, { 51, 24 } };
	struct ms_pkt pkt;

	for (size_t len = 4; len <= 40; len += 4) {
		pkt = ms_pkt_tcp(A4, 1000 + (uint16_t)len, B4, 80, MS_PKT_SYN);
		ms_pkt_options(&pkt, len);
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	}
	for (size_t i = 0; i < 4; i++) {
		pkt = ms_pkt_tcp(A6, 2000 + (uint16_t)i, B6, 80, MS_PKT_SYN);
		ms_pkt_extension(&pkt, headers[i].type, headers[i].len);
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	}
	pkt = ms_pkt_tcp(A6, 3000, B6, 80, MS_PKT_SYN);
	for (size_t i = 0; i < 4; i++)
		ms_pkt_extension(&pkt, headers[i].type, headers[i].len);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
}
END_TEST

START_TEST(too_many_extension_headers_are_malformed)
{
	struct ms_pkt pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);

	for (int i = 0; i < 8; i++)
		ms_pkt_extension(&pkt, 60, 8);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	ms_pkt_extension(&pkt, 60, 8);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	pkt = ms_pkt_tcp(A6, 1001, B6, 80, MS_PKT_SYN);
	ms_pkt_extension(&pkt, 60, 256);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	ms_pkt_extension(&pkt, 60, 8);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

START_TEST(an_unknown_next_header_ends_the_walk)
{
	/* What looks like a TCP header behind it is that protocol's own business. */
	struct ms_pkt pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);

	ms_pkt_extension(&pkt, 135, 8); /* mobility */
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_proto(A6, B6, 59); /* no next header */
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
}
END_TEST

/* Byte changes that make an IPv4 packet something else. */
static const struct {
	const char *what;
	size_t at; /* from the IP header */
	uint8_t value;
} broken4[] = {
	{ "version 6", 0, 0x65 },
	{ "version 0", 0, 0x05 },
	{ "header of four words", 0, 0x44 },
	{ "no header", 0, 0x40 },
	{ "header past the packet", 0, 0x4f },
	{ "total length beyond the frame", 2, 0x7f },
	{ "total length below the header", 3, 19 },
	{ "TCP header cut by the total length", 3, 39 },
};

START_TEST(what_is_not_the_ip_it_claims_is_denied)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);

	ms_pkt_cut(&pkt, 20);
	pkt.frame[pkt.l3 + broken4[_i].at] = broken4[_i].value;
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	/* Its twin is whole. */
	pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);
	ms_pkt_cut(&pkt, 20);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
}
END_TEST

START_TEST(what_is_not_the_ipv6_it_claims_is_denied)
{
	struct ms_pkt pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);

	pkt.frame[pkt.l3] = 0x45;
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);
	pkt.frame[pkt.l3 + 4] = 0x10; /* payload beyond the frame */
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	pkt = ms_pkt_tcp(A6, 1000, B6, 80, MS_PKT_SYN);
	ms_pkt_cut(&pkt, 19);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	pkt = ms_pkt_udp(A6, 1000, B6, 53);
	ms_pkt_extension(&pkt, 60, 8);
	pkt.frame[pkt.l4 - 7] = 200; /* an extension header longer than the packet */
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

START_TEST(every_cut_is_malformed_and_never_judged)
{
	/* Behind a tag, because test runs refuse short IP frames without one. */
	struct ms_pkt whole = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN), pkt;

	ms_pkt_tag(&whole, 0x8100, 5);
	ms_rig_expect(MS_RIG_INGRESS, &whole, "allow rule web");
	for (size_t len = 18; len < whole.len; len++) {
		pkt = whole;
		ms_pkt_truncate(&pkt, len);
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	}
	whole = ms_pkt_udp(A6, 1000, B6, 53);
	ms_pkt_tag(&whole, 0x8100, 5);
	ms_pkt_extension(&whole, 60, 8);
	ms_rig_expect(MS_RIG_INGRESS, &whole, "allow rule dns");
	for (size_t len = 18; len < whole.len; len++) {
		pkt = whole;
		ms_pkt_truncate(&pkt, len);
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	}
}
END_TEST

START_TEST(padding_behind_the_packet_is_not_part_of_it)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);
	size_t len = pkt.len;

	ms_pkt_cut(&pkt, 20);
	pkt.len = len;
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	/* A TCP header that lies in the padding is none. */
	pkt = ms_pkt_tcp(A4, 1001, B4, 80, MS_PKT_SYN);
	len = pkt.len;
	ms_pkt_cut(&pkt, 8);
	pkt.len = len;
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

/* `ds` on a packet of a flow of its own. */
static void expect_ds(const char *src, const char *dst, uint8_t ds, const char *wanted)
{
	static uint16_t sport = 20000;
	struct ms_pkt pkt = ms_pkt_udp(src, sport++, dst, 82);

	ms_pkt_ds(&pkt, ds);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, wanted);
}

START_TEST(the_upper_six_bits_of_the_ds_field_are_matched)
{
	static const char *const ends[][2] = { { A4, B4 }, { A6, B6 } };

	for (int family = 0; family < 2; family++) {
		for (unsigned int ds = 0; ds < 256; ds++) {
			bool is_voice = ds >> 2 == 46 || ds >> 2 == 10;

			expect_ds(ends[family][0], ends[family][1], (uint8_t)ds,
				  is_voice ? "allow rule voice" : "deny default default/g/in");
		}
	}
}
END_TEST

START_TEST(the_dscp_is_that_of_the_packet_that_is_judged)
{
	struct ms_pkt first = ms_pkt_udp(A6, 1000, B6, 82), later = first;
	struct ms_pkt answer = ms_pkt_udp(B6, 82, A6, 1000);

	ms_rig_expect(MS_RIG_INGRESS, &later, "deny default default/g/in");
	ms_pkt_ds(&first, 46 << 2);
	ms_rig_expect(MS_RIG_INGRESS, &first, "allow rule voice");
	ms_rig_expect(MS_RIG_INGRESS, &later, "allow session voice");
	ms_rig_expect(MS_RIG_EGRESS, &answer, "allow session voice");
	/* Judged again, by the packet that comes then. */
	ms_rig_bump_epoch();
	ms_rig_expect(MS_RIG_INGRESS, &later, "deny default default/g/in");
}
END_TEST

START_TEST(a_later_fragment_has_a_dscp_of_its_own)
{
	struct ms_pkt pkt = ms_pkt_proto(A4, B4, 89), other = pkt;

	ms_pkt_fragment(&pkt, 7, 64, false);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow fragment_early ospf");
	ms_pkt_ds(&other, 56 << 2);
	ms_pkt_fragment(&other, 8, 64, false);
	ms_rig_expect(MS_RIG_INGRESS, &other, "deny rule not-cs7");
}
END_TEST

START_TEST(tags_are_looked_through)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 81, MS_PKT_SYN), tagged = pkt;

	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	ms_pkt_tag(&tagged, 0x8100, 7);
	ms_rig_expect(MS_RIG_INGRESS, &tagged, "allow rule vlan7");
	tagged = pkt;
	ms_pkt_tag(&tagged, 0x8100, 0x6000 | 7); /* priority bits are no part of the VID */
	ms_rig_expect(MS_RIG_INGRESS, &tagged, "allow session vlan7");
	tagged = pkt;
	ms_pkt_tag(&tagged, 0x8100, 8);
	ms_rig_expect(MS_RIG_INGRESS, &tagged, "deny default default/g/in");
	/* The outer tag is the one that rules name. */
	tagged = pkt;
	ms_pkt_tag(&tagged, 0x8100, 8);
	ms_pkt_tag(&tagged, 0x88a8, 7);
	ms_rig_expect(MS_RIG_INGRESS, &tagged, "allow rule vlan7");
	tagged = pkt;
	ms_pkt_tag(&tagged, 0x8100, 7);
	ms_pkt_tag(&tagged, 0x88a8, 8);
	ms_rig_expect(MS_RIG_INGRESS, &tagged, "deny default default/g/in");
}
END_TEST

START_TEST(a_third_tag_hides_nothing)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);

	for (int i = 0; i < 2; i++)
		ms_pkt_tag(&pkt, 0x8100, 7);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule web");
	ms_pkt_tag(&pkt, 0x8100, 7);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

START_TEST(non_ip_is_the_groups_affair)
{
	struct ms_pkt lldp = ms_pkt_ethertype(0x88cc), arp = ms_pkt_ethertype(0x0806);

	ms_rig_expect(MS_RIG_INGRESS, &lldp, "allow non_ip");
	in_group("strict");
	ms_rig_expect(MS_RIG_INGRESS, &lldp, "deny non_ip");
	ms_rig_expect(MS_RIG_INGRESS, &arp, "allow non_ip");
	in_group("watch");
	ms_rig_expect(MS_RIG_INGRESS, &lldp, "audit non_ip");
}
END_TEST

START_TEST(audit_lets_the_malformed_pass_and_says_so)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);

	pkt.frame[pkt.l3] = 0x44;
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
	in_group("watch");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "audit malformed");
}
END_TEST

START_TEST(an_l3_device_has_no_ethernet_header)
{
	/*
	 * A test run always takes the first 14 bytes for Ethernet and reads the protocol from
	 * there. An IP packet whose source address has the ethertype in the right place is one that
	 * it and the datapath read alike.
	 */
	struct ms_pkt pkt = ms_pkt_tcp("8.0.1.2", 1000, B4, 80, MS_PKT_SYN), raw = pkt;
	struct ms_pkt pkt6 = ms_pkt_tcp("2001:db8:86dd::5", 1000, B6, 80, MS_PKT_SYN);
	struct ms_rig_result result;

	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1, .flags = MS_IFACE_L3 });
	raw.len = pkt.len - pkt.l3;
	memcpy(raw.frame, pkt.frame + pkt.l3, raw.len);
	result = ms_rig_run(MS_RIG_INGRESS, &raw);
	ck_assert_str_eq(result.verdict, "allow");
	ck_assert_str_eq(result.author, "web");
	/* The first nibble must agree with the protocol. */
	raw.frame[0] = 0x65;
	result = ms_rig_run(MS_RIG_INGRESS, &raw);
	ck_assert_str_eq(result.verdict, "deny");
	ck_assert_str_eq(result.reason, "malformed");
	raw.len = pkt6.len - pkt6.l3;
	memcpy(raw.frame, pkt6.frame + pkt6.l3, raw.len);
	result = ms_rig_run(MS_RIG_INGRESS, &raw);
	ck_assert_str_eq(result.verdict, "allow");
	ck_assert_str_eq(result.author, "web");
}
END_TEST

START_TEST(segments_count_as_packets)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);
	struct ms_rig_result result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 7, 10000);

	/* The rig checks that 7 packets and 10,000 bytes moved, of one author. */
	ck_assert_str_eq(result.author, "web");
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 3, 4000);
	ck_assert_str_eq(result.reason, "session");
	ck_assert_uint_eq(ms_rig_total("web"), 10);
}
END_TEST

START_TEST(a_frame_too_long_for_its_length_field_is_understood_if_offloaded)
{
	struct ms_pkt pkt = ms_pkt_tcp(A4, 1000, B4, 80, MS_PKT_SYN);
	struct ms_rig_result result;

	pkt.frame[pkt.l3 + 2] = pkt.frame[pkt.l3 + 3] = 0;
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 50, 65000);
	ck_assert_str_eq(result.author, "web");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny malformed");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_packets");
	TCase *tcase = tcase_create("packets");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, each_protocol_is_judged_by_its_own_ports);
	tcase_add_test(tcase, options_and_extension_headers_do_not_move_the_ports);
	tcase_add_test(tcase, too_many_extension_headers_are_malformed);
	tcase_add_test(tcase, an_unknown_next_header_ends_the_walk);
	tcase_add_loop_test(tcase, what_is_not_the_ip_it_claims_is_denied, 0,
			    sizeof(broken4) / sizeof(broken4[0]));
	tcase_add_test(tcase, what_is_not_the_ipv6_it_claims_is_denied);
	tcase_add_test(tcase, every_cut_is_malformed_and_never_judged);
	tcase_add_test(tcase, padding_behind_the_packet_is_not_part_of_it);
	tcase_add_test(tcase, the_upper_six_bits_of_the_ds_field_are_matched);
	tcase_add_test(tcase, the_dscp_is_that_of_the_packet_that_is_judged);
	tcase_add_test(tcase, a_later_fragment_has_a_dscp_of_its_own);
	tcase_add_test(tcase, tags_are_looked_through);
	tcase_add_test(tcase, a_third_tag_hides_nothing);
	tcase_add_test(tcase, non_ip_is_the_groups_affair);
	tcase_add_test(tcase, audit_lets_the_malformed_pass_and_says_so);
	tcase_add_test(tcase, an_l3_device_has_no_ethernet_header);
	tcase_add_test(tcase, segments_count_as_packets);
	tcase_add_test(tcase, a_frame_too_long_for_its_length_field_is_understood_if_offloaded);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
