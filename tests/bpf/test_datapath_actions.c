/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of a rule: run for every packet, in order, and whatever they do is counted once. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "microseg/abi.h"
#include "microseg/chain.h"
#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define ZONE 7
#define STOLEN 4
#define SESSION_FLAG (1 << 1) /* MS_ACTION_SESSION, in a header for the BPF target only */
#define EGRESS_FLAG (1 << 4)
#define DENIED_FLAG (1 << 3)

#define HEAD                                                                                       \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"

/* One rule r for everything, with this action and these keys behind it. */
static void rule(const char *action, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), HEAD "  - { id: r, action: %s, fallback: deny%s }\n", action,
		 rest);
	ms_rig_policy(text);
}

static void setup(void)
{
	ms_rig_setup();
	ms_rig_add_actions();
	rule("deny", "");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = ZONE });
}

START_TEST(a_list_runs_to_its_verdict_for_every_packet)
{
	struct ms_pkt udp = ms_pkt_udp(A, 1, B, 2);

	rule("[{ tell: 1 }, pass_on, { tell: 2 }, allow]", "");
	ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 1212121212);
	ms_rig_expect_tcp(A6, B6, -1, "allow rule r", "allow session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 1212121212);
	rule("[{ tell: 3 }, deny]", "");
	/* Also when no event is told of it any more, and a denied packet comes again (ADR 0070). */
	for (int i = 0; i < 2 * MS_EVENTS_PER_SECOND; i++) {
		ms_rig_expect_packet(MS_RIG_INGRESS, &udp, 2, "deny rule r");
		ck_assert_uint_eq(ms_rig_seen().sum, 3);
	}
}
END_TEST

/* Some slots are jumped to directly, the others through the table: nothing is in any but its own.
 */
START_TEST(an_action_is_found_in_each_slot)
{
	for (uint32_t slot = 0; slot < MS_ACTION_SLOTS; slot++) {
		ms_rig_only_action("tell", slot);
		rule("[{ tell: 1 }, allow]", "");
		ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
		ck_assert_uint_eq(ms_rig_seen().sum, 11111);
	}
}
END_TEST

START_TEST(eight_actions_run_and_no_ninth_is_written)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	rule("[{ tell: 1 }, { tell: 2 }, { tell: 3 }, { tell: 4 }, { tell: 5 }, { tell: 6 }, "
	     "{ tell: 7 }, { tell: 8 }, allow]",
	     "");
	ms_rig_expect_packet(MS_RIG_EGRESS, &pkt, -1, "allow rule r");
	ck_assert_uint_eq(ms_rig_seen().sum, 12345678);
	ms_rig_expect_packet(MS_RIG_EGRESS, &pkt, -1, "allow session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 12345678);
}
END_TEST

START_TEST(an_action_may_end_the_list)
{
	rule("[end_deny, { tell: 1 }, allow]", "");
	ms_rig_expect_tcp(A, B, 2, "deny action r", "deny action r");
	ms_rig_expect_tcp(A6, B6, 2, "deny action r", "deny action r");
	rule("[end_allow, { tell: 1 }, allow]", "");
	ms_rig_expect_tcp(A, B, -1, "allow action r", "allow action r");
	rule("[end_allow, { tell: 1 }, deny]", "");
	ms_rig_expect_tcp(A, B, -1, "allow action r", "allow action r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
	/* The twin without the action. */
	rule("allow", "");
	ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
}
END_TEST

START_TEST(a_packet_that_an_action_took_counts_as_the_list_says)
{
	rule("[take, { tell: 1 }, allow]", "");
	ms_rig_expect_tcp(A, B, STOLEN, "allow action r", "allow action r");
	rule("[take, deny]", "");
	ms_rig_expect_tcp(A, B, STOLEN, "deny action r", "deny action r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
}
END_TEST

START_TEST(a_missing_action_is_the_rules_fallback)
{
	/* Known, but its program is not there: first of the list, and behind another. */
	ms_rig_remove_action("pass_on");
	rule("[pass_on, allow]", "");
	ms_rig_expect_tcp(A, B, 2, "deny missing_action r", "deny missing_action r");
	rule("[{ tell: 1 }, pass_on, { tell: 2 }, allow]", "");
	ms_rig_expect_tcp(A, B, 2, "deny missing_action r", "deny missing_action r");
	ck_assert_uint_eq(ms_rig_seen().sum, 11111);
	/* Not even known. */
	rule("[nobody, allow]", "");
	ms_rig_expect_tcp(A, B, 2, "deny missing_action r", "deny missing_action r");
	ms_rig_policy(HEAD "  - { id: r, action: [nobody, deny], fallback: allow }\n");
	ms_rig_expect_tcp(A, B, -1, "allow missing_action r", "allow missing_action r");
}
END_TEST

START_TEST(what_an_action_is_told)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2), v6 = ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN);
	struct test_action_seen seen;

	rule("[{ tell: 200 }, allow]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	seen = ms_rig_seen();
	ck_assert_uint_eq(seen.dir, MS_DIR_IN);
	ck_assert_uint_eq(seen.ip_version, 4);
	ck_assert_uint_eq(seen.l4_proto, 17);
	ck_assert_uint_eq(seen.flags, 0);
	ck_assert_uint_eq(seen.l3_off, 14);
	ck_assert_uint_eq(seen.l4_off, 34);
	ck_assert_uint_eq(seen.ifindex, MS_RIG_IFINDEX);
	ck_assert_uint_eq(seen.arg, 200);
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow session r");
	ck_assert_uint_eq(ms_rig_seen().flags, SESSION_FLAG);
	ms_rig_expect_packet(MS_RIG_EGRESS, &v6, -1, "allow rule r");
	seen = ms_rig_seen();
	ck_assert_uint_eq(seen.dir, MS_DIR_OUT);
	ck_assert_uint_eq(seen.ip_version, 6);
	ck_assert_uint_eq(seen.l4_proto, 6);
	ck_assert_uint_eq(seen.l4_off, 54);
	ck_assert_uint_eq(seen.flags, EGRESS_FLAG);
	rule("[tell, deny]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, 2, "deny rule r");
	seen = ms_rig_seen();
	ck_assert_uint_eq(seen.flags, DENIED_FLAG);
	ck_assert_uint_eq(seen.arg, 0);
}
END_TEST

/* Of eight it is not told: there is no room for the number. An end that came too late would only be
 * looked up in the list once more. */
START_TEST(an_action_is_told_how_long_its_list_is)
{
	static const struct {
		const char *action;
		uint32_t length;
	} lists[] = {
		{ "[tell, allow]", 1 },
		{ "[pass_on, tell, allow]", 2 },
		{ "[tell, pass_on, pass_on, pass_on, pass_on, pass_on, tell, allow]", 7 },
		{ "[tell, tell, tell, tell, tell, tell, tell, tell, allow]", 0 },
	};
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		rule(lists[i].action, "");
		/* By the slow program, then by the short path where there is one. */
		for (int twice = 0; twice < 2; twice++) {
			ms_rig_run(MS_RIG_INGRESS, &ack);
			ck_assert_uint_eq(ms_rig_seen().length, lists[i].length);
		}
		ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
		ck_assert_uint_eq(ms_rig_seen().length, lists[i].length);
	}
}
END_TEST

START_TEST(audit_lets_an_actions_deny_through)
{
	rule("[end_deny, allow]", ", mode: audit");
	ms_rig_expect_tcp(A, B, -1, "audit action r", "audit action r");
	/* What would be denied anyway is left alone. */
	rule("[{ tell: 1 }, deny]", ", mode: audit");
	ms_rig_expect_tcp(A, B, -1, "audit rule r", "audit session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
}
END_TEST

START_TEST(a_session_runs_what_the_policy_in_force_says)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	rule("[{ tell: 1 }, allow]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	rule("[{ tell: 2 }, allow]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow session r");
	ck_assert_uint_eq(ms_rig_seen().sum, 122);
	rule("allow", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
}
END_TEST

START_TEST(a_kept_session_runs_no_list_of_an_older_policy)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	rule("[{ tell: 1 }, allow]", ", established: keep");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	/* Twice, so that the half that holds the list is in force again. */
	ms_rig_policy(HEAD "  - { id: other, action: deny }\n");
	ms_rig_policy(HEAD "  - { id: other, action: deny }\n");
	ck_assert_uint_eq(ms_rig_seen().runs, 1);
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
}
END_TEST

START_TEST(an_interface_counts_what_an_action_drops_as_dropped)
{
	rule("[end_deny, allow]", "");
	ms_rig_expect_tcp(A, B, 2, "deny action r", "deny action r");
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, true), 3);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_OUT, true), 2);
	ck_assert_uint_eq(ms_rig_total("r"), 5);
}
END_TEST

START_TEST(an_event_tells_of_the_action)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	struct ms_event event;

	rule("[end_deny, allow]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, 2, "deny action r");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.reason, MS_REASON_ACTION);
	ck_assert_uint_eq(event.verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(event.family, 4);
	ck_assert_uint_eq(event.proto, 17);
	ck_assert(!ms_rig_event(&event));
}
END_TEST

/* As it is on a device without Ethernet; addresses must look like the ethertype (see the packets'
 * tests). */
static struct ms_pkt bare(struct ms_pkt pkt)
{
	pkt.len -= pkt.l3;
	memmove(pkt.frame, pkt.frame + pkt.l3, pkt.len);
	return pkt;
}

/* An action is told of a packet what `pkt` is, and goes on to the rule's verdict. */
static void expect_told(enum ms_rig_hook hook, struct ms_pkt pkt, const struct ms_rig_iface *iface,
			enum ms_dir dir, uint16_t l3_off)
{
	int is_ip6 = pkt.frame[pkt.l3] >> 4 == 6;
	struct test_action_seen seen;

	if (iface->flags & MS_IFACE_L3)
		pkt = bare(pkt);
	ms_rig_expect_packet(hook, &pkt, -1, "allow session r");
	seen = ms_rig_seen();
	ck_assert_uint_eq(seen.runs, 1);
	ck_assert_uint_eq(seen.dir, dir);
	ck_assert_uint_eq(seen.ip_version, is_ip6 ? 6 : 4);
	ck_assert_uint_eq(seen.l4_proto, 6);
	ck_assert_uint_eq(seen.l3_off, l3_off);
	ck_assert_uint_eq(seen.l4_off, l3_off + (is_ip6 ? 40 : 20));
	ck_assert_uint_eq(seen.flags, SESSION_FLAG | (hook == MS_RIG_EGRESS ? EGRESS_FLAG : 0));
	ck_assert_uint_eq(seen.arg, 9);
	ck_assert_uint_eq(seen.ifindex, MS_RIG_IFINDEX);
}

/* Makes the flow two-way, by the rule that is in force. */
static void establish(const char *a, const char *b, uint16_t sport,
		      const struct ms_rig_iface *iface)
{
	struct ms_pkt pkt = ms_pkt_tcp(a, sport, b, 80, MS_PKT_SYN);
	enum ms_rig_hook back = iface->flags & MS_IFACE_LOOPBACK ? MS_RIG_INGRESS : MS_RIG_EGRESS;
	int is_bare = iface->flags & MS_IFACE_L3;

	pkt = is_bare ? bare(pkt) : pkt;
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow rule r");
	pkt = ms_pkt_tcp(b, 80, a, sport, MS_PKT_SYN | MS_PKT_ACK);
	pkt = is_bare ? bare(pkt) : pkt;
	ms_rig_expect_packet(back, &pkt, -1, "allow session r");
	pkt = ms_pkt_tcp(a, sport, b, 80, MS_PKT_ACK);
	pkt = is_bare ? bare(pkt) : pkt;
	ms_rig_expect_packet(MS_RIG_INGRESS, &pkt, -1, "allow session r");
	ms_rig_seen();
}

static const struct ms_rig_iface ifaces[] = {
	{ .group = "g", .zone = ZONE },
	{ .group = "g", .zone = ZONE, .side = MS_SIDE_WORKLOAD },
	{ .group = "g", .zone = ZONE, .flags = MS_IFACE_L3 },
	{ .group = "g", .zone = ZONE, .flags = MS_IFACE_LOOPBACK },
};

/* With the slow program gone only the entry program can run the list. */
START_TEST(a_plain_packet_begins_the_list_at_once)
{
	static const char *const ends[][2] = { { "8.0.1.2", "8.0.1.9" },
					       { "2001:db8:86dd::5", "2001:db8:86dd::9" } };
	const struct ms_rig_iface *iface = &ifaces[_i];
	uint16_t l3_off = iface->flags & MS_IFACE_L3 ? 0 : 14;
	enum ms_dir dir = iface->side == MS_SIDE_WORKLOAD ? MS_DIR_OUT : MS_DIR_IN;
	int loops = iface->flags & MS_IFACE_LOOPBACK;

	ms_rig_iface(iface);
	rule("[{ tell: 9 }, allow]", "");
	for (int i = 0; i < 2; i++)
		establish(ends[i][0], ends[i][1], 1, iface);
	ms_rig_remove_slow();
	for (int i = 0; i < 2; i++) {
		const char *a = ends[i][0], *b = ends[i][1];

		expect_told(MS_RIG_INGRESS, ms_pkt_tcp(a, 1, b, 80, MS_PKT_ACK), iface, dir,
			    l3_off);
		expect_told(loops ? MS_RIG_INGRESS : MS_RIG_EGRESS,
			    ms_pkt_tcp(b, 80, a, 1, MS_PKT_ACK), iface, loops ? MS_DIR_IN : dir ^ 1,
			    l3_off);
	}
	ck_assert_uint_eq(ms_rig_total("r"), 10);
}
END_TEST

START_TEST(a_list_begun_at_once_ends_as_any_other)
{
	static const struct {
		const char *gone, *action, *rest;
		int code;
		const char *result;
		bool drops;
	} lists[] = {
		{ NULL, "[end_deny, { tell: 1 }, allow]", "", 2, "deny action r", true },
		{ NULL, "[pass_on, end_deny, allow]", "", 2, "deny action r", true },
		{ NULL, "[end_allow, { tell: 1 }, allow]", "", -1, "allow action r", false },
		{ NULL, "[take, { tell: 1 }, allow]", "", STOLEN, "allow action r", false },
		{ NULL, "[end_deny, allow]", ", mode: audit", -1, "audit action r", false },
		{ "pass_on", "[pass_on, { tell: 1 }, allow]", "", 2, "deny missing_action r",
		  true },
		{ "pass_on", "[end_allow, pass_on, allow]", "", -1, "allow action r", false },
	};
	const struct ms_pkt packets[] = {
		ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN),
		ms_pkt_tcp(B, 80, A, 1, MS_PKT_SYN | MS_PKT_ACK),
		ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK),
		ms_pkt_tcp(B, 80, A, 1, MS_PKT_ACK),
	};

	rule(lists[_i].action, lists[_i].rest);
	if (lists[_i].gone)
		ms_rig_remove_action(lists[_i].gone);
	/* The session is there, whatever the action makes of its packets. */
	for (int i = 0; i < 4; i++)
		ms_rig_expect_packet(i % 2 ? MS_RIG_EGRESS : MS_RIG_INGRESS, &packets[i],
				     lists[_i].code, lists[_i].result);
	ms_rig_remove_slow();
	for (int i = 2; i < 4; i++)
		ms_rig_expect_packet(i % 2 ? MS_RIG_EGRESS : MS_RIG_INGRESS, &packets[i],
				     lists[_i].code, lists[_i].result);
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, lists[_i].drops), 3);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_OUT, lists[_i].drops), 3);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_IN, !lists[_i].drops), 0);
	ck_assert_uint_eq(ms_rig_zone_packets(ZONE, MS_DIR_OUT, !lists[_i].drops), 0);
	ck_assert_uint_eq(ms_rig_total("r"), 6);
}
END_TEST

/* Lists of all lengths, since the last action of eight has to look for the end. */
static const char *const plain_lists[] = {
	"[pass_on, allow]",
	"[{ tell: 1 }, pass_on, allow]",
	"[pass_on, pass_on, pass_on, pass_on, pass_on, pass_on, pass_on, allow]",
	"[pass_on, pass_on, pass_on, pass_on, pass_on, pass_on, pass_on, pass_on, allow]",
};

/* With nobody behind the list only its last action can let the packet pass. */
START_TEST(a_list_that_leaves_nothing_to_do_ends_with_its_last_action)
{
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK), out;
	struct ms_pkt back = ms_pkt_tcp(B, 80, A, 1, MS_PKT_ACK);
	struct __sk_buff context;

	rule(plain_lists[_i], "");
	establish(A, B, 1, &ifaces[0]);
	ms_rig_remove_resume();
	ms_rig_expect_packet(MS_RIG_INGRESS, &ack, -1, "allow session r");
	ms_rig_expect_packet(MS_RIG_EGRESS, &back, -1, "allow session r");
	/* Nothing of ours stays for whoever has the frame next. */
	ck_assert_int_eq(ms_rig_run_changed(MS_RIG_EGRESS, &back, &out, &context), -1);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(context.cb[i], 0);
}
END_TEST

/* The twin: where something is left to do, that is not taken for done. */
START_TEST(a_list_that_leaves_something_to_do_needs_the_program_behind_it)
{
	static const char *const lists[][2] = {
		{ "[pass_on, allow]", ", log: true" },
		{ "[pass_on, deny]", "" },
		{ "[end_allow, allow]", "" },
		{ "[end_deny, allow]", ", mode: audit" },
	};
	struct ms_pkt syn = ms_pkt_tcp(A, 1, B, 80, MS_PKT_SYN);
	struct ms_pkt back = ms_pkt_tcp(B, 80, A, 1, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);

	rule(lists[_i][0], lists[_i][1]);
	ms_rig_run(MS_RIG_INGRESS, &syn);
	ms_rig_run(MS_RIG_EGRESS, &back);
	ms_rig_run(MS_RIG_INGRESS, &ack);
	ms_rig_remove_resume();
	ck_assert_int_eq(ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &ack), 2);
}
END_TEST

START_TEST(an_action_that_knows_no_short_end_is_counted_once)
{
	rule("[end_as_before, allow]", "");
	ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
	ms_rig_expect_tcp(A6, B6, -1, "allow rule r", "allow session r");
	rule("[pass_on, end_as_before, allow]", "");
	ms_rig_expect_tcp(A, B, -1, "allow rule r", "allow session r");
	rule("[end_as_before, deny]", "");
	ms_rig_expect_tcp(A, B, 2, "deny rule r", "deny rule r");
}
END_TEST

/* A train of segments is as many packets, also where it is counted otherwise after all. */
START_TEST(a_train_that_an_action_denies_is_counted_as_denied_whole)
{
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);
	struct ms_rig_result result;

	rule("[pass_on, allow]", "");
	establish(A, B, 1, &ifaces[0]);
	result = ms_rig_run_segments(MS_RIG_INGRESS, &ack, 7, 10000);
	ck_assert_str_eq(result.verdict, "allow");
	ck_assert_str_eq(result.reason, "session");
	rule("[end_deny, allow]", "");
	ms_rig_run(MS_RIG_INGRESS, &ack);
	result = ms_rig_run_segments(MS_RIG_INGRESS, &ack, 7, 10000);
	ck_assert_str_eq(result.verdict, "deny");
	ck_assert_str_eq(result.reason, "action");
}
END_TEST

START_TEST(a_kept_two_way_session_runs_no_list_of_an_older_policy)
{
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 80, MS_PKT_ACK);

	rule("[{ tell: 1 }, allow]", ", established: keep");
	establish(A, B, 1, &ifaces[0]);
	/* Twice, so that the half that holds the list is in force again; the first packet under it
	 * takes the session over. */
	ms_rig_policy(HEAD "  - { id: other, action: deny }\n");
	ms_rig_policy(HEAD "  - { id: other, action: deny }\n");
	ms_rig_expect_packet(MS_RIG_INGRESS, &ack, -1, "allow session r");
	ms_rig_remove_slow();
	ms_rig_expect_packet(MS_RIG_INGRESS, &ack, -1, "allow session r");
	ck_assert_uint_eq(ms_rig_seen().runs, 0);
}
END_TEST

/* A session that is kept begins no list, so nothing is to be left of its packets for the next one
 * of the same rule and length. */
START_TEST(an_event_tells_of_its_own_packet)
{
	struct ms_pkt kept = ms_pkt_udp(A, 1, B, 2), other = ms_pkt_udp(B, 3, A, 4);
	struct ms_event event = { 0 };

	rule("[{ tell: 1 }, allow]", ", established: keep, log: true");
	ms_rig_expect_packet(MS_RIG_INGRESS, &kept, -1, "allow rule r");
	ms_rig_policy(HEAD "  - { id: other, action: deny }\n");
	ms_rig_expect_packet(MS_RIG_INGRESS, &kept, -1, "allow session r");
	while (ms_rig_event(&event))
		;
	rule("[end_deny, allow]", "");
	ms_rig_expect_packet(MS_RIG_INGRESS, &other, 2, "deny action r");
	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(ntohs(event.sport), 3);
	ck_assert_uint_eq(ntohs(event.dport), 4);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_actions");
	TCase *tcase = tcase_create("actions");

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_list_runs_to_its_verdict_for_every_packet);
	tcase_add_test(tcase, an_action_is_found_in_each_slot);
	tcase_add_test(tcase, eight_actions_run_and_no_ninth_is_written);
	tcase_add_test(tcase, an_action_may_end_the_list);
	tcase_add_test(tcase, a_packet_that_an_action_took_counts_as_the_list_says);
	tcase_add_test(tcase, a_missing_action_is_the_rules_fallback);
	tcase_add_test(tcase, what_an_action_is_told);
	tcase_add_test(tcase, an_action_is_told_how_long_its_list_is);
	tcase_add_test(tcase, audit_lets_an_actions_deny_through);
	tcase_add_test(tcase, a_session_runs_what_the_policy_in_force_says);
	tcase_add_test(tcase, a_kept_session_runs_no_list_of_an_older_policy);
	tcase_add_test(tcase, an_interface_counts_what_an_action_drops_as_dropped);
	tcase_add_test(tcase, an_event_tells_of_the_action);
	tcase_add_test(tcase, an_event_tells_of_its_own_packet);
	tcase_add_loop_test(tcase, a_plain_packet_begins_the_list_at_once, 0,
			    sizeof(ifaces) / sizeof(ifaces[0]));
	tcase_add_loop_test(tcase, a_list_begun_at_once_ends_as_any_other, 0, 7);
	tcase_add_loop_test(tcase, a_list_that_leaves_nothing_to_do_ends_with_its_last_action, 0,
			    sizeof(plain_lists) / sizeof(plain_lists[0]));
	tcase_add_loop_test(tcase, a_list_that_leaves_something_to_do_needs_the_program_behind_it,
			    0, 4);
	tcase_add_test(tcase, an_action_that_knows_no_short_end_is_counted_once);
	tcase_add_test(tcase, a_train_that_an_action_denies_is_counted_as_denied_whole);
	tcase_add_test(tcase, a_kept_two_way_session_runs_no_list_of_an_older_policy);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
