/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting is exact and established flows survive: two processors at once, floods, the reaper
 * meanwhile. Folded + carried = sent, whatever happened in between.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define SECOND MS_RIG_TICKS_PER_SECOND

#define HEAD                                                                                       \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: allow, out: deny } }\n"           \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"
#define WEB "  - { id: web, dir: in, proto: tcp, dport: 80, action: allow }\n"
#define WEB2 "  - { id: web2, dir: in, proto: tcp, dport: 80, action: allow }\n"

/* An emulated guest is some twenty times slower. */
static unsigned int rounds(unsigned int count)
{
	return getenv("MS_TEST_EMULATED") ? count / 10 : count;
}

/* Of all flows of a case. */
static const char *client, *server;

static void setup(void)
{
	client = A;
	server = B;
	ms_rig_setup();
	ms_rig_policy(HEAD WEB);
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

static struct ms_pkt there(unsigned int flow, uint8_t flags)
{
	return ms_pkt_tcp(client, (uint16_t)(1000 + flow), server, 80, flags);
}

static struct ms_pkt back(unsigned int flow, uint8_t flags)
{
	return ms_pkt_tcp(server, 80, client, (uint16_t)(1000 + flow), flags);
}

/* 3 packets. */
static void establish(unsigned int flow)
{
	struct ms_pkt pkt = there(flow, MS_PKT_SYN);

	ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &pkt);
	pkt = back(flow, MS_PKT_SYN | MS_PKT_ACK);
	ms_rig_run_plain(ms_rig_program(MS_RIG_EGRESS), &pkt);
	pkt = there(flow, MS_PKT_ACK);
	ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &pkt);
}

static size_t two_way_sessions(struct ms_rig_session *sessions, size_t max)
{
	size_t count = ms_rig_sessions(sessions, max), kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!sessions[i].is_half)
			sessions[kept++] = sessions[i];
	return kept;
}

/* A SYN of the flood's flow `i`, or the answer to it. */
static struct ms_pkt flood(unsigned int i, bool answer)
{
	char src[32];

	snprintf(src, sizeof(src), "172.16.%u.%u", i / 256, i % 256);
	return answer ? ms_pkt_tcp(B, 80, src, 5, MS_PKT_SYN | MS_PKT_ACK)
		      : ms_pkt_tcp(src, 5, B, 80, MS_PKT_SYN);
}

START_TEST(established_flows_live_through_a_flood_of_new_tuples)
{
	/* The bench's tables hold 1,024: as many flows as fit with room, and 4x the table. */
	static struct ms_rig_session sessions[4096];
	enum { FLOWS = 1000 };

	for (unsigned int i = 0; i < FLOWS; i++)
		establish(i);
	ck_assert_uint_eq(two_way_sessions(sessions, 4096), FLOWS);
	for (unsigned int i = 0; i < 4 * 1024; i++) {
		struct ms_pkt syn = flood(i, false), answer = flood(i, true);

		ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &syn);
		/* A server that answers a forged SYN does not make a flow of it. */
		ms_rig_run_plain(ms_rig_program(MS_RIG_EGRESS), &answer);
	}
	ck_assert_uint_eq(two_way_sessions(sessions, 4096), FLOWS);
	/* By behaviour: the answers, which no rule would let out. */
	for (unsigned int i = 0; i < FLOWS; i++) {
		struct ms_pkt ack = back(i, MS_PKT_ACK);

		ck_assert_int_eq(ms_rig_run_plain(ms_rig_program(MS_RIG_EGRESS), &ack), -1);
	}
	ck_assert_uint_eq(ms_rig_total("web"), FLOWS * 4 + 8 * 1024);
}
END_TEST

START_TEST(a_flow_that_is_met_outlives_a_flood_of_one_way_flows)
{
	enum { FLOOD = 8 * 1024, EVERY = 16 };
	struct ms_pkt syn = there(0, MS_PKT_SYN), pkt;

	for (unsigned int i = 0; i < FLOOD; i++) {
		if (i % EVERY == 0)
			ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &syn);
		pkt = flood(i, false);
		ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &pkt);
	}
	pkt = back(0, MS_PKT_SYN | MS_PKT_ACK);
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "allow session web");
	ck_assert_uint_eq(ms_rig_stat(MS_STAT_NEW_SESSION), FLOOD + 1);
	/* The newest has its place, the oldest has given it up. */
	pkt = flood(FLOOD - 1, true);
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "allow session web");
	pkt = flood(0, true);
	ms_rig_expect(MS_RIG_EGRESS, &pkt, "deny default default/g/out");
	ck_assert_uint_eq(ms_rig_total("web"), FLOOD + FLOOD / EVERY + 2);
	/* It becomes two-way with what it has counted. */
	pkt = there(0, MS_PKT_ACK);
	ms_rig_expect(MS_RIG_INGRESS, &pkt, "allow session web");
	ck_assert_uint_eq(ms_rig_total("web"), FLOOD + FLOOD / EVERY + 3);
}
END_TEST

START_TEST(a_full_table_turns_nobody_away)
{
	static struct ms_rig_session sessions[4096];
	struct ms_pkt ack;
	bool are_lines;
	size_t places = ms_rig_places(&are_lines), flows = places + places / 4, count;

	for (unsigned int i = 0; i < flows; i++)
		establish(i);
	count = two_way_sessions(sessions, 4096);
	if (are_lines)
		ck_assert_uint_ge(count, places - places / 20);
	else
		ck_assert_uint_eq(count, places);
	ck_assert_uint_gt(ms_rig_stat(MS_STAT_INSERT_FAILED), 0);
	/* Those that found no place go on as one-way entries, in both directions. */
	ack = back((unsigned int)flows - 1, MS_PKT_ACK);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
	ck_assert_uint_eq(ms_rig_total("web"), flows * 3 + 1);
	/* And take their place when there is one. */
	ck_assert_uint_eq(ms_rig_reap(sessions, count, true), count);
	ms_rig_advance(1);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
	ck_assert_uint_eq(two_way_sessions(sessions, 4096), 1);
	ck_assert_uint_eq(ms_rig_total("web"), flows * 3 + 2);
}
END_TEST

START_TEST(a_session_beside_its_first_set_needs_no_slow_program)
{
	static struct ms_rig_session sessions[4096];
	bool are_lines, wide = _i;
	size_t flows = ms_rig_places(&are_lines) * 5 / 8;
	struct ms_pkt pkt;
	int egress;

	if (wide) {
		client = A6;
		server = B6;
	}
	for (unsigned int i = 0; i < flows; i++)
		establish(i);
	ck_assert_uint_eq(two_way_sessions(sessions, 4096), flows);
	if (are_lines)
		ck_assert_uint_gt(ms_rig_beside(wide), 0);
	ms_rig_add_actions();
	egress = ms_rig_littered(MS_RIG_EGRESS);
	ms_rig_remove_slow();
	for (unsigned int i = 0; i < flows; i++) {
		pkt = back(i, MS_PKT_ACK);
		ck_assert_int_eq(ms_rig_run_plain(egress, &pkt), -1);
	}
	ck_assert_uint_eq(ms_rig_total("web"), flows * 4);
	/* Whoever is for the slow program is turned away now. */
	pkt = back((unsigned int)flows, MS_PKT_ACK);
	ck_assert_int_eq(ms_rig_run_plain(egress, &pkt), 2);
}
END_TEST

START_TEST(the_reaper_takes_what_is_unchanged_and_folds_it)
{
	struct ms_rig_session sessions[8];
	uint32_t result;
	struct ms_pkt ack = back(0, MS_PKT_ACK);

	establish(0);
	ck_assert_uint_eq(two_way_sessions(sessions, 8), 1);
	/* Not if a packet came since. */
	ms_rig_advance(1);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "allow session web");
	ms_rig_reap_step(sessions, 1, false, MS_REAP_END, &result);
	ck_assert_uint_eq(result, MS_REAPED_NOT);
	ck_assert_uint_eq(two_way_sessions(sessions, 8), 1);
	ck_assert_uint_eq(ms_rig_folded("web"), 0);
	ms_rig_reap_step(sessions, 1, false, MS_REAP_END, &result);
	ck_assert_uint_eq(result, MS_REAPED_ENDED);
	ck_assert_uint_eq(ms_rig_folded("web"), 4);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_IN, false), 2);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_OUT, false), 2);
	/* Dead is no session: the answer is judged by itself. */
	ck_assert_uint_eq(ms_rig_sessions(NULL, 0), 0);
	ms_rig_expect(MS_RIG_EGRESS, &ack, "deny default default/g/out");
	/* The tuple comes back before the entry is deleted: it is not deleted then, */
	ms_rig_reap_step(sessions, 1, false, MS_REAP_MARK, &result);
	ck_assert_uint_eq(result, MS_REAPED_ENDED);
	establish(0);
	ck_assert_uint_eq(two_way_sessions(sessions, 8), 1);
	ms_rig_reap_step(sessions, 1, false, MS_REAP_DELETE, &result);
	ck_assert_uint_eq(result, MS_REAPED_NOT);
	ck_assert_uint_eq(ms_rig_total("web"), 7);
	/* nor when it has ended once more meanwhile: a packet may just have found it live. */
	ms_rig_reap_step(sessions, 1, true, MS_REAP_END, &result);
	ck_assert_uint_eq(result, MS_REAPED_ENDED);
	ms_rig_reap_step(sessions, 1, false, MS_REAP_DELETE, &result);
	ck_assert_uint_eq(result, MS_REAPED_NOT);
	ck_assert_uint_eq(ms_rig_dead_sessions(), 1);
	ck_assert_uint_eq(ms_rig_reap(sessions, 1, true), 1);
	ck_assert_uint_eq(ms_rig_dead_sessions(), 0);
	ck_assert_uint_eq(ms_rig_folded("web"), 7);
}
END_TEST

START_TEST(one_way_entries_are_reaped_at_once)
{
	struct ms_rig_session sessions[8];
	struct ms_pkt syn = there(0, MS_PKT_SYN);

	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow rule web");
	ck_assert_uint_eq(ms_rig_sessions(sessions, 8), 1);
	ms_rig_advance(1);
	ms_rig_expect(MS_RIG_INGRESS, &syn, "allow session web");
	ck_assert_uint_eq(ms_rig_reap(sessions, 1, false), 0);
	ck_assert_uint_eq(ms_rig_sessions(sessions, 8), 1);
	ck_assert_uint_eq(ms_rig_reap(sessions, 1, false), 1);
	ck_assert_uint_eq(ms_rig_total("web"), 2);
}
END_TEST

/* ---- two processors ---- */

struct worker {
	pthread_t thread;
	unsigned int cpu, count, flows;
	bool answers;
	atomic_uint *started, *finished;
};

static void *send_packets(void *user)
{
	struct worker *worker = user;
	int program = ms_rig_program(worker->answers ? MS_RIG_EGRESS : MS_RIG_INGRESS);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	atomic_fetch_add(worker->started, 1);
	while (atomic_load(worker->started) < 2)
		sched_yield();
	for (unsigned int i = 0; i < worker->count; i++) {
		unsigned int flow = i % worker->flows;
		struct ms_pkt pkt =
			worker->answers ? back(flow, MS_PKT_ACK) : there(flow, MS_PKT_ACK);

		ms_rig_run_plain(program, &pkt);
	}
	atomic_fetch_add(worker->finished, 1);
	return NULL;
}

static void start(struct worker workers[2], atomic_uint marks[2], unsigned int count,
		  unsigned int flows)
{
	for (unsigned int i = 0; i < 2; i++) {
		workers[i] = (struct worker) {
			.cpu = i,
			.count = count,
			.flows = flows,
			.answers = i == 1,
			.started = &marks[0],
			.finished = &marks[1],
		};
		ck_assert_int_eq(
			pthread_create(&workers[i].thread, NULL, send_packets, &workers[i]), 0);
	}
}

static void join(struct worker workers[2])
{
	pthread_join(workers[0].thread, NULL);
	pthread_join(workers[1].thread, NULL);
}

START_TEST(two_processors_on_one_flow_lose_nothing)
{
	unsigned int count = rounds(100000);
	struct worker workers[2];
	atomic_uint marks[2] = { 0, 0 };

	establish(0);
	start(workers, marks, count, 1);
	join(workers);
	ck_assert_uint_eq(ms_rig_total("web"), 3 + 2 * count);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_IN, false), 2 + count);
	ck_assert_uint_eq(ms_rig_zone_packets(1, MS_DIR_OUT, false), 1 + count);
}
END_TEST

/* Flows begin, become two-way, are judged again under one of two rules, are ended and deleted, all
 * while packets of theirs come on two processors. */
START_TEST(nothing_is_lost_while_sessions_end_and_change)
{
	static struct ms_rig_session sessions[4096];
	unsigned int count = rounds(60000), ended = 0;
	struct worker workers[2];
	atomic_uint marks[2] = { 0, 0 };
	uint64_t in, out;

	ms_rig_policy(HEAD WEB "  - { id: out, dir: out, action: allow }\n");
	start(workers, marks, count, 16);
	for (unsigned int i = 0; atomic_load(&marks[1]) < 2; i++) {
		size_t n;

		if (i % 3 == 0)
			ms_rig_policy(i % 2 ? HEAD WEB "  - { id: out, dir: out, action: allow }\n"
					    : HEAD WEB2
					      "  - { id: out, dir: out, action: allow }\n");
		ms_rig_advance(1);
		n = ms_rig_sessions(sessions, 4096);
		ended += (unsigned int)ms_rig_reap(sessions, n, true);
	}
	join(workers);
	ck_assert_uint_gt(ended, 10);
	in = ms_rig_zone_packets(1, MS_DIR_IN, false);
	out = ms_rig_zone_packets(1, MS_DIR_OUT, false);
	ck_assert_uint_eq(in, count);
	ck_assert_uint_eq(out, count);
	ck_assert_uint_eq(ms_rig_total("web") + ms_rig_total("web2") + ms_rig_total("out"),
			  2 * count);
}
END_TEST

static void expect_gap(uint64_t ingress, uint64_t egress)
{
	uint64_t frames[2];

	ms_rig_gap(1, frames);
	ck_assert_uint_eq(frames[0], ingress);
	ck_assert_uint_eq(frames[1], egress);
}

static void pass(enum ms_rig_hook hook, struct ms_pkt pkt, const char *text)
{
	ms_rig_expect(hook, &pkt, text);
}

START_TEST(frames_of_a_young_interface_are_counted_where_the_device_counts_them)
{
	struct ms_rig_iface iface = { .group = "g", .zone = 1, .flags = MS_IFACE_YOUNG };
	struct ms_pkt denied = ms_pkt_tcp(A, 1000, B, 81, MS_PKT_SYN);

	ms_rig_policy(HEAD WEB "  - { id: shut, dir: in, proto: tcp, dport: 81, action: deny }\n");
	ms_rig_iface(&iface);
	pass(MS_RIG_INGRESS, there(0, MS_PKT_SYN), "allow rule web");
	pass(MS_RIG_EGRESS, back(0, MS_PKT_SYN | MS_PKT_ACK), "allow session web");
	pass(MS_RIG_INGRESS, there(0, MS_PKT_ACK), "allow session web");
	pass(MS_RIG_INGRESS, there(0, MS_PKT_ACK), "allow session web");
	expect_gap(3, 1);
	/* What is dropped has been received, and will not have been sent. */
	pass(MS_RIG_INGRESS, denied, "deny rule shut");
	pass(MS_RIG_EGRESS, back(1, MS_PKT_SYN), "deny default default/g/out");
	expect_gap(4, 1);
	iface.side = MS_SIDE_WORKLOAD;
	ms_rig_iface(&iface);
	pass(MS_RIG_EGRESS, there(2, MS_PKT_SYN), "allow rule web");
	pass(MS_RIG_EGRESS, denied, "deny rule shut");
	expect_gap(4, 2);
	iface.flags = 0;
	ms_rig_iface(&iface);
	pass(MS_RIG_EGRESS, there(3, MS_PKT_SYN), "allow rule web");
	expect_gap(4, 2);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("datapath_counting");
	TCase *tcase = tcase_create("counting");

	tcase_set_timeout(tcase, 300);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, established_flows_live_through_a_flood_of_new_tuples);
	tcase_add_test(tcase, a_flow_that_is_met_outlives_a_flood_of_one_way_flows);
	tcase_add_test(tcase, a_full_table_turns_nobody_away);
	tcase_add_loop_test(tcase, a_session_beside_its_first_set_needs_no_slow_program, 0, 2);
	tcase_add_test(tcase, the_reaper_takes_what_is_unchanged_and_folds_it);
	tcase_add_test(tcase, one_way_entries_are_reaped_at_once);
	tcase_add_test(tcase, frames_of_a_young_interface_are_counted_where_the_device_counts_them);
	tcase_add_test(tcase, two_processors_on_one_flow_lose_nothing);
	tcase_add_test(tcase, nothing_is_lost_while_sessions_end_and_change);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
