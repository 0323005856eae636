/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy sources in a daemon. The source `script` does what a file of the test says; a rule of the
 * operator's denies port 80 to those who are in the set `block`, which only the source fills, and
 * the source's own rules are about port 81.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define SCRIPT MS_NETNS_DIR "/script"
#define GUARDED "10.1.0.2"
#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\ngroups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { block: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, proto: tcp, dport: 80, from: \"set:block\",\n"
	"      action: deny, log: true }\n";

#define BLOCK "set block\nmember block 10.1.0.1\n"
#define SHUT                                                                                       \
	"rule { id: shut, group: work, dir: in, proto: tcp, dport: 81, action: deny, log: true }\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

/* The source sees another file, whole. */
static void say(const char *lines)
{
	ms_netns_put_file(SCRIPT, lines);
}

static void start(const char *more)
{
	char config[512];

	snprintf(config, sizeof(config), "plugins:\n  script: { file: " SCRIPT "%s }\n", more);
	ms_plugin_folder_start(microsegd, config);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("script");
	say("");
}

/* ---- what is expected, sooner or later ---- */

struct expectation {
	const char *path;
	const char *text; /* NULL = null */
	json_int_t number;
	bool is_number;
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	json_t *value = ms_ctl_at(json_array_get(lines, 0), expected->path);

	if (expected->is_number)
		return json_integer_value(value) == expected->number;
	return expected->text ? json_is_string(value) &&
					strstr(json_string_value(value), expected->text) != NULL
			      : json_is_null(value);
}

static void expect_shown(const char *path, const char *wanted)
{
	struct expectation expected = { .path = path, .text = wanted };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 8), "%s is not %s", path,
		      wanted ? wanted : "null");
}

static void expect_number(const char *path, json_int_t wanted)
{
	struct expectation expected = { .path = path, .number = wanted, .is_number = true };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 8), "%s is not %lld", path,
		      (long long)wanted);
}

static void expect_open(unsigned int port)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, (uint16_t)port, SOON), 0);
}

static void expect_denied(unsigned int port, const char *rule)
{
	ms_site_expect_denied(microsegd, (uint16_t)port, rule);
}

static void expect_denied_by_default(unsigned int port)
{
	json_auto_t *event = NULL;

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, (uint16_t)port, GONE), -ETIMEDOUT);
	event = ms_ctl_event(microsegd, "default/closed/in", "deny");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "default");
}

/* ---- what it offers ---- */

START_TEST(members_of_a_source_are_in_force_and_go_again)
{
	start("");
	expect_number("transactions", 1);
	expect_open(80);
	say(BLOCK);
	expect_number("source.members", 1);
	expect_denied(80, "blocked");
	expect_open(81);
	say("set block\n");
	expect_number("source.members", 0);
	expect_open(80);
	ms_proc_stop(microsegd);
}
END_TEST

static json_int_t generation(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(json_array_get(lines, 0), "generation_applied");
}

START_TEST(members_alone_make_no_generation)
{
	json_int_t before;

	say("set block\n");
	start("");
	expect_number("transactions", 1);
	before = generation();
	say(BLOCK);
	expect_number("source.members", 1);
	expect_denied(80, "blocked");
	ck_assert_int_eq(generation(), before);
	say(BLOCK SHUT);
	expect_number("source.rules", 1);
	ck_assert_int_gt(generation(), before);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_live_session_of_a_new_member_ends)
{
	struct ms_traffic_pump *pump;

	say("set block\n");
	start("");
	expect_number("transactions", 1);
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 0);
	ck_assert(ms_traffic_pump_advances(pump, 5));
	say(BLOCK);
	expect_number("source.members", 1);
	ck_assert(ms_traffic_pump_stops(pump));
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

static bool arrives(void *user)
{
	return ms_traffic_reach(NULL, GUARDED, *(uint16_t *)user, GONE) == 0;
}

START_TEST(a_members_time_ends)
{
	uint16_t port = 80;
	unsigned int ttl = 3 * ms_netns_patience();

	snprintf(text, sizeof(text), "set block\nmember block 10.1.0.1 %u\n", ttl);
	start("");
	expect_number("transactions", 1);
	say(text);
	expect_number("source.members", 1);
	expect_denied(80, "blocked");
	ck_assert(ms_netns_wait(arrives, &port, 10));
	/* Said again, it holds again, though it is the same transaction. */
	say(text);
	expect_number("transactions", 3);
	expect_denied(80, "blocked");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(rules_of_a_source_are_judged_after_the_operators)
{
	say(SHUT);
	start("");
	expect_number("source.rules", 1);
	expect_denied(81, "shut");
	ms_proc_write_policy(
		microsegd, "20-first.yaml",
		"version: 1\nrules:\n"
		"  - { id: mine, group: work, dir: in, proto: tcp, dport: 81, action: allow }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_open(81);
	ms_proc_stop(microsegd);
	start(", before: true");
	expect_number("source.rules", 1);
	expect_denied(81, "shut");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- workloads in groups ---- */

/* The group that no `match` fills denies port 81 by its default; veth-a is in `work` by its name.
 */
#define CLOSED "group { name: closed, default: { in: deny, out: allow } }\n"

static void idle(void *user)
{
	(void)user;
	for (;;)
		pause();
}

static void expect_group(const char *name, const char *group)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, name);

	ck_assert_str_eq(ms_ctl_text(iface, "group"), group);
	if (strcmp(group, "closed") == 0)
		ck_assert_ptr_nonnull(strstr(ms_ctl_text(iface, "reason"), "by source script"));
}

START_TEST(a_workload_is_in_the_group_its_source_says)
{
	/* What the kernel calls the link, a process at its end, and the address of that end. */
	static const char *const asks[] = {
		"ip -o link show veth-a | cut -d: -f1",
		"ip netns pids a | head -1",
		"echo 0x$(ip -n a -br link show eth0 | awk '{ print $3 }' | tr -d :)",
	};
	static const unsigned int kinds[] = { 2, 1, 3 };
	char line[256], workload[32];

	ms_netns_read_command(workload, sizeof(workload), "%s", asks[_i]);
	workload[strcspn(workload, "\n")] = '\0';
	snprintf(line, sizeof(line), CLOSED "bind closed %u %s\n", kinds[_i], workload);
	say(CLOSED);
	start("");
	expect_number("source.groups", 1);
	expect_open(81);
	expect_group("veth-a", "work");
	say(line);
	expect_number("transactions", 2);
	expect_group("veth-a", "closed");
	expect_denied_by_default(81);
	ms_proc_kill(microsegd);
	ck_assert_int_eq(unlink(SCRIPT), 0);
	start("");
	expect_group("veth-a", "closed");
	expect_denied_by_default(81);
	say(CLOSED);
	expect_number("transactions", 1);
	expect_group("veth-a", "work");
	expect_open(81);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_link_that_comes_later_is_bound_too)
{
	char line[256];
	pid_t pid;

	start("");
	expect_number("transactions", 1);
	ms_netns_add("b");
	pid = ms_proc_fork("b", idle, NULL);
	snprintf(line, sizeof(line), CLOSED "bind closed 1 %d\n", pid);
	say(line);
	expect_number("source.groups", 1);
	/* The same again: what is bound is not the offer's that it takes the place of. */
	say(line);
	expect_number("transactions", 3);
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	expect_group("veth-b", "closed");
	ms_proc_end(pid);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what it offers is refused as a whole ---- */

/* Whose rule the daemon refused, it is told, and asked again; this one has nothing else to say. */
static const struct {
	const char *lines, *says;
	int times;
} refused[] = {
	{ SHUT "rule { id: bad, group: nowhere, action: deny }\n", "there is no group 'nowhere'",
	  2 },
	{ SHUT "rule { id: blocked, group: work, action: deny }\n", "rule 'blocked' is there", 2 },
	{ SHUT "rule { id: bad, group: work, prot: tcp, action: deny }\n", "prot", 1 },
	{ SHUT "document {version: 1, failsafe: {}}\n", "failsafe", 1 },
	{ SHUT "bind nowhere 2 1\n", "there is no group 'nowhere'", 1 },
	{ SHUT "member elsewhere 10.1.0.1\n", "elsewhere", 1 },
	{ SHUT "fail out of luck\n", "out of luck", 1 },
};

START_TEST(a_bad_transaction_changes_nothing)
{
	json_int_t before;

	say(BLOCK);
	start("");
	expect_number("source.members", 1);
	before = generation();
	say(refused[_i].lines);
	expect_shown("source.error", refused[_i].says);
	expect_number("refused", refused[_i].times);
	expect_shown("source.error", refused[_i].says);
	expect_denied(80, "blocked");
	expect_open(81);
	ck_assert_int_eq(generation(), before);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", NULL), 0);
	ck_assert_msg(strstr(text, "source script: ") != NULL, "%s", text);
	say(SHUT);
	expect_shown("source.error", NULL);
	expect_denied(81, "shut");
	expect_open(80);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- the last good one stays ---- */

START_TEST(what_it_said_last_outlives_daemon_and_source)
{
	say(BLOCK SHUT);
	start("");
	expect_number("source.rules", 1);
	ms_proc_stop(microsegd);
	/* The source cannot say anything any more. */
	ck_assert_int_eq(unlink(SCRIPT), 0);
	start("");
	expect_denied(80, "blocked");
	expect_denied(81, "shut");
	expect_shown("source.error", "cannot open");
	expect_number("source.rules", 1);
	say(SHUT);
	expect_number("source.members", 0);
	expect_open(80);
	expect_denied(81, "shut");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_killed_daemon_starts_with_it)
{
	say(BLOCK);
	start("");
	expect_number("source.members", 1);
	ms_proc_kill(microsegd);
	expect_open(81);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	ck_assert_int_eq(unlink(SCRIPT), 0);
	start("");
	expect_denied(80, "blocked");
	ms_proc_stop(microsegd);
}
END_TEST

/* The operator's new file takes the id that the saved transaction has. */
START_TEST(what_is_on_disk_does_not_keep_the_daemon_from_starting)
{
	say(SHUT);
	start("");
	expect_number("source.rules", 1);
	ms_proc_stop(microsegd);
	ms_proc_write_policy(
		microsegd, "20-mine.yaml",
		"version: 1\nrules:\n  - { id: shut, group: work, dir: in, proto: tcp, "
		"dport: 80, action: deny, log: true }\n");
	/* With nothing to fall back to; else it would be what was in force before. */
	ms_netns_run_command("rm %s/state/last-good.json", microsegd->dir);
	start("");
	expect_denied(80, "shut");
	expect_open(81);
	expect_shown("source.error", "rule 'shut' is there already");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", NULL), 0);
	ck_assert_msg(strstr(text, "source script: ") != NULL, "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_unload_takes_it_out_of_force_and_off_the_disk)
{
	say(SHUT);
	start("");
	expect_number("source.rules", 1);
	expect_denied(81, "shut");
	ms_ctl_do(microsegd, "plugin", "unload", "script", NULL);
	expect_open(81);
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "source", "show", "script", NULL), 1);
	say("");
	ms_ctl_do(microsegd, "plugin", "load", "script", NULL);
	expect_number("source.rules", 0);
	expect_open(81);
	ms_proc_stop(microsegd);
}
END_TEST

/* A slip in its configuration, or a file that is not root's alone, must not open what it shut. */
START_TEST(one_that_cannot_be_loaded_stays_in_force)
{
	say(BLOCK);
	start("");
	expect_number("source.members", 1);
	ms_proc_stop(microsegd);
	start(", bogus: 1");
	expect_denied(80, "blocked");
	expect_shown("source.error", "there is no item 'bogus'");
	expect_shown("source.state", "disabled");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	ck_assert_msg(strstr(text, "source script: ") != NULL, "%s", text);
	/* Nor must the plugin run as nobody has tried it. */
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "reload", "script", NULL),
		1);
	ck_assert_msg(strstr(text, "plugin load script") != NULL, "%s", text);
	expect_shown("source.state", "disabled");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a process that fares badly ---- */

static const struct {
	const char *line, *says;
} deaths[] = {
	{ "once\ncrash\n", "it crashed (Trace/breakpoint trap)" },
	{ "once\nexit\n", "it ended by itself (status 3)" },
};

START_TEST(a_process_that_dies_is_started_again_and_harms_nobody)
{
	pid_t pid;

	say(BLOCK);
	start("");
	pid = microsegd->pid;
	expect_number("source.members", 1);
	say(deaths[_i].line);
	expect_shown("source.error", deaths[_i].says);
	expect_denied(80, "blocked");
	say(SHUT);
	expect_number("source.rules", 1);
	expect_shown("source.state", "running");
	expect_number("crashes", 1);
	expect_open(80);
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_that_crashes_too_often_is_left_alone)
{
	say(BLOCK);
	start("");
	expect_number("source.members", 1);
	say("crash\n");
	expect_shown("source.state", "disabled");
	expect_number("crashes", 3);
	expect_denied(80, "blocked");
	ck_assert(ms_proc_logged(microsegd, "plugin reload script"));
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "plugin", "list", NULL), 0);
	ck_assert_msg(strstr(text, "failed") != NULL, "%s", text);
	say(SHUT);
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	expect_shown("source.state", "running");
	expect_number("source.rules", 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* A zombie has no command line: nobody here waits for the daemon's orphans. */
static bool is_gone(void *user)
{
	char path[64];
	ms_cleanup(ms_close_file) FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", *(pid_t *)user);
	file = fopen(path, "re");
	return !file || fgetc(file) == EOF;
}

START_TEST(its_process_does_not_outlive_the_daemon)
{
	json_auto_t *lines = NULL;
	pid_t source;

	start("");
	expect_shown("source.state", "running");
	lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	source = (pid_t)ms_ctl_int(json_array_get(lines, 0), "pid");
	ck_assert_int_eq(kill(source, 0), 0);
	ms_proc_kill(microsegd);
	ck_assert(ms_netns_wait(is_gone, &source, 10));
}
END_TEST

static bool has_counted(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	json_t *stats = json_object_get(json_array_get(lines, 0), "stats");

	return json_integer_value(json_object_get(json_array_get(stats, 0), "value")) ==
	       *(json_int_t *)user;
}

START_TEST(trouble_is_shown_and_ends)
{
	json_int_t wanted = 3;

	say(BLOCK);
	start("");
	expect_number("source.members", 1);
	say(BLOCK "trouble cannot reach the registry\n");
	expect_shown("source.trouble", "cannot reach the registry");
	expect_denied(80, "blocked");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", NULL), 0);
	ck_assert_msg(strstr(text, "cannot reach the registry") != NULL, "%s", text);
	say(BLOCK "well\n");
	expect_shown("source.trouble", NULL);
	ck_assert(ms_netns_wait(has_counted, &wanted, 8));
	/* That it has nothing to say yet is no failure. */
	say("wait\n");
	wanted++;
	ck_assert(ms_netns_wait(has_counted, &wanted, 8));
	expect_number("refused", 0);
	expect_denied(80, "blocked");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sources");
	TCase *tcase = tcase_create("sources");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, members_of_a_source_are_in_force_and_go_again);
	tcase_add_test(tcase, members_alone_make_no_generation);
	tcase_add_test(tcase, a_live_session_of_a_new_member_ends);
	tcase_add_test(tcase, a_members_time_ends);
	tcase_add_test(tcase, rules_of_a_source_are_judged_after_the_operators);
	tcase_add_loop_test(tcase, a_workload_is_in_the_group_its_source_says, 0, 3);
	tcase_add_test(tcase, a_link_that_comes_later_is_bound_too);
	tcase_add_loop_test(tcase, a_bad_transaction_changes_nothing, 0, ms_array_size(refused));
	tcase_add_test(tcase, what_it_said_last_outlives_daemon_and_source);
	tcase_add_test(tcase, a_killed_daemon_starts_with_it);
	tcase_add_test(tcase, what_is_on_disk_does_not_keep_the_daemon_from_starting);
	tcase_add_test(tcase, an_unload_takes_it_out_of_force_and_off_the_disk);
	tcase_add_test(tcase, one_that_cannot_be_loaded_stays_in_force);
	tcase_add_loop_test(tcase, a_process_that_dies_is_started_again_and_harms_nobody, 0,
			    ms_array_size(deaths));
	tcase_add_test(tcase, one_that_crashes_too_often_is_left_alone);
	tcase_add_test(tcase, its_process_does_not_outlive_the_daemon);
	tcase_add_test(tcase, trouble_is_shown_and_ends);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
