/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Order of judgement, matches, modes, events: what a policy means to a packet. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define SECOND MS_RIG_TICKS_PER_SECOND

#define GROUPS                                                                                     \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: allow } }\n"           \
	"  - { name: h, match: { name: [\"*\"] }, default: { in: allow, out: deny } }\n"           \
	"  - { name: watch, match: { name: [\"*\"] }, mode: audit,\n"                              \
	"      default: { in: deny, out: deny } }\n"
#define NO_DOORS "failsafe: { in: [], out: [] }\n"

static void in_group(const char *group)
{
	ms_rig_iface(&(struct ms_rig_iface) { .group = group, .zone = 1 });
}

static void setup(void)
{
	ms_rig_setup();
	ms_rig_policy(GROUPS NO_DOORS);
	in_group("g");
}

static void tcp_in(const char *src, uint16_t dport, const char *text)
{
	static uint16_t sport = 1000;
	struct ms_pkt pkt = ms_pkt_tcp(src, sport++, strchr(src, ':') ? B6 : B, dport, MS_PKT_SYN);

	ms_rig_expect(MS_RIG_INGRESS, &pkt, text);
}

START_TEST(the_first_rule_that_matches_decides)
{
	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: one, from: 10.0.0.5, proto: tcp, dport: 80, action: deny }\n"
		      "  - { id: two, from: 10.0.0.0/24, proto: tcp, dport: 80, action: allow }\n"
		      "  - { id: three, from: 10.0.0.0/8, action: deny }\n"
		      "  - { id: early, from: 10.0.1.0/24, priority: 10, action: allow }\n");
	tcp_in(A, 80, "deny rule one");
	tcp_in("10.0.0.6", 80, "allow rule two");
	tcp_in("10.0.0.6", 81, "deny rule three");
	tcp_in("10.0.1.1", 81, "allow rule early");
	tcp_in("11.0.0.1", 80, "deny default default/g/in");
	tcp_in(A6, 80, "deny default default/g/in");
}
END_TEST

START_TEST(defaults_are_the_groups_and_the_directions)
{
	struct ms_pkt out = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN);

	ms_rig_expect(MS_RIG_INGRESS, &out, "deny default default/g/in");
	ms_rig_expect(MS_RIG_EGRESS, &out, "allow default default/g/out");
	in_group("h");
	ms_rig_bump_epoch();
	ms_rig_expect(MS_RIG_EGRESS, &out, "deny default default/h/out");
	ms_rig_expect(MS_RIG_INGRESS, &out, "allow default default/h/in");
}
END_TEST

START_TEST(the_side_decides_which_hook_is_in)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN);

	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1, .side = MS_SIDE_WORKLOAD });
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "deny default default/g/in");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow default default/g/out");
}
END_TEST

START_TEST(every_kind_of_match_must_hold)
{
	struct ms_pkt pkt;

	ms_rig_policy(
		GROUPS NO_DOORS
		"sets:\n  office: [192.0.2.0/24, \"2001:db8:1::/48\"]\n  none: [203.0.113.1]\n"
		"rules:\n"
		"  - { id: ports, dir: in, proto: [tcp, udp], sport: 5000-5010,\n"
		"      dport: [80, 8000-8100], action: allow }\n"
		"  - { id: set, dir: in, from: \"set:office\", proto: tcp, dport: 22, action: allow }\n"
		"  - { id: to6, dir: in, to: \"2001:db8::8/125\", proto: udp, action: allow }\n"
		"  - { id: unreach, dir: in, proto: icmp, icmp: [3/4, 13], action: allow }\n"
		"  - { id: only-h, group: h, dir: out, action: allow }\n");
	pkt = ms_pkt_tcp(A, 5000, B, 80, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule ports");
	pkt = ms_pkt_udp(A, 5010, B, 8100);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule ports");
	pkt = ms_pkt_udp(A, 5011, B, 8100);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_udp(A, 5010, B, 8101);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_sctp(A, 5000, B, 80);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	tcp_in("192.0.2.77", 22, "allow rule set");
	tcp_in("2001:db8:1:ffff::1", 22, "allow rule set");
	tcp_in("192.0.3.1", 22, "deny default default/g/in");
	tcp_in("2001:db8:2::1", 22, "deny default default/g/in");
	pkt = ms_pkt_udp(A6, 1, "2001:db8::f", 2);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule to6");
	pkt = ms_pkt_udp(A6, 1, "2001:db8::10", 2);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_icmp(A, B, 3, 4, 0);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule unreach");
	pkt = ms_pkt_icmp(A, B, 3, 3, 0);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	pkt = ms_pkt_icmp(A, B, 13, 0, 0);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule unreach");
	in_group("h");
	pkt = ms_pkt_udp(A, 9, B, 9);
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "allow rule only-h");
}
END_TEST

START_TEST(membership_takes_effect_and_ends)
{
	ms_rig_policy(GROUPS NO_DOORS
		      "sets:\n  guests: [198.51.100.0/25]\n"
		      "rules:\n  - { id: in, dir: in, from: \"set:guests\", action: allow }\n");
	tcp_in("198.51.100.1", 80, "allow rule in");
	tcp_in("198.51.100.200", 80, "deny default default/g/in");
	ms_rig_set_member("guests", "198.51.100.200", ms_rig_now() + 10);
	tcp_in("198.51.100.200", 80, "allow rule in");
	ms_rig_advance(10);
	tcp_in("198.51.100.200", 80, "deny default default/g/in");
	/* An expired member does not hide a shorter one that holds. */
	ms_rig_set_member("guests", "198.51.100.1", ms_rig_now() + 10);
	ms_rig_set_member("guests", "198.51.100.0/30", ms_rig_now() + 10);
	ms_rig_advance(10);
	tcp_in("198.51.100.1", 80, "allow rule in");
}
END_TEST

/* Nobody clears anything here: it must hold with the daemon dead. */
START_TEST(members_that_have_expired_hide_none_that_holds)
{
	char prefix[32];

	ms_rig_policy(GROUPS NO_DOORS
		      "sets:\n  bad: [198.51.0.0/16]\n"
		      "rules:\n  - { id: bad, dir: in, from: \"set:bad\", action: deny }\n"
		      "  - { id: rest, dir: in, action: allow }\n");
	tcp_in("198.51.100.1", 80, "deny rule bad");
	tcp_in("198.52.100.1", 80, "allow rule rest");
	for (unsigned int len = 17; len <= 32; len++) {
		snprintf(prefix, sizeof(prefix), "198.51.%s/%u", len < 32 ? "0.0" : "0.1", len);
		ms_rig_set_member("bad", prefix, ms_rig_now() + 10 + len % 3);
	}
	/* Here the wide one ends, too, but later. */
	ms_rig_set_member("bad", "198.52.0.0/20", ms_rig_now() + 40);
	ms_rig_set_member("bad", "198.52.0.0/24", ms_rig_now() + 5);
	ms_rig_set_member("bad", "198.52.0.1", ms_rig_now() + 5);
	ms_rig_advance(20);
	tcp_in("198.51.0.1", 80, "deny rule bad");
	tcp_in("198.51.0.2", 80, "deny rule bad");
	tcp_in("198.51.100.1", 80, "deny rule bad");
	tcp_in("198.52.0.1", 80, "deny rule bad");
	ms_rig_advance(20);
	tcp_in("198.51.0.1", 80, "deny rule bad");
	tcp_in("198.52.0.1", 80, "allow rule rest");
}
END_TEST

START_TEST(the_failsafe_is_the_hosts_alone)
{
	struct ms_pkt out = ms_pkt_udp(A, 1, B, 53);

	ms_rig_policy(GROUPS "failsafe: { in: [\"tcp:22\", \"tcp:192.0.2.0/24:443\"],\n"
			     "            out: [\"udp:53\", \"tcp:[2001:db8::8/125]:443\"] }\n"
			     "rules:\n  - { id: shut, action: deny }\n");
	tcp_in(A, 22, "allow failsafe failsafe/in");
	tcp_in(A6, 22, "allow failsafe failsafe/in");
	tcp_in("192.0.2.1", 443, "allow failsafe failsafe/in");
	tcp_in("192.0.3.1", 443, "deny rule shut");
	tcp_in(A, 23, "deny rule shut");
	ms_rig_expect(MS_RIG_EGRESS, &out, "allow failsafe failsafe/out");
	out = ms_pkt_tcp(A6, 1, B6, 443, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_EGRESS, &out, "allow failsafe failsafe/out");
	out = ms_pkt_tcp(A6, 1, "2001:db8::10", 443, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_EGRESS, &out, "deny rule shut");
	/* Not of a workload, not of loopback. */
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 2, .side = MS_SIDE_WORKLOAD });
	out = ms_pkt_tcp(A, 1, B, 22, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_EGRESS, &out, "deny rule shut");
	ms_rig_iface(
		&(struct ms_rig_iface) { .group = "g", .zone = 3, .flags = MS_IFACE_LOOPBACK });
	tcp_in(A, 22, "deny rule shut");
}
END_TEST

START_TEST(built_in_rules_come_before_the_operators)
{
	struct ms_pkt ns = ms_pkt_icmp(A6, "ff02::1:ff00:9", 135, 0, 0);
	struct ms_pkt discover = ms_pkt_udp("0.0.0.0", 68, "255.255.255.255", 67);
	struct ms_pkt offer = ms_pkt_udp("10.0.0.1", 67, "255.255.255.255", 68);
	struct ms_rig_result r;

	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: shut, action: deny }\n");
	r = ms_rig_expect(MS_RIG_INGRESS, &ns, "allow builtin builtin/nd");
	ck_assert_int_eq(r.half, 0); /* stateless */
	ms_rig_expect(MS_RIG_EGRESS, &discover, "deny rule shut");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 2, .side = MS_SIDE_WORKLOAD });
	ms_rig_expect(MS_RIG_EGRESS, &discover, "deny rule shut");
	ms_rig_expect(MS_RIG_INGRESS, &discover, "allow builtin builtin/dhcp");
	ms_rig_expect(MS_RIG_EGRESS, &offer, "allow builtin builtin/dhcp");
	ms_rig_expect(MS_RIG_INGRESS, &offer, "deny rule shut");
}
END_TEST

START_TEST(loopback_is_judged_once_by_both_directions)
{
	struct ms_pkt pkt = ms_pkt_tcp("127.0.0.1", 1, "127.0.0.1", 2, MS_PKT_SYN);
	struct ms_pkt back = ms_pkt_tcp("127.0.0.1", 2, "127.0.0.1", 1, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_rig_result r;

	ms_rig_iface(
		&(struct ms_rig_iface) { .group = "h", .zone = 1, .flags = MS_IFACE_LOOPBACK });
	r = ms_rig_run(MS_RIG_EGRESS, &pkt);
	ck_assert_str_eq(r.verdict, "none");
	ck_assert_int_eq(r.code, -1);
	/* Either default's deny is enough, and is the one that is named. */
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/h/out");
	ms_rig_iface(
		&(struct ms_rig_iface) { .group = "g", .zone = 1, .flags = MS_IFACE_LOOPBACK });
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: o, dir: out, proto: tcp, dport: 2, action: allow }\n"
		      "  - { id: i, dir: in, proto: tcp, dport: 3, action: allow }\n");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule o");
	ms_rig_expect(MS_RIG_INGRESS, &back, "allow session o");
	pkt = ms_pkt_tcp("127.0.0.1", 1, "127.0.0.1", 3, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule i");
	pkt = ms_pkt_tcp("127.0.0.1", 1, "127.0.0.1", 4, MS_PKT_SYN);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
}
END_TEST

START_TEST(a_rules_mode_overrides_the_groups)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);

	ms_rig_policy(
		GROUPS NO_DOORS
		"rules:\n"
		"  - { id: soft, dir: in, proto: tcp, dport: 80, mode: audit, action: deny }\n"
		"  - { id: hard, dir: in, proto: tcp, dport: 81, mode: enforce, action: deny }\n"
		"  - { id: plain, dir: in, proto: tcp, dport: 82, action: deny }\n");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "audit rule soft");
	tcp_in(A, 81, "deny rule hard");
	tcp_in(A, 82, "deny rule plain");
	in_group("watch");
	tcp_in(A, 81, "deny rule hard");
	tcp_in(A, 82, "audit rule plain");
	tcp_in(A, 83, "audit default default/watch/in");
}
END_TEST

START_TEST(panic_stands_before_everything_but_the_malformed)
{
	struct ms_pkt broken = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);

	broken.frame[broken.l3] = 0x44;
	ms_rig_policy(GROUPS "failsafe: { in: [\"tcp:22\"], out: [] }\n");
	ms_rig_set_panic(MS_PANIC_CLOSED);
	tcp_in(A, 22, "deny panic panic");
	ms_rig_set_panic(MS_PANIC_OPEN);
	tcp_in(A, 99, "allow panic panic");
	ms_rig_expect(MS_RIG_INGRESS, &broken, "deny malformed");
	/* Of one group: closed wins over open. */
	ms_rig_set_group_panic("g", MS_PANIC_CLOSED);
	tcp_in(A, 22, "deny panic panic");
	ms_rig_set_panic(MS_PANIC_OFF);
	tcp_in(A, 22, "deny panic panic");
	in_group("h");
	tcp_in(A, 99, "allow default default/h/in");
}
END_TEST

START_TEST(an_interface_of_no_group_is_left_alone)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);

	in_group(NULL);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow excluded");
	ms_rig_remove_iface();
	ck_assert_str_eq(ms_rig_run(MS_RIG_INGRESS, &pkt).reason, "excluded");
}
END_TEST

START_TEST(without_the_slow_program_nothing_new_passes)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);
	struct ms_pkt back = ms_pkt_tcp(B, 80, A, 1, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_rig_result r;

	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: all, action: allow }\n");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule all");
	ms_rig_expect(MS_RIG_EGRESS, &back, "allow session all");
	ms_rig_expect(MS_RIG_INGRESS, &ack, "allow session all");
	ms_rig_remove_slow();
	ms_rig_expect(MS_RIG_INGRESS, &ack, "allow session all");
	pkt = ms_pkt_tcp(A, 2, B, 80, MS_PKT_SYN);
	r = ms_rig_run(MS_RIG_INGRESS, &pkt);
	ck_assert_str_eq(r.reason, "incomplete");
	ck_assert_str_eq(r.verdict, "deny");
	in_group("watch");
	r = ms_rig_run(MS_RIG_INGRESS, &pkt);
	ck_assert_str_eq(r.verdict, "audit");
	in_group(NULL);
	r = ms_rig_run(MS_RIG_INGRESS, &pkt);
	ck_assert_str_eq(r.reason, "excluded");
}
END_TEST

/* ---- ICMP errors ---- */

START_TEST(an_error_about_a_session_passes)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_SYN), other, error;

	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: web, dir: in, proto: tcp, dport: 80, action: allow }\n"
		      "  - { id: shut, action: deny }\n");
	error = ms_pkt_error(B, A, 3, 3, &syn);
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule web");
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow builtin builtin/icmp-error");
	/* From a router on the way, too. */
	error = ms_pkt_error("172.16.0.1", A, 11, 0, &syn);
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow builtin builtin/icmp-error");
	/* Not to somebody else, not about another flow, not in the packet's own direction. */
	error = ms_pkt_error(B, "10.0.0.6", 3, 3, &syn);
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
	other = ms_pkt_tcp(A, 1001, B, 80, MS_PKT_SYN);
	error = ms_pkt_error(B, A, 3, 3, &other);
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
	error = ms_pkt_error(B, A, 3, 3, &syn);
	ms_rig_expect(MS_RIG_INGRESS, &error, "deny rule shut");
	/* About an answer, coming in. */
	other = ms_pkt_tcp(B, 80, A, 1000, MS_PKT_SYN | MS_PKT_ACK);
	error = ms_pkt_error(A, B, 3, 4, &other);
	ms_rig_expect(MS_RIG_INGRESS, &error, "allow builtin builtin/icmp-error");
}
END_TEST

START_TEST(an_error_about_ipv6_and_pings_passes)
{
	struct ms_pkt ping = ms_pkt_icmp(A6, B6, 128, 0, 77), udp = ms_pkt_udp(A6, 1, B6, 2), error;

	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: all, dir: in, proto: [icmpv6, udp], action: allow }\n"
		      "  - { id: shut, action: deny }\n");
	ms_pkt_extension(&udp, 60, 8);
	error = ms_pkt_error(B6, A6, 1, 4, &ping);
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
	ms_rig_expect(MS_RIG_INGRESS, &ping, "allow rule all");
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow builtin builtin/icmp-error");
	error = ms_pkt_error(B6, A6, 2, 0, &udp);
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
	ms_rig_expect(MS_RIG_INGRESS, &udp, "allow rule all");
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow builtin builtin/icmp-error");
}
END_TEST

START_TEST(an_error_about_a_session_that_is_denied_now_does_not_pass)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_SYN);
	struct ms_pkt error = ms_pkt_error(B, A, 3, 3, &syn);

	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: web, dir: in, action: allow }\n"
				      "  - { id: shut, action: deny }\n");
	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule web");
	ms_rig_bump_epoch();
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow builtin builtin/icmp-error");
	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: shut, action: deny }\n");
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule shut");
}
END_TEST

START_TEST(a_rule_of_its_name_takes_the_built_in_away)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_SYN);
	struct ms_pkt error = ms_pkt_error(B, A, 3, 3, &syn);

	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: builtin/icmp-error, proto: [icmp, icmpv6], action: deny }\n"
		      "  - { id: all, action: allow }\n");
	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule all");
	ms_rig_expect(MS_RIG_EGRESS, &error, "deny rule builtin/icmp-error");
}
END_TEST

/* ---- events ---- */

START_TEST(a_deny_says_who_what_and_why)
{
	struct ms_pkt pkt = ms_pkt_tcp(A6, 41234, B6, 5432, MS_PKT_SYN);
	struct ms_event event;

	ms_pkt_tag(&pkt, 0x8100, 7);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(event.reason, MS_REASON_DEFAULT);
	ck_assert_uint_eq(event.dir, MS_DIR_IN);
	ck_assert_uint_eq(event.family, 6);
	ck_assert_uint_eq(event.proto, 6);
	ck_assert_uint_eq(event.tcp_flags, MS_PKT_SYN);
	ck_assert_uint_eq(ntohs(event.sport), 41234);
	ck_assert_uint_eq(ntohs(event.dport), 5432);
	ck_assert_uint_eq(event.vlan_outer, 7);
	ck_assert_uint_eq(event.ifindex, MS_RIG_IFINDEX);
	ck_assert_uint_eq(event.generation, 1);
	ck_assert_uint_eq(event.length, pkt.len);
	ck_assert_mem_eq(event.src, pkt.frame + pkt.l3 + 8, 16);
	ck_assert_mem_eq(event.dst, pkt.frame + pkt.l3 + 24, 16);
	ck_assert(!ms_rig_event(&event));
}
END_TEST

START_TEST(events_of_a_slot_are_limited_and_the_rest_counted)
{
	struct ms_event event;
	unsigned int count = 0;
	uint64_t seq = 0;
	cpu_set_t one;

	/* Numbers are a CPU's own: the test stays on one. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 25; i++)
		tcp_in(A, 99, "deny default default/g/in");
	while (ms_rig_event(&event)) {
		ck_assert(count == 0 || event.seq == seq + 1);
		seq = event.seq;
		count++;
	}
	ck_assert_uint_eq(count, MS_EVENTS_PER_SECOND);
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_SUPPRESSED), 15);
	ms_rig_advance(SECOND);
	tcp_in(A, 99, "deny default default/g/in");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.suppressed, 15);
	ck_assert_uint_eq(event.seq, seq + 1);
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_LOGGED), 11);
}
END_TEST

START_TEST(a_log_rule_goes_on_logging_on_the_cached_path)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 53);
	struct ms_event event;

	ms_rig_policy(GROUPS NO_DOORS
		      "rules:\n"
		      "  - { id: dns, proto: udp, dport: 53, log: { every: 10s }, action: allow }\n"
		      "  - { id: quiet, proto: udp, dport: 54, action: allow }\n");
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.verdict, MS_VERDICT_ALLOW);
	ck_assert(event.flags & MS_EVENT_LOG);
	for (int i = 0; i < 5; i++)
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow session dns");
	ck_assert(!ms_rig_event(&event));
	ms_rig_advance(10 * SECOND);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow session dns");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.reason, MS_REASON_SESSION);
	ck_assert_uint_eq(event.suppressed, 5);
	pkt = ms_pkt_udp(A, 1, B, 54);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule quiet");
	ck_assert(!ms_rig_event(&event));
}
END_TEST

START_TEST(trace_changes_nothing)
{
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);
	struct ms_event event;
	bool session;

	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: all, log: true, action: allow }\n");
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(ms_rig_trace(MS_RIG_INGRESS, &pkt, &session), "allow rule all");
	ck_assert(!session);
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 0);
	ck_assert_uint_eq(ms_rig_total("all"), 0);
	ck_assert_uint_eq(ms_rig_hits("all"), 0);
	ck_assert(!ms_rig_event(&event));
	ms_rig_run(MS_RIG_INGRESS, &pkt);
	ck_assert_str_eq(ms_rig_trace(MS_RIG_INGRESS, &pkt, &session), "allow session all");
	ck_assert(session);
	ck_assert_uint_eq(ms_rig_total("all"), 1);
	ck_assert_uint_eq(ms_rig_hits("all"), 1);
	/* It ends no session either. */
	ms_rig_policy(GROUPS NO_DOORS "rules:\n  - { id: shut, action: deny }\n");
	ck_assert_str_eq(ms_rig_trace(MS_RIG_INGRESS, &pkt, &session), "deny rule shut");
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_policy");
	TCase *tcase = tcase_create("policy");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_first_rule_that_matches_decides);
	tcase_add_test(tcase, defaults_are_the_groups_and_the_directions);
	tcase_add_test(tcase, the_side_decides_which_hook_is_in);
	tcase_add_test(tcase, every_kind_of_match_must_hold);
	tcase_add_test(tcase, membership_takes_effect_and_ends);
	tcase_add_test(tcase, members_that_have_expired_hide_none_that_holds);
	tcase_add_test(tcase, the_failsafe_is_the_hosts_alone);
	tcase_add_test(tcase, built_in_rules_come_before_the_operators);
	tcase_add_test(tcase, loopback_is_judged_once_by_both_directions);
	tcase_add_test(tcase, a_rules_mode_overrides_the_groups);
	tcase_add_test(tcase, panic_stands_before_everything_but_the_malformed);
	tcase_add_test(tcase, an_interface_of_no_group_is_left_alone);
	tcase_add_test(tcase, without_the_slow_program_nothing_new_passes);
	tcase_add_test(tcase, an_error_about_a_session_passes);
	tcase_add_test(tcase, an_error_about_ipv6_and_pings_passes);
	tcase_add_test(tcase, an_error_about_a_session_that_is_denied_now_does_not_pass);
	tcase_add_test(tcase, a_rule_of_its_name_takes_the_built_in_away);
	tcase_add_test(tcase, a_deny_says_who_what_and_why);
	tcase_add_test(tcase, events_of_a_slot_are_limited_and_the_rest_counted);
	tcase_add_test(tcase, a_log_rule_goes_on_logging_on_the_cached_path);
	tcase_add_test(tcase, trace_changes_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
