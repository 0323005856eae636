/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was denied a moment ago is denied again without a judgement: told and counted as if it had
 * been judged, for exactly the same packet only, and no longer than the judgement stands.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

#include "tests/bpf/rig_flow.h"
#include "tests/harness/ms_check.h"

#define BAD "  - { id: bad, dir: in, proto: [tcp, udp], dport: 99, action: deny }\n"
#define SLOW "  - { id: slow, dir: in, dport: 98, proto: udp, action: deny, log: { every: 10s } }\n"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define DEFAULT_IN "deny default default/g/in"
#define DEFAULT_OUT "deny default default/g/out"
#define OTHER "10.9.9.9"

/* Lines are a CPU's own: the test stays on one. */
static void setup(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ms_rig_flow_setup();
	ms_rig_policy(HEAD WEB DNS PING BAD SLOW);
}

/* The packet once more; `again` says whether without a judgement. */
static void expect(enum ms_rig_hook hook, const struct ms_pkt *pkt, const char *text, bool again)
{
	uint64_t before = ms_rig_denied_again();

	ms_rig_expect(hook, pkt, text);
	ck_assert_msg(ms_rig_denied_again() - before == again, "%s: %s", text,
		      again ? "was judged" : "was not judged");
}

/* Denies a packet until its author is told of no more and the next ones come without a judgement.
 */
static void remember(enum ms_rig_hook hook, const struct ms_pkt *pkt, const char *text)
{
	for (int i = 0; i < MS_EVENTS_PER_SECOND + 1; i++)
		ms_rig_expect(hook, pkt, text);
	expect(hook, pkt, text, true);
}

static struct ms_pkt bad(void)
{
	return ms_pkt_udp(A, 1000, B, 99);
}

/* ---- as if it had been judged ---- */

START_TEST(each_is_counted_as_it_was)
{
	const struct {
		enum ms_rig_hook hook;
		struct ms_pkt pkt;
		const char *text, *author;
	} rows[] = {
		{ MS_RIG_INGRESS, bad(), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_tcp(A, 1, B, 99, MS_PKT_SYN), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_tcp(A, 1, B, 99, MS_PKT_ACK), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_tcp(A, 1, B, 99, MS_PKT_RST), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_tcp(A6, 1, B6, 99, MS_PKT_SYN), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_udp(A6, 1, B6, 99), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_udp(B6, 1, A6, 99), "deny rule bad", "bad" },
		{ MS_RIG_INGRESS, ms_pkt_udp(A, 1, B, 7), DEFAULT_IN, "default/g/in" },
		{ MS_RIG_EGRESS, ms_pkt_udp(A, 1, B, 7), DEFAULT_OUT, "default/g/out" },
		{ MS_RIG_EGRESS, ms_pkt_tcp(A, 1, B, 7, MS_PKT_SYN), DEFAULT_OUT, "default/g/out" },
	};
	const struct ms_pkt *pkt = &rows[_i].pkt;
	enum ms_dir dir = rows[_i].hook == MS_RIG_EGRESS ? MS_DIR_OUT : MS_DIR_IN;
	unsigned int told = 0;
	struct ms_event event;

	remember(rows[_i].hook, pkt, rows[_i].text);
	for (int i = 0; i < 8; i++)
		expect(rows[_i].hook, pkt, rows[_i].text, true);
	ck_assert_uint_eq(ms_rig_total(rows[_i].author), 20);
	ck_assert_uint_eq(ms_rig_hits(rows[_i].author), 20);
	ck_assert_uint_eq(ms_rig_zone_packets(1, dir, true), 20);
	ck_assert_uint_eq(ms_rig_zone_packets(1, dir, false), 0);
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_SUPPRESSED), 10);
	while (ms_rig_event(&event))
		told++;
	ck_assert_uint_eq(told, MS_EVENTS_PER_SECOND);
	/* Told again when it may be, with all that was held back. */
	ms_rig_advance(SECOND);
	expect(rows[_i].hook, pkt, rows[_i].text, false);
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.suppressed, 10);
}
END_TEST

START_TEST(segments_count_as_packets)
{
	struct ms_pkt pkt = bad();
	struct ms_rig_result result;

	remember(MS_RIG_INGRESS, &pkt, "deny rule bad");
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 5, 900);
	ck_assert_str_eq(result.author, "bad");
	ck_assert_uint_eq(ms_rig_denied_again(), 3);
	ck_assert_uint_eq(ms_rig_hits("bad"), 13);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_IN, true), 12 + 5);
}
END_TEST

START_TEST(a_rule_that_logs_goes_by_its_own_limit)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1000, B, 98);
	struct ms_event event;

	expect(MS_RIG_INGRESS, &pkt, "deny rule slow", false);
	ck_assert(ms_rig_event(&event));
	for (unsigned int second = 0; second < 9; second++) {
		expect(MS_RIG_INGRESS, &pkt, "deny rule slow", second == 0);
		expect(MS_RIG_INGRESS, &pkt, "deny rule slow", true);
		ms_rig_advance(SECOND);
	}
	ck_assert(!ms_rig_event(&event));
	ms_rig_advance(SECOND);
	expect(MS_RIG_INGRESS, &pkt, "deny rule slow", false);
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.suppressed, 18);
}
END_TEST

START_TEST(a_young_interface_is_not_counted_as_leaking)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 7);
	uint64_t frames[2];

	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1, .flags = MS_IFACE_YOUNG });
	remember(MS_RIG_EGRESS, &pkt, DEFAULT_OUT);
	expect(MS_RIG_EGRESS, &pkt, DEFAULT_OUT, true);
	ms_rig_gap(1, frames);
	ck_assert_uint_eq(frames[1], 0);
	pkt = bad();
	remember(MS_RIG_INGRESS, &pkt, "deny rule bad");
	ms_rig_gap(1, frames);
	ck_assert_uint_eq(frames[0], 12);
	ck_assert_uint_eq(frames[1], 0);
}
END_TEST

/* ---- no longer than it stands ---- */

START_TEST(a_rule_that_goes_lets_pass_at_once)
{
	struct ms_pkt pkt = bad();

	remember(MS_RIG_INGRESS, &pkt, "deny rule bad");
	ms_rig_policy(HEAD "  - { id: good, dir: in, proto: udp, action: allow }\n");
	expect(MS_RIG_INGRESS, &pkt, "allow rule good", false);
}
END_TEST

START_TEST(a_mode_panic_or_failsafe_holds_at_once)
{
	struct ms_pkt pkt = bad();

	remember(MS_RIG_INGRESS, &pkt, "deny rule bad");
	ms_rig_set_panic(MS_PANIC_OPEN);
	expect(MS_RIG_INGRESS, &pkt, "allow panic panic", false);
	ms_rig_set_panic(MS_PANIC_OFF);
	expect(MS_RIG_INGRESS, &pkt, "deny rule bad", false);
	expect(MS_RIG_INGRESS, &pkt, "deny rule bad", true);
	ms_rig_set_group_panic("g", MS_PANIC_CLOSED);
	expect(MS_RIG_INGRESS, &pkt, "deny panic panic", false);
	ms_rig_policy(HEAD "  - { id: bad, mode: audit, proto: udp, action: deny }\n");
	expect(MS_RIG_INGRESS, &pkt, "audit rule bad", false);
	ms_rig_policy(HEAD BAD);
	expect(MS_RIG_INGRESS, &pkt, "deny rule bad", false);
}
END_TEST

START_TEST(a_set_that_changes_is_honoured)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1000, B, 7);

	ms_rig_policy(
		"version: 1\n"
		"groups:\n"
		"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"
		"failsafe: { in: [], out: [] }\n"
		"sets: { friends: [192.0.2.1], foes: [192.0.2.2] }\n"
		"rules:\n"
		"  - { id: foe, from: \"set:foes\", action: deny }\n"
		"  - { id: friend, from: \"set:friends\", action: allow }\n");
	remember(MS_RIG_INGRESS, &pkt, DEFAULT_IN);
	ms_rig_set_member("foes", A, ms_rig_now() + 5);
	ms_rig_bump_epoch();
	for (int i = 0; i < MS_EVENTS_PER_SECOND + 1; i++)
		expect(MS_RIG_INGRESS, &pkt, "deny rule foe", i >= MS_EVENTS_PER_SECOND);
	ms_rig_set_member("friends", A, 0);
	ms_rig_bump_epoch();
	expect(MS_RIG_INGRESS, &pkt, "deny rule foe", false);
	/* Who takes out a member whose time is over says so. Nobody there: it is seen all the same,
	 * a second later at most. */
	ms_rig_advance(SECOND);
	expect(MS_RIG_INGRESS, &pkt, "allow rule friend", false);
}
END_TEST

START_TEST(the_answer_to_a_session_is_never_held_up)
{
	struct ms_pkt out = ms_pkt_tcp(B, 5000, OTHER, 443, MS_PKT_SYN);
	struct ms_pkt back = ms_pkt_tcp(OTHER, 443, B, 5000, MS_PKT_SYN | MS_PKT_ACK);

	ms_rig_policy(HEAD "  - { id: out, dir: out, proto: tcp, dport: 443, action: allow }\n");
	remember(MS_RIG_INGRESS, &back, DEFAULT_IN);
	ms_rig_expect(MS_RIG_EGRESS, &out, "allow rule out");
	expect(MS_RIG_INGRESS, &back, "allow session out", false);
}
END_TEST

START_TEST(what_a_session_denies_is_not_forgotten)
{
	struct ms_pkt ack = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_ACK);

	/* Met in the middle by its answer, which is allowed; the questions are not. */
	ms_rig_policy(HEAD WEB);
	ms_rig_flow_connect();
	ms_rig_policy(HEAD "  - { id: web, dir: in, proto: tcp, dport: 80, action: deny }\n");
	for (int i = 0; i < MS_EVENTS_PER_SECOND + 2; i++)
		expect(MS_RIG_INGRESS, &ack, i ? "deny session web" : "deny rule web", false);
}
END_TEST

START_TEST(the_grace_is_honoured)
{
	struct ms_pkt pkt = ms_pkt_tcp(B, 80, A, 1000, MS_PKT_ACK);
	struct ms_rig_iface iface = { .group = "g", .zone = 1 };

	remember(MS_RIG_EGRESS, &pkt, DEFAULT_OUT);
	iface.grace_until = ms_rig_now() + SECOND;
	ms_rig_iface(&iface);
	expect(MS_RIG_EGRESS, &pkt, "allow adopted web", false);
	/* A SYN answers nothing: remembered apart from what may. */
	pkt = ms_pkt_tcp(B, 80, A, 1001, MS_PKT_SYN);
	expect(MS_RIG_EGRESS, &pkt, DEFAULT_OUT, false);
	expect(MS_RIG_EGRESS, &pkt, DEFAULT_OUT, true);
	pkt = ms_pkt_tcp(B, 80, A, 1001, MS_PKT_SYN | MS_PKT_ACK);
	expect(MS_RIG_EGRESS, &pkt, "allow adopted web", false);
}
END_TEST

START_TEST(an_interface_that_changes_is_another)
{
	struct ms_pkt pkt = bad();

	remember(MS_RIG_INGRESS, &pkt, "deny rule bad");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "watch", .zone = 2 });
	expect(MS_RIG_INGRESS, &pkt, "audit rule bad", false);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "watch", .zone = 1 });
	expect(MS_RIG_INGRESS, &pkt, "audit rule bad", false);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 3 });
	expect(MS_RIG_INGRESS, &pkt, "deny rule bad", false);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 3, .side = MS_SIDE_WORKLOAD });
	expect(MS_RIG_INGRESS, &pkt, DEFAULT_OUT, false);
	ms_rig_iface(&(struct ms_rig_iface) { .zone = 1 });
	expect(MS_RIG_INGRESS, &pkt, "allow excluded", false);
}
END_TEST

/* ---- exactly the same packet ---- */

START_TEST(another_packet_is_judged)
{
	struct ms_pkt same = bad(), pkt;

	ms_rig_policy(HEAD "  - { id: marked, dir: in, proto: udp, dscp: 46, action: allow }\n"
			   "  - { id: tagged, dir: in, proto: udp, vlan: 7, action: allow }\n"
			   "  - { id: port, dir: in, proto: udp, sport: 1001, action: allow }\n"
			   "  - { id: far, dir: in, proto: udp, from: 10.9.9.9, action: allow }\n"
			   "  - { id: tcp, dir: in, proto: tcp, dport: 99, action: allow }\n" BAD);
	remember(MS_RIG_INGRESS, &same, "deny rule bad");
	pkt = same;
	ms_pkt_ds(&pkt, 46 << 2);
	expect(MS_RIG_INGRESS, &pkt, "allow rule marked", false);
	/* Of a flow that has a session now all is the session's. */
	same = ms_pkt_udp(A, 1002, B, 99);
	expect(MS_RIG_INGRESS, &same, "deny rule bad", false);
	expect(MS_RIG_INGRESS, &same, "deny rule bad", true);
	/* ECN is no part of the mark. */
	pkt = same;
	ms_pkt_ds(&pkt, 3);
	expect(MS_RIG_INGRESS, &pkt, "deny rule bad", true);
	pkt = same;
	ms_pkt_tag(&pkt, 0x8100, 7);
	expect(MS_RIG_INGRESS, &pkt, "allow rule tagged", false);
	pkt = ms_pkt_udp(A, 1001, B, 99);
	expect(MS_RIG_INGRESS, &pkt, "allow rule port", false);
	pkt = ms_pkt_udp(OTHER, 1002, B, 99);
	expect(MS_RIG_INGRESS, &pkt, "allow rule far", false);
	pkt = ms_pkt_tcp(A, 1002, B, 99, MS_PKT_SYN);
	expect(MS_RIG_INGRESS, &pkt, "allow rule tcp", false);
	expect(MS_RIG_EGRESS, &same, DEFAULT_OUT, false);
	pkt = ms_pkt_udp(B, 99, A, 1002);
	expect(MS_RIG_INGRESS, &pkt, DEFAULT_IN, false);
	expect(MS_RIG_INGRESS, &same, "deny rule bad", true);
}
END_TEST

START_TEST(an_error_is_judged_by_what_it_quotes)
{
	struct ms_pkt quoted = ms_pkt_udp(B, 53, A, 1000), query = ms_pkt_udp(A, 1000, B, 53);
	struct ms_pkt error = ms_pkt_error(A, B, 3, 3, &quoted);

	ms_rig_policy(HEAD DNS);
	for (int i = 0; i < MS_EVENTS_PER_SECOND + 2; i++)
		expect(MS_RIG_INGRESS, &error, DEFAULT_IN, false);
	ms_rig_expect(MS_RIG_INGRESS, &query, "allow rule dns");
	expect(MS_RIG_INGRESS, &error, "allow builtin builtin/icmp-error", false);
}
END_TEST

/* ---- nothing allowed gives way ---- */

START_TEST(a_storm_of_denied_packets_ends_no_session)
{
	static struct ms_rig_session sessions[64];
	enum { FLOWS = 20, STORM = 20000 };
	struct ms_pkt pkt;
	char src[32];

	for (unsigned int i = 0; i < FLOWS; i++) {
		pkt = ms_pkt_udp(A, (uint16_t)(2000 + i), B, 53);
		ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow rule dns");
	}
	ms_rig_flow_connect();
	for (unsigned int i = 0; i < STORM; i++) {
		snprintf(src, sizeof(src), "172.16.%u.%u", i / 256, i % 256);
		pkt = ms_pkt_udp(src, 5, B, 99);
		ck_assert_int_eq(ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &pkt), 2);
		ck_assert_int_eq(ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &pkt), 2);
	}
	/* Each one's second packet, but no other's: lines are used by many in turn. */
	ck_assert_uint_ge(ms_rig_denied_again(), STORM - MS_EVENTS_PER_SECOND);
	ck_assert_uint_le(ms_rig_denied_again(), STORM);
	ck_assert_uint_eq(ms_rig_total("bad"), 2 * STORM);
	ck_assert_uint_eq(ms_rig_hits("bad"), 2 * STORM);
	ck_assert_uint_eq(ms_rig_sessions(sessions, 64), FLOWS + 1);
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_denied");
	TCase *tcase = tcase_create("denied");

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, each_is_counted_as_it_was, 0, 10);
	tcase_add_test(tcase, segments_count_as_packets);
	tcase_add_test(tcase, a_rule_that_logs_goes_by_its_own_limit);
	tcase_add_test(tcase, a_young_interface_is_not_counted_as_leaking);
	tcase_add_test(tcase, a_rule_that_goes_lets_pass_at_once);
	tcase_add_test(tcase, a_mode_panic_or_failsafe_holds_at_once);
	tcase_add_test(tcase, a_set_that_changes_is_honoured);
	tcase_add_test(tcase, the_answer_to_a_session_is_never_held_up);
	tcase_add_test(tcase, what_a_session_denies_is_not_forgotten);
	tcase_add_test(tcase, the_grace_is_honoured);
	tcase_add_test(tcase, an_interface_that_changes_is_another);
	tcase_add_test(tcase, another_packet_is_judged);
	tcase_add_test(tcase, an_error_is_judged_by_what_it_quotes);
	tcase_add_test(tcase, a_storm_of_denied_packets_ends_no_session);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
