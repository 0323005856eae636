/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "What survives what": a test for each line of that table (kill -9 has a file of its own). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define TOO_MANY 1025 /* sources times destinations: more than 2^20 rows */
#define PINS MS_NETNS_BPFFS "/microseg"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_site_setup(microsegd);
}

static void expect_no_trace(void)
{
	char shown[512];

	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	ck_assert_int_ne(access(PINS, F_OK), 0);
	ms_netns_read_command(
		shown, sizeof(shown),
		"tc filter show dev veth-a ingress; tc filter show dev veth-a egress; "
		"tc qdisc show dev veth-a clsact; bpftool -j net show dev veth-a | "
		"grep -o 'ms_[a-z]*' || :");
	ck_assert_str_eq(shown, "");
}

/* Programs of ours on one hook of veth-a. */
static unsigned int programs_on(const char *hook)
{
	char count[16];

	return atoi(
		ms_netns_read_command(count, sizeof(count),
				      "tc filter show dev veth-a %s | grep -c ' ms_.*direct-action'"
				      " || :",
				      hook));
}

START_TEST(a_killed_cli_changes_nothing)
{
	json_int_t generation;
	json_auto_t *before = NULL, *after = NULL;

	ms_proc_start(microsegd, NULL);
	before = ms_ctl(microsegd, "status", NULL);
	generation = ms_ctl_int(before, "0.generation_applied");
	ms_netns_run_command("timeout -s KILL 0.2 " MS_TEST_BIN_DIR "/microsegctl --socket "
			     "%s/run/control.sock observe -f >/dev/null; "
			     "timeout -s KILL 0.2 " MS_TEST_BIN_DIR "/microsegctl --socket "
			     "%s/run/control.sock stats >/dev/null; :",
			     microsegd->dir, microsegd->dir);
	after = ms_ctl(microsegd, "status", NULL);
	ck_assert_int_eq(ms_ctl_int(after, "0.generation_applied"), generation);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_restart_takes_over_and_leaves_one_program_per_hook)
{
	json_auto_t *status = NULL;
	json_int_t denied;
	char rule[MS_CTL_ID];

	ms_proc_start(microsegd, NULL);
	ms_ctl_rule_add(microsegd, rule, "--to", "10.1.0.2", "--proto", "icmp", "deny", NULL);
	ms_site_expect_enforced();
	denied = ms_ctl_rule_packets(microsegd, "shut");
	ck_assert_int_gt(denied, 0);
	for (int i = 0; i < 3; i++) {
		ms_proc_stop(microsegd);
		ms_site_expect_enforced(); /* stop leaves protection in place */
		ms_proc_start(microsegd, NULL);
		ck_assert_uint_eq(programs_on("ingress"), 1);
		ck_assert_uint_eq(programs_on("egress"), 1);
	}
	ms_site_expect_enforced();
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "shut"), denied);
	status = ms_ctl(microsegd, "status", NULL);
	ck_assert(json_is_false(ms_ctl_at(status, "0.degraded")));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(stop_says_how_to_remove_it)
{
	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	ck_assert(ms_proc_logged(microsegd, "To remove it: microsegd --cleanup"));
	ms_site_expect_enforced();
}
END_TEST

START_TEST(cleanup_of_the_cli_removes_every_trace_of_a_dead_daemon)
{
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_kill(microsegd);
	ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl cleanup --bpffs " PINS);
	expect_no_trace();
}
END_TEST

START_TEST(cleanup_says_as_json_what_it_removes)
{
	json_auto_t *would = NULL, *did = NULL, *again = NULL;

	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	would = ms_ctl(microsegd, "cleanup", "--bpffs", PINS, "--dry-run", NULL);
	ms_site_expect_enforced();
	did = ms_ctl(microsegd, "cleanup", "--bpffs", PINS, NULL);
	expect_no_trace();
	ck_assert_ptr_nonnull(ms_ctl_find(did, "removed", "from", "veth-a"));
	ck_assert_ptr_nonnull(ms_ctl_find(did, "removed", "from", PINS));
	ck_assert(json_equal(ms_ctl_at(would, "0.removed"), ms_ctl_at(did, "0.removed")));
	again = ms_ctl(microsegd, "cleanup", "--bpffs", PINS, NULL);
	ck_assert_uint_eq(json_array_size(ms_ctl_at(again, "0.removed")), 0);
}
END_TEST

START_TEST(a_dry_cleanup_lists_what_a_living_daemon_has)
{
	char shown[1024];

	ms_proc_start(microsegd, NULL);
	ms_netns_read_command(shown, sizeof(shown),
			      MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock cleanup "
					      "--dry-run --bpffs " PINS,
			      microsegd->dir);
	ck_assert_msg(strstr(shown, "would remove") && strstr(shown, "from veth-a") &&
			      strstr(shown, "would remove the pinned programs and maps"),
		      "%s", shown);
	/* Nothing has gone, and the real one is still refused. */
	ms_site_expect_enforced();
	ck_assert_uint_eq(programs_on("ingress"), 1);
	ck_assert_int_ne(ms_netns_try_command(MS_TEST_BIN_DIR "/microsegctl --socket "
							      "%s/run/control.sock cleanup "
							      "--bpffs " PINS,
					      microsegd->dir),
			 0);
	ck_assert_int_ne(ms_netns_try_command(MS_TEST_BIN_DIR "/microsegd --cleanup --bpffs " PINS),
			 0);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(cleanup_of_the_daemon_removes_every_trace)
{
	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	ms_site_expect_enforced();
	ck_assert_int_eq(ms_proc_start_refused(microsegd, "--cleanup", NULL), 0);
	expect_no_trace();
}
END_TEST

START_TEST(a_trial_cleans_up_when_it_ends)
{
	ms_proc_start(microsegd, "--cleanup-on-exit", NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
	expect_no_trace();
}
END_TEST

START_TEST(cleanup_leaves_what_is_not_ours)
{
	ms_netns_run_command("tc qdisc add dev veth-a clsact");
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
	ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl cleanup --bpffs " PINS);
	ms_netns_run_command("tc qdisc show dev veth-a clsact | grep -q clsact");
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
}
END_TEST

START_TEST(a_pin_folder_that_is_a_symlink_is_never_followed)
{
	ms_netns_run_command("mkdir " MS_NETNS_BPFFS "/elsewhere && ln -s elsewhere " PINS);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ms_netns_run_command("test -z \"$(ls " MS_NETNS_BPFFS "/elsewhere)\"");
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
}
END_TEST

START_TEST(a_pin_folder_of_another_owner_is_refused)
{
	ms_netns_run_command("mkdir -m 700 " PINS " && chown 1000 " PINS);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, PINS));
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	/* The same folder in our hands. */
	ms_netns_run_command("chown 0 " PINS);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_bpffs_mounted_over_ours_makes_no_second_enforcement)
{
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(!ms_ctl_has_problem(microsegd, "mounted over"));
	ms_proc_stop(microsegd);
	/* The pins are out of sight; the programs still judge. */
	ms_netns_run_command("mount -t bpf bpf " MS_NETNS_BPFFS);
	ms_proc_start(microsegd, NULL);
	ck_assert_uint_eq(programs_on("ingress"), 1);
	ck_assert_uint_eq(programs_on("egress"), 1);
	ms_site_expect_enforced();
	ck_assert(ms_proc_logged(microsegd, "was a bpffs mounted over it"));
	ck_assert(ms_ctl_has_problem(microsegd, "mounted over"));
	ms_proc_stop(microsegd);
	ms_netns_run_command("umount " MS_NETNS_BPFFS);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert_uint_eq(programs_on("ingress"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(no_bpffs_is_one_clear_sentence)
{
	ms_netns_run_command("umount " MS_NETNS_BPFFS);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, "bpf"));
}
END_TEST

static bool error_is_shown(void *user)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	return strstr(ms_ctl_text(status, "0.last_error"), user) != NULL;
}

START_TEST(an_absent_policy_directory_opens_nothing)
{
	ms_proc_start(microsegd, NULL);
	ms_netns_run_command("mv %s/policy.d %s/away", microsegd->dir, microsegd->dir);
	ms_proc_hangup(microsegd);
	ck_assert_msg(ms_netns_wait(error_is_shown, (void *)"no policy in", 10),
		      "status does not say that the policy is gone");
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(error_is_shown((void *)"no policy in"));
	ck_assert(!error_is_shown((void *)"the last good one"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_bad_policy_file_is_refused_and_the_last_good_one_stays)
{
	json_auto_t *before = NULL, *after = NULL;

	ms_proc_start(microsegd, NULL);
	before = ms_ctl(microsegd, "status", NULL);
	ms_proc_write_policy(microsegd, "20-bad.yaml",
			     "version: 1\nrules:\n  - { id: x, action: drop }\n");
	ms_proc_hangup(microsegd);
	ck_assert_msg(ms_netns_wait(error_is_shown, (void *)"20-bad.yaml:3:22", 10),
		      "status does not say what is wrong");
	after = ms_ctl(microsegd, "status", NULL);
	ck_assert_int_eq(ms_ctl_int(after, "0.generation_applied"),
			 ms_ctl_int(before, "0.generation_applied"));
	ck_assert(ms_proc_logged(microsegd, "20-bad.yaml:3:22"));
	ms_site_expect_enforced();
	/* Over a restart, and over a kill. */
	ms_proc_stop(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(error_is_shown((void *)"20-bad.yaml:3:22"));
	/* Mended, it is taken. */
	ms_proc_write_policy(microsegd, "20-bad.yaml",
			     "version: 1\nrules:\n"
			     "  - { id: x, dir: in, proto: tcp, dport: 80, action: deny }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

/* Sound to read, but of more rows than the datapath holds. */
static void write_too_large_a_policy(const char *name)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\nrules:\n  - { id: large, action: deny, from: [192.0.2.1");
	for (int i = 1; i < TOO_MANY; i++)
		fprintf(out, ", 198.18.%d.%d", i / 256, i % 256);
	fprintf(out, "], to: [192.0.2.1");
	for (int i = 1; i < TOO_MANY; i++)
		fprintf(out, ", 198.19.%d.%d", i / 256, i % 256);
	fprintf(out, "] }\n");
	ck_assert_int_eq(fclose(out), 0);
	ms_proc_write_policy(microsegd, name, text);
	free(text);
}

START_TEST(a_policy_too_large_for_the_datapath_does_not_keep_the_daemon_from_starting)
{
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
	write_too_large_a_policy("20-large.yaml");
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(error_is_shown((void *)"rows"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/lifetime");
	TCase *tcase = tcase_create("lifetime");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_killed_cli_changes_nothing);
	tcase_add_test(tcase, a_restart_takes_over_and_leaves_one_program_per_hook);
	tcase_add_test(tcase, stop_says_how_to_remove_it);
	tcase_add_test(tcase, cleanup_of_the_cli_removes_every_trace_of_a_dead_daemon);
	tcase_add_test(tcase, cleanup_says_as_json_what_it_removes);
	tcase_add_test(tcase, a_dry_cleanup_lists_what_a_living_daemon_has);
	tcase_add_test(tcase, cleanup_of_the_daemon_removes_every_trace);
	tcase_add_test(tcase, a_trial_cleans_up_when_it_ends);
	tcase_add_test(tcase, cleanup_leaves_what_is_not_ours);
	tcase_add_test(tcase, a_pin_folder_that_is_a_symlink_is_never_followed);
	tcase_add_test(tcase, a_pin_folder_of_another_owner_is_refused);
	tcase_add_test(tcase, a_bpffs_mounted_over_ours_makes_no_second_enforcement);
	tcase_add_test(tcase, no_bpffs_is_one_clear_sentence);
	tcase_add_test(tcase, an_absent_policy_directory_opens_nothing);
	tcase_add_test(tcase, a_bad_policy_file_is_refused_and_the_last_good_one_stays);
	tcase_add_test(tcase,
		       a_policy_too_large_for_the_datapath_does_not_keep_the_daemon_from_starting);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
