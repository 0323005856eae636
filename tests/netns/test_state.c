/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state directory damaged or full: nothing that was shut opens, and a person is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define PINS MS_NETNS_BPFFS "/microseg"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_site_setup(microsegd);
}

static void damage(const char *file, const char *with)
{
	ms_netns_run_command("printf '%s' >%s/state/%s", with, microsegd->dir, file);
}

/* ---- damaged ---- */

static const char *const garbage[] = { "garbage", "", "[]", "[{\"name\": \"10-test.yaml\"}]" };

START_TEST(a_damaged_last_good_policy_is_not_none)
{
	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	damage("last-good.json", garbage[_i]);
	ms_netns_run_command("rm %s/policy.d/*", microsegd->dir);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, "last-good.json in the state directory is damaged"));
	/* What is pinned judges on. */
	ms_site_expect_enforced();
	/* And where nothing is pinned, a start does not claim to protect. */
	ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl cleanup --bpffs " PINS);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	/* The way out that the sentence names. */
	ms_netns_run_command("mv %s/state/last-good.json %s/away", microsegd->dir, microsegd->dir);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_damaged_last_good_policy_is_renewed_from_the_directory)
{
	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	damage("last-good.json", "garbage");
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(!ms_ctl_has_problem(microsegd, "damaged"));
	ms_proc_stop(microsegd);
	ms_netns_run_command("rm %s/policy.d/*", microsegd->dir);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(with_a_bad_policy_both_are_named)
{
	ms_proc_start(microsegd, NULL);
	ms_proc_stop(microsegd);
	damage("last-good.json", "garbage");
	ms_proc_write_policy(microsegd, "20-bad.yaml",
			     "version: 1\nrules: [{ id: x, action: drop }]\n");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, "20-bad.yaml:2:"));
	ck_assert(ms_proc_logged(microsegd, "last-good.json in the state directory is damaged"));
	ms_site_expect_enforced();
}
END_TEST

/* The directory is not what a client put in its place: the last good documents are. */
START_TEST(damaged_applied_documents_leave_the_last_good_ones)
{
	ms_proc_start(microsegd, NULL);
	ms_netns_run_command("mv %s/policy.d/10-test.yaml %s/shut.yaml", microsegd->dir,
			     microsegd->dir);
	ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock policy "
					     "apply %s/shut.yaml",
			     microsegd->dir, microsegd->dir);
	ms_proc_stop(microsegd);
	damage("applied.json", "garbage");
	ms_proc_write_policy(microsegd, "10-open.yaml",
			     "version: 1\n"
			     "groups: [{ name: work, match: { name: \"veth-*\" }, "
			     "default: { in: allow, out: allow } }]\n");
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ck_assert(ms_ctl_has_problem(microsegd, "applied.json in the state directory is damaged"));
	/* As the sentence in docs/operations.md says. */
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	ck_assert(!ms_ctl_has_problem(microsegd, "damaged"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(damaged_runtime_changes_stop_the_start)
{
	char rule[MS_CTL_ID];

	ms_proc_start(microsegd, NULL);
	ms_ctl_rule_add(microsegd, rule, "--to", "10.1.0.2", "--proto", "icmp", "deny", NULL);
	ms_proc_stop(microsegd);
	damage("runtime.json", "garbage");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, "runtime.json"));
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
	ms_site_expect_enforced();
}
END_TEST

START_TEST(damaged_changes_of_members_stop_the_start)
{
	ms_proc_start(microsegd, NULL);
	ms_ctl_do(microsegd, "set", "add", "shut", "10.1.0.2", NULL);
	ms_ctl_do(microsegd, "set", "add", "shut", "10.9.0.1", NULL);
	ms_proc_stop(microsegd);
	damage("runtime.journal", "garbage\n");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, NULL), 1);
	ck_assert(ms_proc_logged(microsegd, "runtime.journal"));
	ms_site_expect_enforced();
	/* As the table in docs/operations.md says. */
	ms_netns_run_command("rm %s/state/runtime.journal", microsegd->dir);
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

/* A command that has answered is on disk, whatever happens to the daemon and to what is pinned. */
START_TEST(members_outlive_the_daemon_and_the_pins)
{
	ms_proc_write_policy(microsegd, "20-set.yaml",
			     "version: 1\n"
			     "sets: { file: [10.9.9.9] }\n"
			     "rules:\n"
			     "  - { id: f, to: \"set:file\", proto: icmp, action: deny }\n");
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_SOON), 0);
	ms_ctl_do(microsegd, "set", "add", "file", "10.1.0.2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
	for (int i = 0; i < 2; i++) {
		ms_proc_kill(microsegd);
		ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl cleanup --bpffs " PINS);
		ms_proc_start(microsegd, NULL);
		ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
		/* A save of everything in between takes what the lines said along. */
		ms_ctl_do(microsegd, "group", "mode", "work", "enforce", NULL);
	}
	ms_ctl_do(microsegd, "set", "del", "file", "10.1.0.2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_SOON), 0);
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- refused ---- */

static const char opening[] =
	"version: 1\n"
	"groups: [{ name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }]\n";

/* A command that could not write its second file said "nothing was changed" and had the first one
 * changed: with a directory gone bad, the next start put the refused documents in force. */
START_TEST(refused_documents_are_not_what_a_start_falls_back_to)
{
	char text[1024], path[256];

	ms_proc_start(microsegd, NULL);
	snprintf(path, sizeof(path), "%s/open.yaml", microsegd->dir);
	ms_proc_write_policy(microsegd, "../open.yaml", opening);
	/* No rename goes over a folder, nor does a file go into its place. */
	ms_netns_run_command("mkdir %s/state/%s", microsegd->dir,
			     _i ? "applied.json" : ".applied.json.new");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", path, NULL), 1);
	ck_assert_msg(strstr(text, "nothing was changed") != NULL, "%s", text);
	ms_site_expect_enforced();
	ms_netns_run_command("rmdir %s/state/.applied.json.new %s/state/applied.json 2>/dev/null; "
			     "test ! -e %s/state/.last-good.json.new",
			     microsegd->dir, microsegd->dir, microsegd->dir);
	ms_proc_stop(microsegd);
	ms_proc_write_policy(microsegd, "20-bad.yaml",
			     "version: 1\nrules: [{ id: x, action: drop }]\n");
	ms_proc_start(microsegd, NULL);
	ms_site_expect_enforced();
	/* The twin: what was not refused is. */
	ms_ctl_do(microsegd, "policy", "apply", path, NULL);
	ms_proc_stop(microsegd);
	ms_netns_run_command("rm %s/state/applied.json", microsegd->dir);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* More groups than there can be: every rule is merged, and the tables refuse. */
static void write_too_many_groups(const char *name)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\ngroups: [");
	for (int i = 0; i < 300; i++)
		fprintf(out,
			"%s{ name: g%d, match: { name: x%d }, default: { in: allow, out: allow } }",
			i ? ",\n  " : "", i, i);
	fprintf(out, "]\n");
	fclose(out);
	ms_proc_write_policy(microsegd, name, text);
}

START_TEST(what_the_tables_refuse_leaves_the_saved_state_as_it_was)
{
	char text[2048], path[256];

	ms_proc_start(microsegd, NULL);
	ms_netns_run_command("cp %s/state/last-good.json %s/before", microsegd->dir,
			     microsegd->dir);
	snprintf(path, sizeof(path), "%s/many.yaml", microsegd->dir);
	write_too_many_groups(_i ? "../many.yaml" : "20-many.yaml");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply",
				       _i ? path : NULL, NULL),
			 1);
	ck_assert_msg(strstr(text, "groups: at most") != NULL, "%s", text);
	ms_site_expect_enforced();
	ms_netns_run_command("cmp %s/state/last-good.json %s/before && "
			     "test ! -e %s/state/applied.json && ! ls %s/state/.*.new",
			     microsegd->dir, microsegd->dir, microsegd->dir, microsegd->dir);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- full ---- */

/* To the last block: what fails otherwise (memory, say) would leave room that nobody meant. */
static void fill(void)
{
	static const char block[4096];
	ms_cleanup(ms_close_fd) int fd = -1;
	char path[256];

	snprintf(path, sizeof(path), "%s/state/ballast", microsegd->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	ck_assert_int_eq(errno, ENOSPC);
}

static void make_room(void)
{
	ms_netns_run_command("rm %s/state/ballast", microsegd->dir);
}

/* The state directory on a disk of its own, with a policy in force. */
static void setup_small(void)
{
	setup();
	ms_netns_run_command("mkdir -m 700 %s/state && "
			     "mount -t tmpfs -o size=64k,mode=700 small %s/state",
			     microsegd->dir, microsegd->dir);
	ms_proc_start(microsegd, NULL);
}

static bool all_is_saved(void *user)
{
	(void)user;
	return !ms_ctl_has_problem(microsegd, "cannot save");
}

START_TEST(a_full_disk_does_not_keep_the_daemon_from_starting)
{
	ms_proc_stop(microsegd);
	fill();
	/* With what is pinned, and as after a reboot. */
	for (int i = 0; i < 2; i++) {
		ms_proc_start(microsegd, NULL);
		ms_site_expect_enforced();
		ck_assert(ms_ctl_has_problem(microsegd, "cannot save"));
		ck_assert(ms_ctl_has_problem(microsegd, "No space left on device"));
		ck_assert(ms_proc_logged(microsegd, "cannot save"));
		ms_proc_stop(microsegd);
		ms_netns_run_command(MS_TEST_BIN_DIR "/microsegctl cleanup --bpffs " PINS);
	}
	ms_proc_start(microsegd, NULL);
	make_room();
	ck_assert_msg(ms_netns_wait(all_is_saved, NULL, 30), "it is never saved");
	ms_proc_stop(microsegd);
}
END_TEST

/* The numbers that sessions carry must not come again, whatever the disk remembers. */
START_TEST(a_full_disk_repeats_no_generation)
{
	json_int_t before = 0;

	for (int i = 0; i < 3; i++) {
		json_auto_t *status = ms_ctl(microsegd, "status", NULL);

		ck_assert_int_gt(ms_ctl_int(status, "0.generation_applied"), before);
		before = ms_ctl_int(status, "0.generation_applied");
		ms_proc_stop(microsegd);
		if (i == 0)
			fill();
		ms_proc_start(microsegd, NULL);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(panic_is_in_force_on_a_full_disk_and_says_that_it_may_not_last)
{
	char text[1024];

	fill();
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "panic", "closed", NULL), 4);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert(ms_ctl_has_problem(microsegd, "cannot save"));
	ck_assert(ms_ctl_has_problem(microsegd, "panic closed is in force"));
	/* Any other change is refused. */
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "add", "--dport",
				       "82", "--proto", "tcp", "deny", NULL),
			 1);
	/* Saved as soon as there is room: then it outlives the daemon. */
	make_room();
	ck_assert_msg(ms_netns_wait(all_is_saved, NULL, 30), "it is never saved");
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "panic", "off", NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_full_disk_refuses_members_and_changes_nothing)
{
	char text[2048];

	ms_ctl_do(microsegd, "set", "add", "some", "10.9.0.1", NULL);
	ms_ctl_do(microsegd, "rule", "add", "--to", "set:some", "--proto", "icmp", "deny", NULL);
	fill();
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", "add", "some",
				       "10.1.0.2", NULL),
			 1);
	ck_assert_ptr_nonnull(strstr(text, "nothing was changed"));
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_SOON), 0);
	ms_ctl_status(microsegd, text, sizeof(text), "set", "show", "some", NULL);
	ck_assert_ptr_null(strstr(text, "10.1.0.2"));
	ck_assert_ptr_nonnull(strstr(text, "10.9.0.1"));
	make_room();
	ms_ctl_do(microsegd, "set", "add", "some", "10.1.0.2", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, "10.1.0.2", MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

/* Bytes of a document that fits once and not twice, and of one that does not fit at all. */
static const size_t too_long[] = { 34000, 100000 };

START_TEST(a_full_disk_refuses_documents_and_changes_nothing)
{
	ms_cleanup(ms_free) char *text = malloc(too_long[_i] + sizeof(opening));
	char answer[2048], path[256];
	size_t used = sizeof(opening) - 1;

	ck_assert_ptr_nonnull(text);
	memcpy(text, opening, used);
	for (; used < too_long[_i]; used++)
		text[used] = used % 64 ? '#' : '\n';
	text[used] = '\0';
	ms_proc_write_policy(microsegd, "../long.yaml", text);
	snprintf(path, sizeof(path), "%s/long.yaml", microsegd->dir);
	ms_netns_run_command("cp %s/state/last-good.json %s/before", microsegd->dir,
			     microsegd->dir);
	ck_assert_int_eq(
		ms_ctl_status(microsegd, answer, sizeof(answer), "policy", "apply", path, NULL), 1);
	ck_assert_msg(strstr(answer, "No space left on device; nothing was changed") != NULL, "%s",
		      answer);
	ms_site_expect_enforced();
	ms_netns_run_command("cmp %s/state/last-good.json %s/before && "
			     "test ! -e %s/state/applied.json && ! ls %s/state/.*.new",
			     microsegd->dir, microsegd->dir, microsegd->dir, microsegd->dir);
	/* The twin: with room for both it comes in force. */
	ms_netns_run_command("mount -o remount,size=1m %s/state", microsegd->dir);
	ms_ctl_do(microsegd, "policy", "apply", path, NULL);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/state");
	TCase *tcase = tcase_create("damaged");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_damaged_last_good_policy_is_not_none, 0,
			    sizeof(garbage) / sizeof(garbage[0]));
	tcase_add_test(tcase, a_damaged_last_good_policy_is_renewed_from_the_directory);
	tcase_add_test(tcase, with_a_bad_policy_both_are_named);
	tcase_add_test(tcase, damaged_applied_documents_leave_the_last_good_ones);
	tcase_add_test(tcase, damaged_runtime_changes_stop_the_start);
	tcase_add_test(tcase, damaged_changes_of_members_stop_the_start);
	tcase_add_test(tcase, members_outlive_the_daemon_and_the_pins);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("refused");
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, refused_documents_are_not_what_a_start_falls_back_to, 0, 2);
	tcase_add_loop_test(tcase, what_the_tables_refuse_leaves_the_saved_state_as_it_was, 0, 2);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("full");
	tcase_add_checked_fixture(tcase, setup_small, NULL);
	/* More than all that is waited for in one: up to five starts, and a save tried again. */
	tcase_set_timeout(tcase, 200);
	tcase_add_test(tcase, a_full_disk_does_not_keep_the_daemon_from_starting);
	tcase_add_test(tcase, a_full_disk_repeats_no_generation);
	tcase_add_test(tcase, panic_is_in_force_on_a_full_disk_and_says_that_it_may_not_last);
	tcase_add_test(tcase, a_full_disk_refuses_members_and_changes_nothing);
	tcase_add_loop_test(tcase, a_full_disk_refuses_documents_and_changes_nothing, 0,
			    sizeof(too_long) / sizeof(too_long[0]));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
