/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens between two steps of one packet when another processor is faster. The packet is held
 * there by racing.bpf.c; its verdict and the counters must be as if it had come a moment later.
 */
#include <pthread.h>

#include "tests/bpf/racing.h"
#include "tests/bpf/rig_flow.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"
#include "tests/harness/netns.h"

#define PATIENCE_SECONDS 10

/* ---- the packet that is overtaken ---- */

struct runner {
	pthread_t thread;
	enum ms_rig_hook hook;
	struct ms_pkt pkt;
	int code; /* of TC */
};

static void *run(void *user)
{
	struct runner *runner = user;

	runner->code = ms_rig_run_plain(ms_rig_program(runner->hook), &runner->pkt);
	return NULL;
}

static bool is_held(void *user)
{
	(void)user;
	return *ms_rig_variable("ms_race_stage") == MS_RACE_HELD;
}

static void hold(struct runner *runner, uint32_t place)
{
	*ms_rig_variable("ms_race_place") = place;
	*ms_rig_variable("ms_race_stage") = MS_RACE_ARMED;
	ck_assert_int_eq(pthread_create(&runner->thread, NULL, run, runner), 0);
	ck_assert_msg(ms_netns_wait(is_held, NULL, PATIENCE_SECONDS), "the packet never came");
}

static void let_go(struct runner *runner)
{
	*ms_rig_variable("ms_race_stage") = MS_RACE_GO;
	pthread_join(runner->thread, NULL);
}

/* ---- tests ---- */

START_TEST(a_session_begun_meanwhile_is_found_before_a_deny)
{
	struct runner answer = { .hook = MS_RIG_EGRESS,
				 .pkt = ms_pkt_tcp(B, 80, A, 1000, MS_PKT_ACK) };

	/* The twin: by itself it is denied, also when it was held. */
	ms_rig_flow_back(MS_PKT_ACK, "deny default default/g/out");
	hold(&answer, MS_RACE_CLASSIFIED);
	let_go(&answer);
	ck_assert_int_eq(answer.code, 2);
	ck_assert_uint_eq(ms_rig_total("default/g/out"), 2);

	hold(&answer, MS_RACE_CLASSIFIED);
	ms_rig_flow_connect();
	let_go(&answer);
	ck_assert_int_eq(answer.code, -1);
	ck_assert_uint_eq(ms_rig_total("web"), 4);
	ck_assert_uint_eq(ms_rig_total("default/g/out"), 2);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_OUT, false), 2);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_OUT, true), 2);
}
END_TEST

START_TEST(a_packet_of_a_session_that_ends_meanwhile_is_counted)
{
	struct runner packet = { .hook = MS_RIG_INGRESS,
				 .pkt = ms_pkt_tcp(A, 1000, B, 80, MS_PKT_ACK) };
	struct ms_rig_session session;
	uint32_t result;

	ms_rig_flow_connect();
	ck_assert_uint_eq(ms_rig_sessions(&session, 1), 1);
	hold(&packet, MS_RACE_FOUND);
	ms_rig_reap_step(&session, 1, true, MS_REAP_END, &result);
	ck_assert_uint_eq(result, MS_REAPED_ENDED);
	ck_assert_uint_eq(ms_rig_folded("web"), 3);
	let_go(&packet);
	ck_assert_int_eq(packet.code, -1);
	/* At once, not when the memory goes; and not once more then. */
	ck_assert_uint_eq(ms_rig_folded("web"), 4);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_IN, false), 3);
	ms_rig_reap(&session, 1, true);
	ck_assert_uint_eq(ms_rig_total("web"), 4);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_IN, false), 3);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_races");
	TCase *tcase = tcase_create("races");

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_flow_setup, NULL);
	tcase_add_test(tcase, a_session_begun_meanwhile_is_found_before_a_deny);
	tcase_add_test(tcase, a_packet_of_a_session_that_ends_meanwhile_is_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
