/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon dies without a word under a running transfer and a denied flow. Packets must not
 * notice; the next daemon must take over what it finds and be in charge at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets:\n"
	"  blocked: [192.0.2.1]\n"
	"rules:\n"
	"  - { id: shut, dir: in, proto: [tcp, udp], dport: 81, action: deny }\n"
	"  - { id: blocked, to: \"set:blocked\", action: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static struct ms_traffic_pump *transfer, *denied;

static void setup(void)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", "fd01::");
	ms_traffic_server("a", 80);
	ms_traffic_server("a", 81);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
	transfer = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, "10.1.0.2", 80, 1);
	denied = ms_traffic_pump_start(NULL, MS_TRAFFIC_UDP, "10.1.0.2", 81, 0);
	ck_assert(ms_traffic_pump_advances(transfer, 20));
}

static void teardown(void)
{
	ck_assert_uint_eq(denied->rounds, 0);
	ck_assert_int_eq(transfer->error, 0);
	ms_traffic_pump_end(transfer);
	ms_traffic_pump_end(denied);
	ms_proc_stop(microsegd);
}

static bool denied_has_tried_again(void *user)
{
	return denied->stalls >= *(uint64_t *)user;
}

/* Two more attempts of the denied flow, and none came through. */
static void expect_still_denied(void)
{
	uint64_t stalls = denied->stalls + 2;

	ck_assert(ms_netns_wait(denied_has_tried_again, &stalls, 10));
	ck_assert_uint_eq(denied->rounds, 0);
}

static json_t *find_session(json_t *lines)
{
	json_t *session = ms_ctl_find(lines, "sessions", "proto", "tcp");

	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(ms_ctl_int(session, "dport"), 80);
	return session;
}

/* The ids of the programs of ours on the interface's two hooks, from the kernel. */
static void read_program_ids(char *buf, size_t size)
{
	ms_netns_read_command(buf, size,
			      "for hook in ingress egress; do tc filter show dev veth-a $hook | "
			      "sed -n 's/.* ms_.* id \\([0-9]*\\) .*/\\1/p'; done");
}

START_TEST(filtering_goes_on_and_the_next_daemon_takes_over)
{
	json_auto_t *before = ms_ctl(microsegd, "session", "list", NULL);
	json_t *session = find_session(before);
	json_int_t age_ms = ms_ctl_int(session, "age_ms"), packets, ids[2] = { 0 };
	uint64_t started_ns = ms_netns_now_ns(), elapsed_ms;
	json_auto_t *after = NULL, *iface = NULL;
	char kernel_ids[64];

	packets = ms_ctl_int(session, "sent_packets");
	ms_proc_kill(microsegd);
	ck_assert(ms_traffic_pump_advances(transfer, 300));
	ck_assert_int_eq(transfer->error, 0);
	expect_still_denied();

	ms_proc_start(microsegd, NULL);
	ck_assert(ms_traffic_pump_advances(transfer, 50));
	ck_assert_int_eq(transfer->error, 0);
	expect_still_denied();
	read_program_ids(kernel_ids, sizeof(kernel_ids));
	ck_assert_msg(sscanf(kernel_ids, "%lld %lld", &ids[0], &ids[1]) == 2,
		      "programs on the hooks: %s", kernel_ids);
	iface = ms_ctl_iface(microsegd, "veth-a");
	ck_assert_int_eq(ms_ctl_int(iface, "hooks.0.program_id"), ids[0]);
	ck_assert_int_eq(ms_ctl_int(iface, "hooks.1.program_id"), ids[1]);
	ck_assert(json_is_false(ms_ctl_at(iface, "duplicate")));

	after = ms_ctl(microsegd, "session", "list", NULL);
	session = find_session(after);
	elapsed_ms = (ms_netns_now_ns() - started_ns) / 1000000;
	/* A tick of the session clock is some tens of milliseconds. */
	ck_assert_int_ge(ms_ctl_int(session, "age_ms"), age_ms + (json_int_t)elapsed_ms - 1000);
	ck_assert_int_le(ms_ctl_int(session, "age_ms"), age_ms + (json_int_t)elapsed_ms + 1000);
	ck_assert_int_ge(ms_ctl_int(session, "sent_packets"), packets + 300);
}
END_TEST

START_TEST(a_rule_bites_at_once_after_the_restart)
{
	char rule[MS_CTL_ID];
	uint64_t rounds;

	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_ctl_rule_add(microsegd, rule, "--proto", "tcp", "--dport", "80", "deny", NULL);
	rounds = transfer->rounds;
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.1.0.2", 80, GONE), -ETIMEDOUT);
	/* One answer may have been on its way. */
	ck_assert_uint_le(transfer->rounds, rounds + 1);
	ms_ctl_rule_del(microsegd, rule);
	ck_assert(ms_traffic_pump_advances(transfer, 20));
}
END_TEST

START_TEST(a_set_changes_at_once_after_the_restart)
{
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", SOON), 0);
	ms_ctl_do(microsegd, "set", "add", "blocked", "10.1.0.2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", GONE), -ETIMEDOUT);
	json_decref(ms_ctl_event(microsegd, "blocked", "deny"));
	ms_ctl_do(microsegd, "set", "del", "blocked", "10.1.0.2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", SOON), 0);
	ck_assert(ms_traffic_pump_advances(transfer, 20));
}
END_TEST

START_TEST(a_set_member_of_before_is_still_there)
{
	ms_ctl_do(microsegd, "set", "add", "blocked", "10.1.0.1", NULL);
	ms_ctl_do(microsegd, "set", "add", "blocked", "fd01::2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "fd01::2", GONE), -ETIMEDOUT);
	ms_proc_kill(microsegd);
	ck_assert_int_eq(ms_traffic_ping(NULL, "fd01::2", GONE), -ETIMEDOUT);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "fd01::2", GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "set", "del", "blocked", "fd01::2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "fd01::2", SOON), 0);
	ms_ctl_do(microsegd, "set", "del", "blocked", "10.1.0.1", NULL);
	ck_assert(ms_traffic_pump_advances(transfer, 20));
}
END_TEST

START_TEST(a_new_interface_is_protected_at_once_after_the_restart)
{
	ms_proc_kill(microsegd);
	ms_netns_add("b"); /* this one appears while nobody watches */
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_traffic_server("b", 81);
	ms_proc_start(microsegd, NULL);
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.2.0.2", 81, GONE), -ETIMEDOUT);
	ms_netns_add("c");
	ms_netns_veth("veth-c", "c", "10.3.0.", NULL);
	ms_traffic_server("c", 81);
	ms_ctl_wait_iface(microsegd, "veth-c", "protected");
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.3.0.2", 81, GONE), -ETIMEDOUT);
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.3.0.2", 82, SOON), -ECONNREFUSED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/kill9");
	TCase *tcase = tcase_create("kill9");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, filtering_goes_on_and_the_next_daemon_takes_over);
	tcase_add_test(tcase, a_rule_bites_at_once_after_the_restart);
	tcase_add_test(tcase, a_set_changes_at_once_after_the_restart);
	tcase_add_test(tcase, a_set_member_of_before_is_still_there);
	tcase_add_test(tcase, a_new_interface_is_protected_at_once_after_the_restart);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
