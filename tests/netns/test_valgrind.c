/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon under valgrind while it does its main job: it must neither lose memory nor touch what
 * is not its own. The sanitized lane does the same for everything; this is the second opinion.
 */
#include <errno.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define SOON 3000

/* Not what is undefined: valgrind 3.19 does not know that the kernel fills what a batch look-up
 * reads (BPF_MAP_LOOKUP_BATCH). */
#define VALGRIND                                                                                   \
	"valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite " \
	"--undef-value-errors=no --suppressions=" MS_TEST_SUPPRESSIONS

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: http, group: work, proto: tcp, dport: 80, action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server("a", 80);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_netns_run_command("printf '#!/bin/sh\\nexec " VALGRIND " %%s \"$@\"\\n' " MS_TEST_BIN_DIR
			     "/microsegd >" MS_NETNS_DIR "/watched && chmod +x " MS_NETNS_DIR
			     "/watched");
}

START_TEST(the_daemon_loses_nothing)
{
	char rule[MS_CTL_ID], text[512];
	json_int_t misses, hits;

	ms_proc_start_program(microsegd, MS_NETNS_DIR "/watched", NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	misses = ms_ctl_stat(microsegd, "policy_hit");
	hits = ms_ctl_stat(microsegd, "session_hit");
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(ms_traffic_get(NULL, "10.1.0.2", 80, SOON), MS_TRAFFIC_ANSWER);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "policy_hit") - misses, 100);
	ck_assert_int_gt(ms_ctl_stat(microsegd, "session_hit") - hits, 900);
	/* What a day brings: a rule, a set, a reload, a refusal, every listing, a link that goes.
	 */
	ms_ctl_rule_add(microsegd, rule, "--to", "10.1.0.2", "--dport", "81", "--proto", "tcp",
			"deny", NULL);
	ck_assert_int_eq(ms_traffic_connect(NULL, "10.1.0.2", 81, 200), -ETIMEDOUT);
	json_decref(ms_ctl_event(microsegd, rule, "deny"));
	ms_ctl_do(microsegd, "set", "add", "some", "192.0.2.1", NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "del", "none", NULL),
			 1);
	ms_ctl_do(microsegd, "status", NULL);
	ms_ctl_do(microsegd, "version", NULL);
	ms_ctl_do(microsegd, "rule", "list", NULL);
	ms_ctl_do(microsegd, "session", "list", NULL);
	ms_ctl_do(microsegd, "session", "top", NULL);
	ms_ctl_do(microsegd, "trace", "tcp 10.1.0.1:999 > 10.1.0.2:81 syn", "--iface", "veth-a",
		  "--dir", "in", NULL);
	ms_ctl_rule_del(microsegd, rule);
	ms_netns_run_command("ip link del veth-a");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/valgrind");
	TCase *tcase = tcase_create("valgrind");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, the_daemon_loses_nothing);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
