/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets find a session, and which never may: another VLAN, a new device with an old
 * ifindex; what a flood does to established flows; what a step of the wall clock does to ages.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"guarded*\" }, default: { in: deny, out: allow } }\n";

/* Small tables, so that a flood of four times their size is a matter of a second. */
#define SESSIONS 4096
#define HALF_OPEN 2048
#define ESTABLISHED 1000
#define FLOOD (4 * (SESSIONS + HALF_OPEN))

static const char config[] = "limits: { sessions: 4096, half_open: 2048 }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static int workload = -1, host = -1;

static void make_link(const char *index)
{
	ms_netns_run_command("ip link add guarded0 %s type veth peer name peer0 && "
			     "ip link set guarded0 up && ip link set peer0 up",
			     index);
	ms_netns_wait_carrier("peer0");
	ms_netns_wait_carrier("guarded0");
	workload = ms_traffic_raw(NULL, "peer0");
	host = ms_traffic_raw(NULL, "guarded0");
}

static void setup(void)
{
	ms_netns_setup();
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_write_config(microsegd, config);
}

/* The workload asks from port `sport`; in VLAN `vlan` if not 0. */
static void ask(uint16_t sport, uint16_t vlan)
{
	ms_traffic_raw_udp(workload, "10.9.0.2", sport, "10.9.0.1", 53, vlan);
}

/* What an answer to that looks like. */
static void answer(uint16_t sport, uint16_t vlan)
{
	ms_traffic_raw_udp(host, "10.9.0.1", 53, "10.9.0.2", sport, vlan);
}

static json_int_t dropped(void)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, "guarded0");

	return ms_ctl_int(iface, "in_dropped_packets");
}

START_TEST(another_vlan_finds_no_session)
{
	json_int_t before;

	ms_proc_start(microsegd, NULL);
	make_link("");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ask(1000, 0);
	ask(1001, 5);
	before = dropped();
	answer(1000, 0);
	answer(1001, 5);
	ck_assert_int_eq(dropped(), before);
	answer(1000, 5);
	ck_assert_int_eq(dropped(), before + 1);
	answer(1001, 0);
	answer(1001, 6);
	ck_assert_int_eq(dropped(), before + 3);
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_gone(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "iface", "list", NULL);

	(void)user;
	return !ms_ctl_find(lines, "interfaces", "name", "guarded0");
}

START_TEST(a_new_device_with_an_old_ifindex_finds_no_session)
{
	json_int_t before;

	ms_proc_start(microsegd, NULL);
	make_link("index 777");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ask(1000, 0);
	before = dropped();
	answer(1000, 0);
	ck_assert_int_eq(dropped(), before);
	ms_netns_run_command("ip link del guarded0");
	/* Either way: gone and back before the daemon has looked, or long after. */
	if (_i)
		ck_assert(ms_netns_wait(is_gone, NULL, 10));
	make_link("index 777");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	before = dropped();
	answer(1000, 0);
	ck_assert_int_eq(dropped(), before + 1);
	ms_proc_stop(microsegd);
}
END_TEST

static bool no_session_is_left(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "session", "list", NULL);

	(void)user;
	return ms_ctl_count(lines, "sessions", NULL, NULL) == 0;
}

START_TEST(sessions_go_with_their_interface)
{
	ms_proc_start(microsegd, NULL);
	make_link("");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ask(1000, 0);
	answer(1000, 0);
	ck_assert(!no_session_is_left(NULL));
	ms_netns_run_command("ip link del guarded0");
	/* Long before its three minutes are over. */
	ck_assert(ms_netns_wait(no_session_is_left, NULL, 40));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(established_flows_live_through_a_flood)
{
	json_int_t before;

	ms_proc_start(microsegd, NULL);
	make_link("");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	for (uint16_t i = 0; i < ESTABLISHED; i++) {
		ask(10000 + i, 0);
		answer(10000 + i, 0);
	}
	before = dropped();
	ck_assert_int_eq(before, 0);
	for (unsigned int i = 0; i < FLOOD; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.9.%u.%u", 1 + i / 250, 2 + i % 250);
		ms_traffic_raw_udp(workload, from, 7, "10.9.0.1", 53, 0);
	}
	ck_assert_int_ge(ms_ctl_stat(microsegd, "new_session"), ESTABLISHED + FLOOD);
	for (uint16_t i = 0; i < ESTABLISHED; i++)
		answer(10000 + i, 0);
	ck_assert_int_eq(dropped(), before);
	/* The twin: those of the flood are long forgotten, first come, first gone. */
	ms_traffic_raw_udp(host, "10.9.0.1", 53, "10.9.1.2", 7, 0);
	ck_assert_int_eq(dropped(), before + 1);
	ms_proc_stop(microsegd);
}
END_TEST

static void step_clock(int64_t seconds)
{
	int fd = open(MS_NETNS_DIR "/clock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &seconds, sizeof(seconds), 0), sizeof(seconds));
	close(fd);
}

static void expect_young_session(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "session", "list", NULL);
	json_t *session = ms_ctl_find(lines, "sessions", "proto", "udp");

	ck_assert_ptr_nonnull(session);
	ck_assert_int_ge(ms_ctl_int(session, "age_ms"), 0);
	ck_assert_int_lt(ms_ctl_int(session, "age_ms"), 60000);
	ck_assert_int_lt(ms_ctl_int(session, "idle_ms"), 60000);
	ck_assert_int_gt(ms_ctl_int(session, "expires_in_ms"), 60000);
}

START_TEST(ages_are_right_after_the_clock_was_set)
{
	json_auto_t *event = NULL;
	time_t in_a_year;
	char shown[64];

	step_clock(0);
	setenv("MS_TEST_CLOCK", MS_NETNS_DIR "/clock", 1);
	setenv("LD_PRELOAD", MS_TEST_CLOCK_STEP, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	ms_proc_start(microsegd, NULL);
	make_link("");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ask(1000, 0);
	answer(1000, 0);
	expect_young_session();
	for (int64_t step = 3600; step >= -3600; step -= 7200) {
		step_clock(step);
		expect_young_session();
		answer(1000, 0);
		ck_assert_int_eq(dropped(), 0);
	}
	/* The step reached them: what is told in wall clock time follows it. */
	step_clock(365 * 86400);
	answer(2000, 0);
	event = ms_ctl_event(microsegd, "default/work/in", "deny");
	in_a_year = time(NULL) + 365 * 86400;
	strftime(shown, sizeof(shown), "%Y-%m-%dT", gmtime(&in_a_year));
	ck_assert_int_eq(strncmp(ms_ctl_text(event, "time"), shown, strlen(shown)), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_table(const char *table)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	ck_assert_str_eq(ms_ctl_text(status, "0.session_table"), table);
}

/* Whose machine was set up with the other table keeps its flows when a daemon with this default
 * starts, and the other way about. */
START_TEST(another_table_takes_the_sessions_over)
{
	static const char hash[] =
		"limits: { session_table: lru_hash, sessions: 4096, half_open: 2048 }\n";
	json_int_t before, hits;

	ms_proc_write_config(microsegd, _i ? config : hash);
	ms_proc_start(microsegd, NULL);
	expect_table(_i ? "set" : "lru_hash");
	make_link("");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ask(1000, 0);
	answer(1000, 0); /* two-way */
	ask(1002, 0);    /* one-way */
	ms_proc_stop(microsegd);
	ms_proc_write_config(microsegd, _i ? hash : config);
	ms_proc_start(microsegd, NULL);
	expect_table(_i ? "lru_hash" : "set");
	before = dropped();
	answer(1000, 0);
	answer(1002, 0);
	ck_assert_int_eq(dropped(), before);
	/* They were judged again; now their sessions answer. */
	hits = ms_ctl_stat(microsegd, "session_hit");
	answer(1000, 0);
	answer(1002, 0);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "session_hit"), hits + 2);
	answer(1001, 0); /* of a flow that nobody began */
	ck_assert_int_eq(dropped(), before + 1);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/sessions");
	TCase *tcase = tcase_create("sessions");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, another_vlan_finds_no_session);
	tcase_add_loop_test(tcase, a_new_device_with_an_old_ifindex_finds_no_session, 0, 2);
	tcase_add_test(tcase, sessions_go_with_their_interface);
	tcase_add_test(tcase, established_flows_live_through_a_flood);
	tcase_add_test(tcase, ages_are_right_after_the_clock_was_set);
	tcase_add_loop_test(tcase, another_table_takes_the_sessions_over, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
