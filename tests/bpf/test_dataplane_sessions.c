/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions that the real programs made, as user space walks, sums and ends them. The interface is
 * lo of an empty namespace; its group allows everything, `in` under slot 10, `out` under slot 11.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/dataplane_private.h"
#include "core/session/session.h"
#include "core/trace/trace.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/bpf/tables.h"
#include "tests/harness/ms_check.h"

#define ZONE 7
#define SLOT_IN 10
#define SLOT_OUT 11

static const struct ms_dataplane_config config = {
	.pin_dir = MS_PRIVATE_BPFFS "/microseg",
	.sessions = 4096,
	.half_open = 4096,
};

static struct ms_dataplane *dp;

static void put_policy(void)
{
	const struct ms_group group = { .mode = MS_MODE_ENFORCE, .slot = { SLOT_IN, SLOT_OUT } };
	const struct ms_iface lo = { .ifindex = 1, .zone = ZONE, .group = { 1, 1 } };

	ck_assert_int_eq(ms_dataplane_set_group(dp, 1, 1, &group), 0);
	ck_assert_int_eq(ms_dataplane_put_iface(dp, &lo), 0);
	ms_dataplane_publish(dp, 1, 41);
}

static void setup(void)
{
	ms_private_bpffs_setup();
	dp = ms_tables_open(&config, &(bool) { false });
	put_policy();
}

static void teardown(void)
{
	ms_dataplane_close(dp);
}

/* ---- traffic ---- */

static size_t run_frame(enum ms_hook hook, const char *words)
{
	struct ms_trace_packet packet;
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_msg(ms_trace_build(words, &packet, &err) == 0, "%s", err.message);
	ck_assert_int_eq(
		ms_dataplane_run(ms_dataplane_program(dp, hook), packet.frame, packet.frame_len),
		0);
	return packet.frame_len;
}

/* Flow number `i` of a family, a packet from who begins it (in) or the answer (out). */
static size_t send_packet(unsigned int family, unsigned int i, bool answer)
{
	const char *format = family == 4 ? "udp %s10.0.0.%u:%u > %s10.1.0.%u:%u"
					 : "udp %sfd00::%x]:%u > %sfd01::%x]:%u";
	const char *bracket = family == 4 ? "" : "[";
	unsigned int host = 1 + i % 200, port = 1000 + i;
	char words[128];

	if (!answer)
		snprintf(words, sizeof(words), format, bracket, host, port, bracket, 9, 53);
	else
		snprintf(words, sizeof(words),
			 family == 4 ? "udp %s10.1.0.%u:%u > %s10.0.0.%u:%u"
				     : "udp %sfd01::%x]:%u > %sfd00::%x]:%u",
			 bracket, 9, 53, bracket, host, port);
	return run_frame(answer ? MS_HOOK_EGRESS : MS_HOOK_INGRESS, words);
}

/* 200 answered flows and 60 unanswered ones of either family. */
#define ANSWERED 200
#define UNANSWERED 60

static void make_flows(void)
{
	for (unsigned int i = 0; i < ANSWERED + UNANSWERED; i++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			send_packet(family, i, false);
			if (i < ANSWERED)
				send_packet(family, i, true);
		}
	}
}

/* ---- what is there ---- */

struct tally {
	unsigned int two_way[2], one_way[2]; /* v4, v6 */
	unsigned int ports[2][4096];         /* how often each flow was met */
};

static void note(struct tally *tally, const struct ms_session_raw *raw)
{
	struct ms_session_view view;

	ms_session_decode(dp, raw, &view);
	(raw->half_open ? tally->one_way : tally->two_way)[raw->family == 6]++;
	ck_assert_uint_eq(view.dport, 53);
	ck_assert_uint_eq(view.zone, ZONE);
	ck_assert_uint_eq(view.slot, SLOT_IN);
	ck_assert_uint_eq(view.generation, 41);
	ck_assert_uint_eq(view.dir, MS_DIR_IN);
	ck_assert_str_eq(view.state, raw->half_open ? "one_way" : "two_way");
	ck_assert_uint_eq(view.packets[0], 1);
	ck_assert_uint_eq(view.packets[1], raw->half_open ? 0 : 1);
	tally->ports[raw->family == 6][view.sport]++;
}

static bool note_visited(void *user, const struct ms_session_raw *raw)
{
	note(user, raw);
	return true;
}

static void expect_all_once(const struct tally *tally)
{
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		ck_assert_uint_eq(tally->two_way[v6], ANSWERED);
		ck_assert_uint_eq(tally->one_way[v6], UNANSWERED);
		for (unsigned int i = 0; i < ANSWERED + UNANSWERED; i++)
			ck_assert_uint_eq(tally->ports[v6][1000 + i], 1);
	}
}

START_TEST(a_walk_meets_each_session_once)
{
	static struct tally tally;

	make_flows();
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, note_visited, &tally), 0);
	expect_all_once(&tally);
}
END_TEST

static bool stop_at_third(void *user, const struct ms_session_raw *raw)
{
	(void)raw;
	return ++*(unsigned int *)user < 3;
}

START_TEST(a_walk_can_be_stopped)
{
	unsigned int met = 0;

	make_flows();
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, stop_at_third, &met), 0);
	ck_assert_uint_eq(met, 3);
}
END_TEST

START_TEST(slices_meet_each_session_once)
{
	static struct ms_session_raw slice[64];
	static struct tally tally;
	struct ms_session_cursor cursor = { 0 };
	unsigned int steps = 0;
	bool done = false;

	make_flows();
	while (!done) {
		size_t count = 9999;

		ck_assert_int_eq(ms_dataplane_session_slice(dp, &cursor, slice, 64, &count, &done),
				 0);
		ck_assert_uint_le(count, 64);
		for (size_t i = 0; i < count; i++)
			note(&tally, &slice[i]);
		steps++;
	}
	ck_assert_uint_gt(steps, 2 * (ANSWERED + UNANSWERED) / 64);
	expect_all_once(&tally);
}
END_TEST

/* ---- ends ---- */

static struct ms_session_raw gathered[2048];
static size_t n_gathered;

static bool gather(void *user, const struct ms_session_raw *raw)
{
	(void)user;
	gathered[n_gathered++] = *raw;
	return true;
}

static void count_live(struct ms_session_live live)
{
	int r;

	while ((r = ms_session_live_step(dp, &live)) > 0)
		;
	ck_assert_int_eq(r, 0);
}

/* What was counted for a slot, folded or live. */
static struct ms_slot_count slot_total(uint32_t slot)
{
	static struct ms_slot_count live[MS_SLOTS_MAX];
	struct ms_slot_count folded;
	struct ms_slot_meta meta;

	memset(live, 0, sizeof(live));
	count_live((struct ms_session_live) { .by_slot = live, .n_slots = MS_SLOTS_MAX });
	ck_assert_int_eq(ms_dataplane_slot_count(dp, slot, &folded, &meta), 0);
	folded.packets += live[slot].packets;
	folded.bytes += live[slot].bytes;
	return folded;
}

static struct ms_zone_count zone_total(void)
{
	static struct ms_zone_count live[MS_ZONES_MAX];
	struct ms_zone_count folded;

	memset(live, 0, sizeof(live));
	count_live((struct ms_session_live) { .by_zone = live });
	for (unsigned int zone = 0; zone < MS_ZONES_MAX; zone++) {
		if (zone != ZONE)
			ck_assert_uint_eq(live[zone].packets[0][0] + live[zone].packets[1][0], 0);
	}
	ck_assert_int_eq(ms_dataplane_zone_count(dp, ZONE, &folded), 0);
	for (unsigned int dir = 0; dir < MS_DIR__COUNT; dir++) {
		folded.packets[dir][0] += live[ZONE].packets[dir][0];
		folded.bytes[dir][0] += live[ZONE].bytes[dir][0];
	}
	return folded;
}

START_TEST(only_what_is_unchanged_since_it_was_judged_ends)
{
	const size_t all = 2 * (ANSWERED + UNANSWERED);
	struct ms_slot_count before;
	size_t deleted = 0, changed = 0;

	make_flows();
	before = slot_total(SLOT_IN);
	ck_assert_uint_eq(before.packets, 2 * (2 * ANSWERED + UNANSWERED));
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, all);
	/* Every third was judged before its last packet came, every fifth in another epoch. */
	for (size_t i = 0; i < n_gathered; i++) {
		if (i % 3 == 0)
			gathered[i].value.last_seen--;
		else if (i % 5 == 0)
			gathered[i].value.epoch++;
		else
			continue;
		changed++;
	}
	ck_assert_int_eq(ms_dataplane_session_reap(dp, gathered, n_gathered, false, &deleted), 0);
	ck_assert_uint_eq(deleted, all - changed);
	n_gathered = 0;
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, changed);
	/* What they had counted is not lost. */
	ck_assert_uint_eq(slot_total(SLOT_IN).packets, before.packets);
	ck_assert_uint_eq(slot_total(SLOT_IN).bytes, before.bytes);

	ck_assert_int_eq(ms_dataplane_session_reap(dp, gathered, n_gathered, true, &deleted), 0);
	ck_assert_uint_eq(deleted, changed);
	n_gathered = 0;
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, 0);
	ck_assert_uint_eq(slot_total(SLOT_IN).packets, before.packets);
	ck_assert_uint_eq(slot_total(SLOT_IN).bytes, before.bytes);
}
END_TEST

START_TEST(the_dead_are_out_of_the_tables_after_a_round)
{
	static struct ms_session_raw slice[512];
	struct ms_session_cursor cursor = { 0 };
	size_t deleted, count;
	bool done = false;

	make_flows();
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_int_eq(ms_dataplane_session_reap(dp, gathered, n_gathered, true, &deleted), 0);
	while (!done) {
		ck_assert_int_eq(ms_dataplane_session_slice(dp, &cursor, slice, 512, &count, &done),
				 0);
		ck_assert_uint_eq(count, 0);
	}
	ck_assert_uint_eq(ms_tables_count(dp, 4, false), 0);
	ck_assert_uint_eq(ms_tables_count(dp, 6, false), 0);
	ck_assert_uint_eq(ms_tables_count(dp, 4, true), 0);
	ck_assert_uint_eq(ms_tables_count(dp, 6, true), 0);
	/* Their tuples begin anew. */
	send_packet(4, 1, false);
	send_packet(4, 1, true);
	ck_assert_uint_eq(ms_tables_count(dp, 4, false), 1);
}
END_TEST

START_TEST(more_dead_than_are_remembered_go_too)
{
	struct ms_session_raw dead = { .family = 4, .value.epoch = MS_EPOCH_DEAD };
	static struct ms_session_raw slice[1024];
	struct ms_session_cursor cursor = { 0 };
	size_t count = 0;
	bool done = false;

	/* As many as the hash holds; dead ones that an earlier daemon left. */
	for (uint16_t port = 0; count < 4096; port++) {
		dead.key.k4 = (struct ms_key4) { 1, 2, port, .zone = ZONE, .proto = 17 };
		count += ms_tables_put(dp, &dead);
	}
	ck_assert_uint_eq(ms_tables_count(dp, 4, false), 4096);
	while (!done)
		ck_assert_int_eq(
			ms_dataplane_session_slice(dp, &cursor, slice, 1024, &count, &done), 0);
	ck_assert_uint_eq(ms_tables_count(dp, 4, false), 0);
}
END_TEST

START_TEST(the_sweep_ends_idle_sessions_and_no_others)
{
	const uint64_t timeouts_ns[MS_TIMEOUT__COUNT] = { [MS_TIMEOUT_UDP_TWOWAY] =
								  600000000000ull };
	struct ms_sweeper *sweeper;
	struct ms_session_usage usage;
	bool done = false;
	uint32_t then;

	make_flows();
	then = ms_dataplane_tick_now(dp);
	/* One-way flows may rest for less than a tick. */
	ms_dataplane_set_timeouts(dp, timeouts_ns);
	while (ms_dataplane_tick_now(dp) < then + 3)
		sched_yield();
	ck_assert_int_eq(ms_sweeper_new(dp, &sweeper), 0);
	while (!done)
		ck_assert_int_eq(ms_sweeper_step(sweeper, &done), 0);
	usage = ms_sweeper_usage(sweeper);
	ck_assert_uint_eq(usage.sessions[0], ANSWERED);
	ck_assert_uint_eq(usage.sessions[1], ANSWERED);
	ck_assert_uint_eq(usage.half_open[0] + usage.half_open[1], 0);
	ck_assert_uint_eq(usage.swept, 2 * UNANSWERED);
	ck_assert_uint_eq(usage.sessions_max, 4096);
	ck_assert(ms_sweeper_saw_zone(sweeper, ZONE));
	ck_assert(!ms_sweeper_saw_zone(sweeper, ZONE + 1));
	ck_assert(ms_sweeper_saw_slot(sweeper, SLOT_IN));
	ck_assert(!ms_sweeper_saw_slot(sweeper, SLOT_OUT));
	ck_assert_uint_eq(slot_total(SLOT_IN).packets, 2 * (2 * ANSWERED + UNANSWERED));
	sweeper = ms_sweeper_free(sweeper);
}
END_TEST

/* ---- exactness ---- */

static atomic_bool stop;
static atomic_ullong sent_packets[MS_DIR__COUNT], sent_bytes[MS_DIR__COUNT];

static uint64_t sent_so_far(void)
{
	return atomic_load(&sent_packets[MS_DIR_IN]) + atomic_load(&sent_packets[MS_DIR_OUT]);
}

static void *send_for_a_while(void *user)
{
	unsigned int seed = *(unsigned int *)user;

	while (!atomic_load(&stop)) {
		bool answer = rand_r(&seed) % 2;
		size_t bytes = send_packet(rand_r(&seed) % 2 ? 4 : 6,
					   (unsigned int)rand_r(&seed) % 40, answer);

		atomic_fetch_add(&sent_packets[answer], 1);
		atomic_fetch_add(&sent_bytes[answer], bytes);
	}
	return NULL;
}

/* Two CPUs send over the same few flows while a third hand ends, flushes and re-judges them: what
 * was folded and what is live add up to what was sent, to the packet. */
START_TEST(folded_and_live_are_what_was_sent)
{
	pthread_t senders[2];
	unsigned int seeds[2] = { 1, 2 };
	unsigned int enough = getenv("MS_TEST_EMULATED") ? 500 : 20000;
	struct ms_zone_count zone;
	struct ms_stats stats;
	uint64_t total = 0;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&senders[i], NULL, send_for_a_while, &seeds[i]), 0);
	for (unsigned int round = 0; round < 30 || sent_so_far() < enough; round++) {
		static struct ms_session_raw slice[512];
		struct ms_session_cursor cursor = { 0 };
		size_t count, deleted;
		bool done = false;

		while (!done) {
			ck_assert_int_eq(
				ms_dataplane_session_slice(dp, &cursor, slice, 512, &count, &done),
				0);
			ck_assert_int_eq(
				ms_dataplane_session_reap(dp, slice, count, round % 2, &deleted),
				0);
		}
		if (round % 3 == 0)
			ms_dataplane_bump_epoch(dp);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(senders[i], NULL);

	zone = zone_total();
	for (unsigned int dir = 0; dir < MS_DIR__COUNT; dir++) {
		ck_assert_uint_eq(zone.packets[dir][0], atomic_load(&sent_packets[dir]));
		ck_assert_uint_eq(zone.bytes[dir][0], atomic_load(&sent_bytes[dir]));
		total += atomic_load(&sent_packets[dir]);
	}
	ck_assert_uint_ge(total, enough);
	/* Which of the two began a flow decides whose slot it is. */
	ck_assert_uint_eq(slot_total(SLOT_IN).packets + slot_total(SLOT_OUT).packets, total);
	ck_assert_uint_gt(slot_total(SLOT_OUT).packets, 0);
	ck_assert_int_eq(ms_dataplane_stats(dp, &stats), 0);
	for (unsigned int reason = 0; reason < MS_REASON__COUNT; reason++)
		total -= stats.packets[reason][MS_VERDICT_ALLOW];
	ck_assert_uint_eq(total, 0);
}
END_TEST

/* ---- ages over a restart ---- */

START_TEST(sessions_go_on_counting_over_a_restart)
{
	uint32_t first_seen;
	bool taken_over = false;

	send_packet(4, 1, false);
	send_packet(4, 1, true);
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, 1);
	first_seen = gathered[0].value.first_seen;
	ms_dataplane_close(dp);
	dp = ms_tables_open(&config, &taken_over);
	ck_assert(taken_over);
	send_packet(4, 1, true);
	n_gathered = 0;
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, 1);
	ck_assert_uint_eq(gathered[0].value.first_seen, first_seen);
	ck_assert_uint_eq(gathered[0].value.packets[0] + gathered[0].value.packets[1], 3);
}
END_TEST

/* ---- the verifier's stricter load ---- */

static void keep_event(void *user, const struct ms_event *event)
{
	*(struct ms_event *)user = *event;
}

START_TEST(hardened_programs_judge_the_same)
{
	const struct ms_group deny = { .mode = MS_MODE_ENFORCE,
				       .verdict = { MS_VERDICT_DENY, MS_VERDICT_ALLOW },
				       .slot = { SLOT_IN, SLOT_OUT } };
	static struct tally tally;
	struct ms_event event = { .slot = 0 };

	if (!ms_private_bpffs_loads_hardened())
		return; /* refused, which test_dataplane_pins holds */
	ms_dataplane_close(dp);
	ms_private_bpffs_drop_perfmon();
	ck_assert_int_eq(ms_dataplane_open(&config, &(bool) { false }, &dp, NULL), 0);
	ck_assert(ms_dataplane_is_hardened(dp));
	put_policy(); /* which does not go along from other tables */
	make_flows();
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, note_visited, &tally), 0);
	expect_all_once(&tally);
	ms_dataplane_on_events(dp, keep_event, &event);
	ck_assert_int_eq(ms_dataplane_set_group(dp, 0, 1, &deny), 0);
	ms_dataplane_publish(dp, 0, 42);
	run_frame(MS_HOOK_INGRESS, "tcp [fd00::7]:1 > [fd01::9]:80 vlan 5.6");
	ck_assert_int_eq(ms_dataplane_consume_events(dp), 1);
	ck_assert_uint_eq(event.verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(event.reason, MS_REASON_DEFAULT);
	ck_assert_uint_eq(event.slot, SLOT_IN);
	ck_assert_uint_eq(event.vlan_inner, 6);
	ck_assert_uint_eq(ntohs(event.dport), 80);
}
END_TEST

/* ---- events and trace ---- */

START_TEST(a_denied_packet_is_an_event)
{
	const struct ms_group group = { .mode = MS_MODE_ENFORCE,
					.verdict = { MS_VERDICT_DENY, MS_VERDICT_ALLOW },
					.slot = { SLOT_IN, SLOT_OUT } };
	struct ms_event event = { .slot = 0 };

	ms_dataplane_on_events(dp, keep_event, &event);
	send_packet(4, 1, false);
	ck_assert_int_eq(ms_dataplane_consume_events(dp), 0); /* allowed, unlogged: none */
	ck_assert_int_eq(ms_dataplane_set_group(dp, 0, 1, &group), 0);
	ms_dataplane_publish(dp, 0, 42);
	send_packet(4, 2, false);
	ck_assert_int_eq(ms_dataplane_consume_events(dp), 1);
	ck_assert_uint_eq(event.verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(event.reason, MS_REASON_DEFAULT);
	ck_assert_uint_eq(event.slot, SLOT_IN);
	ck_assert_uint_eq(event.ifindex, 1);
	ck_assert_uint_eq(ntohs(event.dport), 53);
}
END_TEST

START_TEST(trace_answers_without_a_trace)
{
	const struct ms_group deny = { .mode = MS_MODE_ENFORCE,
				       .verdict = { MS_VERDICT_DENY, MS_VERDICT_DENY },
				       .slot = { SLOT_IN, SLOT_OUT } };
	struct ms_trace_packet packet;
	struct ms_trace_request request = { .ifindex = 1, .half = 1, .frame = packet.frame };
	struct ms_trace_result result;
	struct ms_stats before, after;

	ck_assert_int_eq(ms_trace_build("tcp 10.0.0.1:1 > 10.1.0.9:80", &packet, NULL), 0);
	request.frame_len = packet.frame_len;
	ck_assert_int_eq(ms_dataplane_set_group(dp, 0, 1, &deny), 0);
	ck_assert_int_eq(ms_dataplane_stats(dp, &before), 0);
	ck_assert_int_eq(ms_dataplane_trace(dp, &request, &result), 0);
	ck_assert_uint_eq(result.verdict, MS_VERDICT_ALLOW);
	ck_assert_uint_eq(result.reason, MS_REASON_DEFAULT);
	ck_assert_uint_eq(result.slot, SLOT_IN);
	ck_assert_uint_eq(result.dir, MS_DIR_IN);
	ck_assert_uint_eq(result.session, 0);
	request.hook = MS_HOOK_EGRESS;
	request.half = 0; /* a policy that is not in force yet can be asked too */
	ck_assert_int_eq(ms_dataplane_trace(dp, &request, &result), 0);
	ck_assert_uint_eq(result.verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(result.slot, SLOT_OUT);
	ck_assert_uint_eq(result.dir, MS_DIR_OUT);
	ck_assert_int_eq(ms_dataplane_stats(dp, &after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, gather, NULL), 0);
	ck_assert_uint_eq(n_gathered, 0);
	request.ifindex = 77;
	ck_assert_int_eq(ms_dataplane_trace(dp, &request, &result), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_sessions");
	TCase *tcase = tcase_create("sessions");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_walk_meets_each_session_once);
	tcase_add_test(tcase, a_walk_can_be_stopped);
	tcase_add_test(tcase, slices_meet_each_session_once);
	tcase_add_test(tcase, only_what_is_unchanged_since_it_was_judged_ends);
	tcase_add_test(tcase, the_dead_are_out_of_the_tables_after_a_round);
	tcase_add_test(tcase, more_dead_than_are_remembered_go_too);
	tcase_add_test(tcase, the_sweep_ends_idle_sessions_and_no_others);
	tcase_add_test(tcase, folded_and_live_are_what_was_sent);
	tcase_add_test(tcase, sessions_go_on_counting_over_a_restart);
	tcase_add_test(tcase, hardened_programs_judge_the_same);
	tcase_add_test(tcase, a_denied_packet_is_an_event);
	tcase_add_test(tcase, trace_answers_without_a_trace);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
