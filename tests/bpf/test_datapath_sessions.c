/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions: who may use one, how it becomes two-way, how it ends. */
#include <string.h>

#include "tests/bpf/rig_flow.h"
#include "tests/harness/ms_check.h"

#define A6 "2001:db8::5"
#define B6 "2001:db8::9"

START_TEST(both_directions_share_one_entry)
{
	struct ms_rig_result r;
	struct ms_rig_session s;

	r = ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ck_assert_int_eq(r.half, 1);
	r = ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.half + r.sess, 1);
	r = ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.half, 0);
	ck_assert_int_eq(r.sess, 1);
	ms_rig_flow_back(MS_PKT_ACK | MS_PKT_PSH, "allow session web");
	s = ms_rig_flow_session();
	/* A is the lower endpoint and began it. */
	ck_assert_uint_eq(s.value.packets[0], 2);
	ck_assert_uint_eq(s.value.packets[1], 2);
	ck_assert(!(s.value.word & MS_SESS_ORIGIN_HI));
	ck_assert(!(s.value.word & MS_SESS_ORIGIN_OUT));
	ck_assert(s.value.word & MS_SESS_REPLIED);
}
END_TEST

START_TEST(nothing_goes_the_other_way_without_a_session)
{
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "deny default default/g/out");
	ms_rig_flow_back(MS_PKT_SYN, "deny default default/g/out");
	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
}
END_TEST

START_TEST(a_syn_ack_proves_nothing_about_the_peer)
{
	struct ms_rig_result r;

	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	for (int i = 0; i < 3; i++) {
		r = ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
		ck_assert_int_eq(r.sess, 0);
	}
	r = ms_rig_flow_in(MS_PKT_SYN, "allow session web");
	ck_assert_int_eq(r.sess, 0);
	r = ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.sess, 1);
}
END_TEST

START_TEST(udp_becomes_two_way_by_an_answer)
{
	struct ms_pkt query = ms_pkt_udp(A6, 5000, B6, 53), answer = ms_pkt_udp(B6, 53, A6, 5000);
	struct ms_rig_result r;

	for (int i = 0; i < 3; i++) {
		r = ms_rig_expect(MS_RIG_INGRESS, &query,
				  i ? "allow session dns" : "allow rule dns");
		ck_assert_int_eq(r.sess, 0);
	}
	r = ms_rig_expect(MS_RIG_EGRESS, &answer, "allow session dns");
	ck_assert_int_eq(r.sess, 1);
	ck_assert_int_eq(r.half, 0);
}
END_TEST

START_TEST(an_echo_session_cannot_be_used_the_other_way)
{
	struct ms_pkt request = ms_pkt_icmp(A, B, 8, 0, 7), reply = ms_pkt_icmp(B, A, 0, 0, 7);
	struct ms_pkt attack = ms_pkt_icmp(B, A, 8, 0, 7), other = ms_pkt_icmp(B, A, 0, 0, 8);
	struct ms_pkt stamp = ms_pkt_icmp(B, A, 14, 0, 7);

	ms_rig_expect(MS_RIG_EGRESS, &reply, "deny default default/g/out");
	ms_rig_expect(MS_RIG_INGRESS, &request, "allow rule ping");
	ms_rig_expect(MS_RIG_EGRESS, &attack, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &other, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &stamp, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &reply, "allow session ping");
	ms_rig_expect(MS_RIG_EGRESS, &attack, "deny default default/g/out");
}
END_TEST

START_TEST(an_answer_nobody_asked_for_makes_no_session)
{
	struct ms_pkt reply = ms_pkt_icmp(A, B, 0, 0, 7), request = ms_pkt_icmp(B, A, 8, 0, 7);
	struct ms_rig_result r = ms_rig_expect(MS_RIG_INGRESS, &reply, "allow rule ping");

	ck_assert_int_eq(r.half + r.sess, 0);
	ms_rig_expect(MS_RIG_EGRESS, &request, "deny default default/g/out");
}
END_TEST

START_TEST(a_host_that_pings_itself_tells_question_from_answer)
{
	struct ms_pkt request = ms_pkt_icmp(A6, A6, 128, 0, 7);
	struct ms_pkt reply = ms_pkt_icmp(A6, A6, 129, 0, 7);
	struct ms_rig_session s;

	ms_rig_iface(
		&(struct ms_rig_iface) { .group = "g", .zone = 1, .flags = MS_IFACE_LOOPBACK });
	ms_rig_expect(MS_RIG_INGRESS, &request, "allow rule ping");
	ms_rig_expect(MS_RIG_INGRESS, &reply, "allow session ping");
	s = ms_rig_flow_session();
	ck_assert(!s.is_half);
	ck_assert_uint_eq(s.value.packets[0], 1);
	ck_assert_uint_eq(s.value.packets[1], 1);
}
END_TEST

START_TEST(another_vlan_or_zone_does_not_find_it)
{
	struct ms_pkt ack = ms_pkt_tcp(B, 80, A, 1000, MS_PKT_ACK), tagged = ack, inner;

	ms_rig_flow_connect();
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
	ms_pkt_tag(&tagged, 0x8100, 5);
	ms_rig_expect(MS_RIG_EGRESS, &tagged, "deny default default/g/out");
	inner = tagged;
	ms_pkt_tag(&inner, 0x88a8, 0);
	ms_rig_expect(MS_RIG_EGRESS, &inner, "deny default default/g/out");
	/* The same ifindex, another device. */
	ms_rig_flow_in_zone(2);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "deny default default/g/out");
	ms_rig_flow_in_zone(1);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
}
END_TEST

START_TEST(the_inner_vlan_is_part_of_the_flow)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_SYN);
	struct ms_pkt ack = ms_pkt_tcp(B, 80, A, 1000, MS_PKT_SYN | MS_PKT_ACK), other = ack;

	ms_pkt_tag(&syn, 0x8100, 5);
	ms_pkt_tag(&syn, 0x88a8, 100);
	ms_pkt_tag(&ack, 0x8100, 5);
	ms_pkt_tag(&ack, 0x88a8, 100);
	ms_pkt_tag(&other, 0x8100, 6);
	ms_pkt_tag(&other, 0x88a8, 100);
	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule web");
	ms_rig_expect(MS_RIG_EGRESS, &other, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
}
END_TEST

START_TEST(a_packet_that_leaves_where_it_came_in_is_judged_twice)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_SYN);

	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule web");
	ms_rig_expect(MS_RIG_EGRESS, &syn, "deny default default/g/out");
}
END_TEST

/* ---- TCP's ends ---- */

START_TEST(a_blind_reset_does_not_kill_a_flow)
{
	ms_rig_flow_connect();
	ms_rig_flow_in(MS_PKT_RST, "allow session web");
	/* Its timeout is short now ... */
	ck_assert_uint_eq((ms_rig_flow_session().value.word & MS_SESS_TCP_MASK) >>
				  MS_SESS_TCP_SHIFT,
			  MS_TCP_CLOSING);
	/* ... the other end's packets do not change that ... */
	ms_rig_flow_back(MS_PKT_ACK, "allow session web");
	ck_assert_uint_eq((ms_rig_flow_session().value.word & MS_SESS_TCP_MASK) >>
				  MS_SESS_TCP_SHIFT,
			  MS_TCP_CLOSING);
	/* ... but the end that seemed to reset it speaks on, so it was somebody else. */
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_uint_eq((ms_rig_flow_session().value.word & MS_SESS_TCP_MASK) >>
				  MS_SESS_TCP_SHIFT,
			  MS_TCP_ESTABLISHED);
	ms_rig_advance(3600 * SECOND);
	ms_rig_flow_back(MS_PKT_ACK, "allow session web");
}
END_TEST

START_TEST(a_reset_flow_is_soon_forgotten)
{
	ms_rig_flow_connect();
	ms_rig_flow_back(MS_PKT_RST, "allow session web");
	ms_rig_advance(30 * SECOND + 1);
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/out");
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_EXPIRED_SESSION), 1);
}
END_TEST

START_TEST(a_reset_after_fin_is_not_taken_back)
{
	ms_rig_flow_connect();
	ms_rig_flow_in(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_RST, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_uint_eq((ms_rig_flow_session().value.word & MS_SESS_TCP_MASK) >>
				  MS_SESS_TCP_SHIFT,
			  MS_TCP_CLOSING);
}
END_TEST

START_TEST(a_syn_on_a_closing_entry_starts_anew)
{
	struct ms_rig_session s;
	struct ms_rig_result r;

	ms_rig_flow_connect();
	ms_rig_advance(5 * SECOND);
	/* A SYN in the middle changes nothing. */
	ms_rig_flow_in(MS_PKT_SYN, "allow session web");
	ms_rig_flow_in(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_back(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	r = ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ck_assert_int_eq(r.half, 1);
	ck_assert_int_eq(r.sess, 0);
	s = ms_rig_flow_session();
	ck_assert_uint_eq(s.value.first_seen, ms_rig_now());
	ck_assert_uint_eq(s.value.packets[0], 1);
	/* The old one's entry is taken over when the new one is established. */
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
	r = ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.sess, 1);
	ck_assert_uint_eq(ms_rig_dead_sessions(), 0);
	s = ms_rig_flow_session();
	ck_assert_uint_eq(s.value.packets[0], 2);
	ck_assert_uint_eq(s.value.packets[1], 1);
	ck_assert_uint_eq(ms_rig_total("web"), 10);
}
END_TEST

START_TEST(a_syn_that_starts_anew_is_judged)
{
	ms_rig_flow_connect();
	ms_rig_flow_in(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_policy(HEAD "  - { id: late, dir: in, proto: tcp, action: deny }\n");
	ms_rig_flow_in(MS_PKT_SYN, "deny rule late");
}
END_TEST

START_TEST(a_denied_syn_does_not_end_a_flow_that_is_closing)
{
	/* The client has said all it had to say, the server goes on sending. */
	ms_rig_flow_connect();
	ms_rig_flow_in(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_back(MS_PKT_SYN, "deny default default/g/out");
	ms_rig_flow_back(MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_uint_eq(ms_rig_total("web"), 6);
}
END_TEST

START_TEST(a_reset_never_makes_a_session)
{
	struct ms_rig_result r = ms_rig_flow_in(MS_PKT_RST | MS_PKT_ACK, "allow rule web");

	ck_assert_int_eq(r.half + r.sess, 0);
	ms_rig_flow_back(MS_PKT_RST, "deny default default/g/out");
}
END_TEST

/* ---- flows whose beginning we did not see ---- */

START_TEST(midflow_is_judged_in_its_own_direction)
{
	struct ms_rig_result r;

	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/out");
	r = ms_rig_flow_in(MS_PKT_ACK, "allow rule web");
	ck_assert_int_eq(r.half, 1);
	ck_assert(ms_rig_flow_session().value.word & MS_SESS_MIDFLOW);
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_MIDFLOW), 1);
	r = ms_rig_flow_back(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.sess, 1);
}
END_TEST

START_TEST(adoption_takes_the_flow_and_not_the_syn)
{
	struct ms_pkt udp = ms_pkt_udp(B, 53, A, 1000), echo = ms_pkt_icmp(B, A, 0, 0, 1);
	struct ms_rig_result r;

	ms_rig_iface(&(struct ms_rig_iface) {
		.group = "g", .zone = 1, .grace_until = ms_rig_now() + 60 * SECOND });
	ms_rig_flow_back(MS_PKT_SYN, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &udp, "deny default default/g/out");
	ms_rig_expect(MS_RIG_EGRESS, &echo, "deny default default/g/out");
	ms_rig_flow_back(MS_PKT_RST, "allow adopted web");
	r = ms_rig_flow_back(MS_PKT_ACK, "allow adopted web");
	ck_assert_int_eq(r.half, 1);
	ck_assert(ms_rig_flow_session().value.word & MS_SESS_ADOPTED);
	/* A began it, wherever we came in. */
	ck_assert(!(ms_rig_flow_session().value.word & MS_SESS_ORIGIN_HI));
	r = ms_rig_flow_back(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.sess, 0);
	r = ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_int_eq(r.sess, 1);
	ms_rig_bump_epoch();
	ms_rig_flow_back(MS_PKT_ACK, "allow rule web");
}
END_TEST

START_TEST(adoption_ends_with_the_grace)
{
	ms_rig_iface(&(struct ms_rig_iface) {
		.group = "g", .zone = 1, .grace_until = ms_rig_now() + 60 * SECOND });
	ms_rig_advance(60 * SECOND);
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/out");
}
END_TEST

START_TEST(a_syn_ack_in_the_grace_is_an_answer)
{
	ms_rig_iface(&(struct ms_rig_iface) {
		.group = "g", .zone = 1, .grace_until = ms_rig_now() + 60 * SECOND });
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow adopted web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
}
END_TEST

/* ---- timeouts ---- */

START_TEST(each_state_has_its_timeout)
{
	struct ms_pkt query = ms_pkt_udp(A, 5000, B, 53), answer = ms_pkt_udp(B, 53, A, 5000);
	struct ms_pkt ping = ms_pkt_icmp(A, B, 8, 0, 9);

	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_advance(20 * SECOND);
	ms_rig_flow_in(MS_PKT_SYN, "allow session web");
	ms_rig_advance(20 * SECOND + 1);
	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ms_rig_advance(24 * 3600 * SECOND);
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ms_rig_advance(24 * 3600 * SECOND + 1);
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/out");

	ms_rig_expect(MS_RIG_INGRESS, &query, "allow rule dns");
	ms_rig_advance(30 * SECOND + 1);
	ms_rig_expect(MS_RIG_EGRESS, &answer, "deny default default/g/out");
	ms_rig_expect(MS_RIG_INGRESS, &query, "allow rule dns");
	ms_rig_expect(MS_RIG_EGRESS, &answer, "allow session dns");
	ms_rig_advance(180 * SECOND);
	ms_rig_expect(MS_RIG_EGRESS, &answer, "allow session dns");
	ms_rig_advance(180 * SECOND + 1);
	ms_rig_expect(MS_RIG_EGRESS, &answer, "deny default default/g/out");

	ms_rig_expect(MS_RIG_INGRESS, &ping, "allow rule ping");
	ms_rig_advance(10 * SECOND);
	ms_rig_expect(MS_RIG_INGRESS, &ping, "allow session ping");
	ms_rig_advance(10 * SECOND + 1);
	ms_rig_expect(MS_RIG_INGRESS, &ping, "allow rule ping");
}
END_TEST

START_TEST(the_clock_may_wrap)
{
	ms_rig_advance(0xffffffffu - ms_rig_now() - 5);
	ms_rig_flow_connect();
	ms_rig_advance(10);
	ck_assert_uint_lt(ms_rig_now(), 10);
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ms_rig_flow_back(MS_PKT_ACK, "allow session web");
}
END_TEST

START_TEST(only_allowed_flows_take_a_place)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1000, B, 99);
	struct ms_rig_result r = ms_rig_expect(MS_RIG_INGRESS, &pkt, "deny default default/g/in");

	ck_assert_int_eq(r.half + r.sess, 0);
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_NEW_SESSION), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_sessions");
	TCase *tcase = tcase_create("sessions");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_flow_setup, NULL);
	tcase_add_test(tcase, both_directions_share_one_entry);
	tcase_add_test(tcase, nothing_goes_the_other_way_without_a_session);
	tcase_add_test(tcase, a_syn_ack_proves_nothing_about_the_peer);
	tcase_add_test(tcase, udp_becomes_two_way_by_an_answer);
	tcase_add_test(tcase, an_echo_session_cannot_be_used_the_other_way);
	tcase_add_test(tcase, an_answer_nobody_asked_for_makes_no_session);
	tcase_add_test(tcase, a_host_that_pings_itself_tells_question_from_answer);
	tcase_add_test(tcase, another_vlan_or_zone_does_not_find_it);
	tcase_add_test(tcase, the_inner_vlan_is_part_of_the_flow);
	tcase_add_test(tcase, a_packet_that_leaves_where_it_came_in_is_judged_twice);
	tcase_add_test(tcase, a_blind_reset_does_not_kill_a_flow);
	tcase_add_test(tcase, a_reset_flow_is_soon_forgotten);
	tcase_add_test(tcase, a_reset_after_fin_is_not_taken_back);
	tcase_add_test(tcase, a_syn_on_a_closing_entry_starts_anew);
	tcase_add_test(tcase, a_syn_that_starts_anew_is_judged);
	tcase_add_test(tcase, a_denied_syn_does_not_end_a_flow_that_is_closing);
	tcase_add_test(tcase, a_reset_never_makes_a_session);
	tcase_add_test(tcase, midflow_is_judged_in_its_own_direction);
	tcase_add_test(tcase, adoption_takes_the_flow_and_not_the_syn);
	tcase_add_test(tcase, adoption_ends_with_the_grace);
	tcase_add_test(tcase, a_syn_ack_in_the_grace_is_an_answer);
	tcase_add_test(tcase, each_state_has_its_timeout);
	tcase_add_test(tcase, the_clock_may_wrap);
	tcase_add_test(tcase, only_allowed_flows_take_a_place);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
