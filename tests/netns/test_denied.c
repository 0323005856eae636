/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A storm of one denied packet: denied to the last, all of it counted for its rule and nothing kept
 * among the sessions; and its end when the rule is gone, in the middle of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/lib/layout.h"
#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define STORM 4000
#define DATAGRAM 43 /* bytes of a frame of ms_traffic_raw_udp() */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"guarded*\" }, default: { in: allow, out: allow } }\n";

static const char *const tables[] = { "lru_hash", "set" };

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static int workload = -1, host = -1;

static void setup(void)
{
	ms_netns_setup();
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static void start(const char *table)
{
	char config[64];

	snprintf(config, sizeof(config), "limits: { session_table: %s }\n", table);
	ms_proc_write_config(microsegd, config);
	ms_proc_start(microsegd, NULL);
	ms_netns_run_command("ip link add guarded0 type veth peer name peer0 && "
			     "ip link set guarded0 up && ip link set peer0 up");
	ms_netns_wait_carrier("peer0");
	ms_netns_wait_carrier("guarded0");
	workload = ms_traffic_raw(NULL, "peer0");
	host = ms_traffic_raw(NULL, "guarded0");
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
}

static void knock(unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		ms_traffic_raw_udp(host, "10.9.0.1", 1000, "10.9.0.2", 99, 0);
}

/* ---- what happened ---- */

/* At the workload's end. */
static json_int_t arrived(void)
{
	static char text[4096];
	json_auto_t *links = json_loads(
		ms_netns_read_command(text, sizeof(text), "ip -s -j link show dev peer0"), 0, NULL);

	ck_assert_msg(json_is_array(links), "%s", text);
	return ms_ctl_int(links, "0.stats64.rx.packets");
}

static json_int_t of_iface(const char *counter)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, "guarded0");

	return ms_ctl_int(iface, counter);
}

static json_int_t denied_by_rule(const char *counter)
{
	json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);

	return ms_ctl_int(ms_ctl_find(lines, "reasons", "reason", "rule"), counter);
}

static json_int_t hits(const char *id)
{
	json_auto_t *lines = ms_ctl(microsegd, "rule", "list", NULL);
	json_t *rule = ms_ctl_find(lines, "rules", "id", id);

	ck_assert_ptr_nonnull(rule);
	return ms_ctl_int(rule, "hits");
}

/* Packets that this daemon's lines have answered, over all processors. By its pin: the machine may
 * have other daemons. */
static uint64_t denied_again(void)
{
	int cpus = libbpf_num_possible_cpus();
	ms_cleanup(ms_free) struct ms_denied *lines = NULL;
	ms_cleanup(ms_close_fd) int fd = -1;
	char path[256];
	uint64_t sum = 0;

	ms_netns_read_command(path, sizeof(path), "find " MS_NETNS_BPFFS " -name ms_denied");
	path[strcspn(path, "\n")] = '\0';
	fd = bpf_obj_get(path);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_gt(cpus, 0);
	lines = calloc((size_t)cpus, sizeof(*lines));
	ck_assert_ptr_nonnull(lines);
	for (uint32_t i = 0; i < MS_DENIED_LINES; i++) {
		ck_assert_int_eq(bpf_map_lookup_elem(fd, &i, lines), 0);
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += lines[cpu].hits;
	}
	return sum;
}

static void expect_one_old_session(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "session", "list", NULL);

	ck_assert_uint_eq(ms_ctl_count(lines, "sessions", NULL, NULL), 1);
	ck_assert_ptr_nonnull(ms_ctl_find(lines, "sessions", "proto", "udp"));
}

START_TEST(a_storm_is_counted_to_the_last_and_ends_with_its_rule)
{
	char rule[MS_CTL_ID];
	json_auto_t *event = NULL;
	uint64_t again;
	json_int_t before;

	start(tables[_i]);
	/* A session, to see that it is left alone. */
	ms_traffic_raw_udp(workload, "10.9.0.2", 1, "10.9.0.1", 53, 0);
	ms_traffic_raw_udp(host, "10.9.0.1", 53, "10.9.0.2", 1, 0);
	expect_one_old_session();
	before = arrived();

	ms_ctl_rule_add(microsegd, rule, "--group", "work", "--dir", "in", "--proto", "udp",
			"--dport", "99", "deny", NULL);
	again = denied_again();
	knock(STORM);
	ck_assert_int_eq(arrived(), before);
	/* Or it is not the storm's way that was tried. */
	ck_assert_uint_gt(denied_again(), again);

	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, rule), STORM);
	ck_assert_int_eq(hits(rule), STORM);
	ck_assert_int_eq(of_iface("in_dropped_packets"), STORM);
	ck_assert_int_eq(of_iface("in_dropped_bytes"), STORM * DATAGRAM);
	ck_assert_int_eq(denied_by_rule("denied_packets"), STORM);
	ck_assert_int_eq(denied_by_rule("denied_bytes"), STORM * DATAGRAM);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), STORM);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "logged") + ms_ctl_stat(microsegd, "suppressed"),
			 STORM);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "new_session"), 1);
	expect_one_old_session();
	event = ms_ctl_event(microsegd, rule, "deny");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");

	/* In the middle of it: what a line remembers is no second old. */
	knock(STORM);
	ms_ctl_rule_del(microsegd, rule);
	knock(1);
	ck_assert_int_eq(arrived(), before + 1);
	ck_assert_int_eq(of_iface("in_dropped_packets"), 2 * STORM);
	ms_proc_stop(microsegd);
}
END_TEST

/* The rule comes back, and with it the denial, also for what has a session now. */
START_TEST(what_was_allowed_in_between_is_denied_again)
{
	char rule[MS_CTL_ID];
	json_int_t before;

	start(tables[_i]);
	before = arrived();
	for (int round = 0; round < 3; round++) {
		ms_ctl_rule_add(microsegd, rule, "--group", "work", "--dir", "in", "--proto", "udp",
				"--dport", "99", "deny", NULL);
		knock(50);
		ck_assert_int_eq(arrived(), before + 50 * round);
		ck_assert_int_eq(ms_ctl_rule_packets(microsegd, rule), 50);
		ms_ctl_rule_del(microsegd, rule);
		knock(50);
		ck_assert_int_eq(arrived(), before + 50 * (round + 1));
	}
	ck_assert_int_eq(of_iface("in_dropped_packets"), 150);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/denied");
	TCase *tcase = tcase_create("denied");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_storm_is_counted_to_the_last_and_ends_with_its_rule, 0, 2);
	tcase_add_loop_test(tcase, what_was_allowed_in_between_is_denied_again, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
