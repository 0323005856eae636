/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source that says too much, takes long, speaks nonsense or does not end: the daemon goes on, and
 * what was in force of it stays. The source `script` does what a file of the test says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"

#define SCRIPT MS_PLUGIN_SCRIPT
#define GUARDED "10.1.0.2"
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { block: [], flooding: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, proto: tcp, dport: 80, from: \"set:block\",\n"
	"      action: deny, log: true }\n";

#define BLOCK "set block\nmember block 10.1.0.1\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup_script(microsegd, policy, BLOCK);
}

static void start(void)
{
	ms_plugin_folder_start(microsegd, NULL);
}

static json_t *shown(void)
{
	return ms_ctl(microsegd, "source", "show", "script", NULL);
}

static json_int_t number(const char *path)
{
	json_auto_t *lines = shown();

	return ms_ctl_int(json_array_get(lines, 0), path);
}

struct expectation {
	const char *path, *text;
	json_int_t at_least;
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;
	json_auto_t *lines = shown();
	json_t *value = ms_ctl_at(json_array_get(lines, 0), expected->path);

	if (expected->text)
		return json_is_string(value) &&
		       strstr(json_string_value(value), expected->text) != NULL;
	return json_integer_value(value) >= expected->at_least;
}

static void expect_text(const char *path, const char *wanted)
{
	struct expectation expected = { path, wanted, 0 };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 20), "%s is not %s", path, wanted);
}

static void expect_at_least(const char *path, json_int_t wanted)
{
	struct expectation expected = { path, NULL, wanted };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 20), "%s is not %lld", path,
		      (long long)wanted);
}

static void expect_denied(void)
{
	json_auto_t *event = NULL;

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	event = ms_ctl_event(microsegd, "blocked", "deny");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");
}

static void expect_open(void)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, 3000), 0);
}

/* An interface that comes, and a command that changes something. */
static void expect_others_served(void)
{
	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	ms_ctl_do(microsegd, "rule", "add", "--to", "10.2.0.2", "--dport", "9", "--proto", "tcp",
		  "deny", NULL);
	expect_denied();
}

/* ---- an offer that takes long ---- */

static void make_pipe(const char *which)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/offer-%s", microsegd->dir, which);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void open_pipe(const char *which, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/offer-%s", microsegd->dir, which);
	fd = open(path, flags | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
}

static void hold_an_offer(const char *lines)
{
	make_pipe("there");
	make_pipe("go");
	ms_plugin_folder_say(lines);
	open_pipe("there", O_RDONLY);
}

static bool has_no_error(void *user)
{
	json_auto_t *lines = shown();

	(void)user;
	return json_is_null(ms_ctl_at(json_array_get(lines, 0), "source.error"));
}

/* Nothing here hangs on time: the preparation stands still until it is let go. */
START_TEST(the_loop_goes_on_while_an_offer_is_prepared)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	hold_an_offer("set block\n");
	expect_others_served();
	ck_assert_int_eq(number("source.members"), 1);
	open_pipe("go", O_WRONLY);
	expect_at_least("transactions", 2);
	ck_assert_int_eq(number("source.members"), 0);
	expect_open();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(of_what_comes_meanwhile_the_latest_counts)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	hold_an_offer("set block\n");
	ms_plugin_folder_say("flood 500\n" BLOCK);
	expect_at_least("superseded", 500);
	open_pipe("go", O_WRONLY);
	expect_at_least("transactions", 3);
	ck_assert_int_eq(number("transactions"), 3);
	expect_denied();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_unload_does_not_wait_for_what_is_prepared)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	hold_an_offer("set block\n");
	ms_ctl_do(microsegd, "plugin", "unload", "script", NULL);
	expect_open();
	open_pipe("go", O_WRONLY);
	ms_plugin_folder_say(BLOCK);
	ms_ctl_do(microsegd, "plugin", "load", "script", NULL);
	expect_at_least("source.members", 1);
	expect_denied();
	ms_proc_stop(microsegd);
}
END_TEST

/* It says something, and cannot say the next thing before that is in force. */
START_TEST(an_error_stays_when_what_was_said_before_it_comes_in_force)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	hold_an_offer("set block\n");
	ms_plugin_folder_say("fail no such thing\n");
	expect_text("source.error", "no such thing");
	open_pipe("go", O_WRONLY);
	expect_at_least("transactions", 2);
	expect_text("source.error", "no such thing");
	ms_plugin_folder_say(BLOCK);
	expect_at_least("transactions", 3);
	ck_assert(ms_netns_wait(has_no_error, NULL, 20));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- too much ---- */

#define FLOOD 50000

/* Each of the flood, the one before it and the one behind it. */
static bool is_all_done(void *user)
{
	json_auto_t *lines = shown();
	json_t *reply = json_array_get(lines, 0);

	(void)user;
	return ms_ctl_int(reply, "transactions") + ms_ctl_int(reply, "superseded") == FLOOD + 2;
}

START_TEST(a_flood_of_offers_takes_turns)
{
	start();
	expect_at_least("source.members", 1);
	ms_plugin_folder_say("flood 50000\n" BLOCK);
	ck_assert(ms_netns_wait(is_all_done, NULL, 40));
	/* Far fewer came in force than were said, and the last one did. */
	ck_assert_int_lt(number("transactions"), FLOOD / 10);
	expect_denied();
	expect_text("source.state", "running");
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_said(void *user)
{
	return ms_proc_logged(microsegd, user);
}

START_TEST(a_flood_of_lines_is_counted_not_written)
{
	json_int_t lost;
	char count[16];

	start();
	expect_at_least("source.members", 1);
	ms_plugin_folder_say("chatter 20000\n" BLOCK);
	expect_at_least("transactions", 2);
	lost = number("suppressed_lines");
	ms_netns_read_command(count, sizeof(count), "grep -c ': chatter ' %s/daemon.log",
			      microsegd->dir);
	ck_assert_int_gt(lost, 10000);
	ck_assert_int_eq(lost + strtol(count, NULL, 10), 20000);
	ck_assert(ms_netns_wait(is_said, (void *)"more lines about it were suppressed", 10));
	ms_proc_stop(microsegd);
}
END_TEST

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Twice what turns of 256 messages every 10 ms make; a slow machine takes fewer. */
#define LINES_A_SECOND (2 * 25600)

/* Each line costs the daemon something, written or not. */
START_TEST(one_that_never_stops_talking_has_a_share_of_the_loop)
{
	json_int_t before, lines;
	double from;

	start();
	expect_at_least("source.members", 1);
	ms_plugin_folder_say("babble\n");
	expect_at_least("suppressed_lines", 1000);
	from = now();
	before = number("suppressed_lines");
	expect_others_served();
	lines = number("suppressed_lines") - before;
	ck_assert_msg((double)lines < LINES_A_SECOND * (now() - from) + 1000,
		      "%lld lines in %.3f s", (long long)lines, now() - from);
	ms_plugin_folder_say(BLOCK);
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	expect_at_least("transactions", 2);
	expect_text("source.state", "running");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a change that fails, and cannot be taken back ---- */

static bool is_denied(void *user)
{
	(void)user;
	return ms_traffic_reach(NULL, GUARDED, 80, GONE) == -ETIMEDOUT;
}

START_TEST(members_that_could_not_be_put_back_are_later)
{
	ms_plugin_folder_say(BLOCK "set flooding\n");
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	ms_netns_run_command("touch %s/no-memory", microsegd->dir);
	ms_plugin_folder_say("set block\nset flooding\nmember flooding 192.0.2.1\n");
	expect_at_least("refused", 1);
	ck_assert(ms_proc_logged(microsegd, "not all members are as they were"));
	ck_assert(ms_ctl_has_problem(microsegd, "not all members of sets are as they should be"));
	ck_assert_int_eq(number("source.members"), 1);
	expect_open();
	ms_netns_run_command("rm %s/no-memory", microsegd->dir);
	ck_assert(ms_netns_wait(is_denied, NULL, 30));
	/* By the rule; one that was under way then may be the first, and was denied in its session.
	 */
	json_decref(ms_ctl_event(microsegd, "blocked", "deny"));
	ck_assert(!ms_ctl_has_problem(microsegd, "not all members of sets"));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- nonsense and death ---- */

static const struct {
	const char *lines, *says;
} ends[] = {
	{ "garbage\n", "frame" },
	{ "half\n", "it crashed (Killed)" },
};

START_TEST(what_is_no_whole_transaction_changes_nothing)
{
	start();
	expect_at_least("source.members", 1);
	ms_plugin_folder_say(ends[_i].lines);
	expect_at_least("crashes", 1);
	ck_assert_int_eq(number("transactions"), 1);
	ck_assert_int_eq(number("source.members"), 1);
	expect_denied();
	ms_plugin_folder_say("set block\n");
	expect_at_least("transactions", 2);
	expect_open();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_that_does_not_end_holds_nobody_up)
{
	pid_t old;

	start();
	expect_at_least("source.members", 1);
	old = (pid_t)number("pid");
	ck_assert_int_eq(kill(old, SIGSTOP), 0);
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	/* The command has answered while the old process was there still. */
	expect_text("source.state", "starting");
	expect_text("source.state", "running");
	ck_assert_int_ne(number("pid"), old);
	ck_assert_int_eq(kill(old, 0), -1);
	expect_denied();
	ms_proc_stop(microsegd);
}
END_TEST

/* They have one folder. */
START_TEST(two_of_one_plugin_do_not_run_at_a_time)
{
	json_auto_t *lines = NULL;
	json_int_t next;
	pid_t old;

	start();
	expect_at_least("source.members", 1);
	old = (pid_t)number("pid");
	ck_assert_int_eq(kill(old, SIGSTOP), 0);
	ms_proc_write_config(microsegd, "plugins:\n  script: { file: " SCRIPT ", before: true }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	/* The old one is still leaving, and what follows it has not begun. */
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	lines = shown();
	next = json_integer_value(json_object_get(json_array_get(lines, 0), "pid"));
	ck_assert_msg(next == 0 || kill(old, 0) == -1, "%lld runs beside %d", (long long)next, old);
	expect_text("source.state", "running");
	ck_assert_int_ne(number("pid"), old);
	expect_denied();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_set_aside)
{
	start();
	expect_at_least("source.members", 1);
	ms_proc_stop(microsegd);
	ms_netns_run_command("echo nonsense >%s/state/source-script", microsegd->dir);
	ms_plugin_folder_say("wait\n");
	start();
	expect_text("source.state", "running");
	expect_text("source.error", "what was saved of it cannot be read");
	ms_netns_run_command("grep -q nonsense %s/state/source-script.damaged", microsegd->dir);
	ms_plugin_folder_say(BLOCK);
	expect_at_least("source.members", 1);
	expect_denied();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- trouble ---- */

/* When a trouble or error began, as a text that stays valid until the next call. */
static const char *since(const char *path)
{
	static char when[64];
	json_auto_t *lines = shown();

	snprintf(when, sizeof(when), "%s", ms_ctl_text(json_array_get(lines, 0), path));
	return when;
}

/* What a person is shown. */
static void expect_printed(const char *command, const char *wanted)
{
	char printed[8192];

	ms_netns_read_command(printed, sizeof(printed),
			      MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock %s",
			      microsegd->dir, command);
	ck_assert_msg(strstr(printed, wanted) != NULL, "%s: %s", command, printed);
}

/* How often it was asked, as it said with its last beat; 0 = it has said nothing yet. */
static json_int_t beats(void)
{
	json_auto_t *lines = shown();
	const json_t *stats = json_object_get(json_array_get(lines, 0), "stats");

	return json_integer_value(json_object_get(json_array_get(stats, 0), "value"));
}

static bool has_beaten(void *user)
{
	return beats() > *(json_int_t *)user;
}

static bool is_well(void *user)
{
	json_auto_t *lines = shown();
	const json_t *source = json_object_get(json_array_get(lines, 0), "source");

	(void)user;
	return json_is_null(json_object_get(source, "trouble")) &&
	       json_is_null(json_object_get(source, "trouble_since"));
}

START_TEST(a_trouble_has_its_time)
{
	char began[64], wanted[128];
	json_int_t before;

	start();
	expect_at_least("source.members", 1);
	ms_plugin_folder_say(BLOCK "trouble cannot reach the registry\n");
	expect_text("source.trouble", "cannot reach the registry");
	snprintf(began, sizeof(began), "%s", since("source.trouble_since"));
	ck_assert_msg(strncmp(began, "20", 2) == 0, "%s", began);
	snprintf(wanted, sizeof(wanted), "cannot reach the registry (since %s)", began);
	expect_printed("source list", wanted);
	expect_printed("source show script", wanted);
	expect_printed("status", wanted);
	/* It is not over, only told otherwise, a beat of two seconds later. */
	before = beats();
	ms_plugin_folder_say(BLOCK "trouble cannot reach the registry\n");
	ck_assert(ms_netns_wait(has_beaten, &before, 20));
	ms_plugin_folder_say(BLOCK "trouble cannot reach the other one\n");
	expect_text("source.trouble", "the other one");
	ck_assert_str_eq(since("source.trouble_since"), began);
	ms_plugin_folder_say(BLOCK "well\n");
	ck_assert(ms_netns_wait(is_well, NULL, 20));
	ms_plugin_folder_say("fail no such thing\n");
	expect_text("source.error", "no such thing");
	snprintf(wanted, sizeof(wanted), "no such thing (since %s)", since("source.error_since"));
	expect_printed("status", wanted);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source turns");
	TCase *tcase = tcase_create("turns");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_loop_goes_on_while_an_offer_is_prepared);
	tcase_add_test(tcase, of_what_comes_meanwhile_the_latest_counts);
	tcase_add_test(tcase, an_unload_does_not_wait_for_what_is_prepared);
	tcase_add_test(tcase, an_error_stays_when_what_was_said_before_it_comes_in_force);
	tcase_add_test(tcase, a_flood_of_offers_takes_turns);
	tcase_add_test(tcase, a_flood_of_lines_is_counted_not_written);
	tcase_add_test(tcase, one_that_never_stops_talking_has_a_share_of_the_loop);
	tcase_add_test(tcase, members_that_could_not_be_put_back_are_later);
	tcase_add_loop_test(tcase, what_is_no_whole_transaction_changes_nothing, 0,
			    ms_array_size(ends));
	tcase_add_test(tcase, one_that_does_not_end_holds_nobody_up);
	tcase_add_test(tcase, two_of_one_plugin_do_not_run_at_a_time);
	tcase_add_test(tcase, a_file_that_cannot_be_read_is_set_aside);
	tcase_add_test(tcase, a_trouble_has_its_time);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
