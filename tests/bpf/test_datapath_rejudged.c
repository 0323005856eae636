/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions after a change: what a new epoch, another policy, an audit or a panic does to them. */
#include "tests/bpf/rig_flow.h"
#include "tests/harness/ms_check.h"

START_TEST(a_new_epoch_judges_again_in_the_original_direction)
{
	ms_rig_flow_connect();
	ms_rig_policy(HEAD "  - { id: web2, dir: in, proto: tcp, dport: 80, action: allow }\n");
	/* First met by an answer, which no rule would let out by itself. */
	ms_rig_flow_back(MS_PKT_ACK, "allow rule web2");
	ms_rig_flow_back(MS_PKT_ACK, "allow session web2");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web2");
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_EXISTING_SESSION), 1);
	ck_assert_uint_eq(ms_rig_total("web"), 3);
	ck_assert_uint_eq(ms_rig_total("web2"), 3);
	ck_assert_uint_eq(ms_rig_folded("web"), 3);
}
END_TEST

START_TEST(a_session_that_is_denied_now_ends)
{
	ms_rig_flow_connect();
	ms_rig_policy(HEAD DNS);
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/in");
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 0);
	ck_assert_uint_eq(ms_rig_folded("web"), 3);
	ms_rig_flow_in(MS_PKT_ACK, "deny session default/g/in");
	/* With the rule it comes back: it was the policy that ended it. */
	ms_rig_policy(HEAD WEB);
	ms_rig_flow_back(MS_PKT_ACK, "allow rule web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ck_assert_uint_eq(ms_rig_total("web"), 5);
}
END_TEST

START_TEST(a_denied_flow_does_not_begin_again_in_the_middle)
{
	struct ms_pkt ack = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_ACK);
	struct ms_pkt error = ms_pkt_error(B, A, 3, 3, &ack);

	/* Answers are allowed by themselves here: alone the next one would make a session. */
	ms_rig_policy(HEAD WEB "  - { id: out, dir: out, action: allow }\n");
	ms_rig_flow_connect();
	ms_rig_policy(HEAD "  - { id: stop, dir: in, proto: tcp, action: deny }\n"
			   "  - { id: out, dir: out, action: allow }\n");
	ms_rig_flow_back(MS_PKT_ACK, "deny rule stop");
	for (int i = 0; i < 3; i++) {
		ms_rig_advance(3600 * SECOND);
		ms_rig_flow_back(MS_PKT_ACK, "deny session stop");
		ms_rig_flow_in(MS_PKT_ACK, "deny session stop");
		ms_rig_flow_back(MS_PKT_FIN | MS_PKT_ACK, "deny session stop");
		ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "deny session stop");
	}
	/* Nor do errors about it count as errors about a session. */
	ms_rig_expect(MS_RIG_EGRESS, &error, "allow rule out");
	/* A SYN is a new flow, judged as one. */
	ms_rig_flow_back(MS_PKT_SYN, "allow rule out");
	ck_assert_uint_eq(ms_rig_total("stop"), 13);
}
END_TEST

START_TEST(a_denied_half_open_flow_does_not_either)
{
	ms_rig_policy(HEAD WEB "  - { id: out, dir: out, action: allow }\n");
	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_policy(HEAD "  - { id: stop, dir: in, proto: tcp, action: deny }\n"
			   "  - { id: out, dir: out, action: allow }\n");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "deny rule stop");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "deny session stop");
	ms_rig_flow_in(MS_PKT_SYN, "deny rule stop");
}
END_TEST

START_TEST(a_half_open_session_is_judged_again_too)
{
	ms_rig_flow_in(MS_PKT_SYN, "allow rule web");
	ms_rig_policy(HEAD "  - { id: web2, dir: in, proto: tcp, dport: 80, action: allow }\n");
	ms_rig_flow_back(MS_PKT_SYN | MS_PKT_ACK, "allow rule web2");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web2");
	ck_assert_uint_eq(ms_rig_total("web"), 1);
	ck_assert_uint_eq(ms_rig_total("web2"), 2);
	ms_rig_policy(HEAD DNS);
	ms_rig_flow_in(MS_PKT_ACK, "deny default default/g/in");
}
END_TEST

START_TEST(keep_goes_on_whatever_the_policy_says)
{
	ms_rig_policy(HEAD "  - { id: web, dir: in, proto: tcp, dport: 80, established: keep,\n"
			   "      action: allow }\n");
	ms_rig_flow_connect();
	ms_rig_policy(HEAD DNS);
	ms_rig_flow_back(MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_FIN | MS_PKT_ACK, "allow session web");
	ms_rig_flow_in(MS_PKT_SYN, "deny default default/g/in");
}
END_TEST

START_TEST(reset_ends_the_flow)
{
	ms_rig_policy(HEAD "  - { id: web, dir: in, proto: tcp, dport: 80, established: reset,\n"
			   "      action: allow }\n");
	ms_rig_flow_connect();
	ms_rig_bump_epoch();
	ms_rig_flow_back(MS_PKT_ACK, "allow rule web");
	ms_rig_policy(HEAD DNS);
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/in");
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 0);
}
END_TEST

START_TEST(an_audited_flow_is_cached_as_such)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1000, B, 81, MS_PKT_SYN);
	struct ms_pkt answer = ms_pkt_tcp(B, 81, A, 1000, MS_PKT_SYN | MS_PKT_ACK);

	ms_rig_iface(&(struct ms_rig_iface) { .group = "watch", .zone = 1 });
	ms_rig_expect(MS_RIG_INGRESS, &syn, "audit default default/watch/in");
	ms_rig_expect(MS_RIG_EGRESS, &answer, "audit session default/watch/in");
	ck_assert(ms_rig_flow_session().value.word & MS_SESS_AUDIT);
	/* Taken at its word: in enforce mode it would have been denied. */
	ms_rig_flow_in_zone(1);
	ms_rig_bump_epoch();
	ms_rig_expect(MS_RIG_EGRESS, &answer, "deny default default/g/in");
}
END_TEST

START_TEST(panic_leaves_sessions_as_they_are)
{
	ms_rig_flow_connect();
	ms_rig_set_panic(MS_PANIC_CLOSED);
	ms_rig_flow_in(MS_PKT_ACK, "deny panic panic");
	ms_rig_set_panic(MS_PANIC_OPEN);
	ms_rig_flow_back(MS_PKT_SYN, "allow panic panic");
	ms_rig_set_panic(MS_PANIC_OFF);
	ms_rig_flow_back(MS_PKT_ACK, "allow rule web");
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_rejudged");
	TCase *tcase = tcase_create("rejudged");

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_flow_setup, NULL);
	tcase_add_test(tcase, a_new_epoch_judges_again_in_the_original_direction);
	tcase_add_test(tcase, a_session_that_is_denied_now_ends);
	tcase_add_test(tcase, a_denied_flow_does_not_begin_again_in_the_middle);
	tcase_add_test(tcase, a_denied_half_open_flow_does_not_either);
	tcase_add_test(tcase, a_half_open_session_is_judged_again_too);
	tcase_add_test(tcase, keep_goes_on_whatever_the_policy_says);
	tcase_add_test(tcase, reset_ends_the_flow);
	tcase_add_test(tcase, an_audited_flow_is_cached_as_such);
	tcase_add_test(tcase, panic_leaves_sessions_as_they_are);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
