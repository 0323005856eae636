/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source is told of what has come in force: the numbers of its transactions. The source
 * `script` says in the log which one it tells and which is in force, under the name that the line
 * `watch` gives.
 */
#include <stdio.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/stage.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { block: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, from: \"set:block\", action: deny }\n";

/* No two of them are the same: each is a transaction. */
#define ONE "set block\nmember block 192.0.2.1\n"
#define TWO "set block\nmember block 192.0.2.2\n"
#define THREE "set block\nmember block 192.0.2.3\n"
#define FOUR "set block\nmember block 192.0.2.4\n"
/* A rule of this name is in the policy already. */
#define REFUSED "rule { id: blocked, group: work, dir: in, action: allow }\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup_script(microsegd, policy, "watch a\n" ONE);
}

static bool is_said(void *line)
{
	return ms_proc_logged(microsegd, line);
}

static void expect_said(const char *line)
{
	ck_assert_msg(ms_netns_wait(is_said, (void *)line, 20), "nobody says %s", line);
}

static void expect_unsaid(const char *line)
{
	ck_assert_msg(!ms_proc_logged(microsegd, line), "it says %s", line);
}

static void start(void)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_said("script: a: 1 is in force");
}

struct expectation {
	const char *name, *path;
	json_int_t at_least;
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", expected->name, NULL);

	return ms_ctl_int(json_array_get(lines, 0), expected->path) >= expected->at_least;
}

static void expect_at_least(const char *name, const char *path, json_int_t wanted)
{
	struct expectation expected = { name, path, wanted };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 20), "%s is not %lld", path,
		      (long long)wanted);
}

/* What it says is prepared, and comes no further until "offer" is let go. */
static void hold(const char *lines)
{
	ms_stage_bar(microsegd, "offer");
	ms_plugin_folder_say(lines);
	ms_stage_wait(microsegd, "offer");
}

START_TEST(it_is_told_when_it_is_in_force)
{
	start();
	hold("watch a\n" TWO);
	expect_said("script: a: 2 is told");
	expect_unsaid("a: 2 is in force");
	ms_stage_let_go(microsegd, "offer");
	expect_said("script: a: 2 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(of_a_refused_one_it_is_not_told)
{
	start();
	ms_plugin_folder_say("watch a\n" TWO REFUSED);
	expect_at_least("script", "refused", 1);
	ms_plugin_folder_say("watch a\n" THREE);
	expect_said("script: a: 3 is in force");
	expect_unsaid("a: 2 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

/* The next one's number ends the wait for it, too. */
START_TEST(of_one_that_gave_way_it_is_not_told)
{
	start();
	hold("watch a\n" TWO);
	ms_plugin_folder_say("watch a\n" THREE);
	expect_said("script: a: 3 is told");
	ms_plugin_folder_say("watch a\n" FOUR);
	expect_at_least("script", "superseded", 1);
	ms_stage_let_go(microsegd, "offer");
	expect_said("script: a: 2 is in force");
	expect_said("script: a: 4 is in force");
	expect_unsaid("a: 3 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

/* Whose own first number is the same as one that the other had. */
START_TEST(what_a_process_said_the_next_is_not_told)
{
	start();
	hold("watch b\n" TWO);
	expect_said("script: b: 2 is told");
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	expect_said("script: b: 1 is told");
	ms_stage_let_go(microsegd, "offer");
	expect_said("script: b: 1 is in force");
	expect_unsaid("b: 2 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(who_asks_last_is_told)
{
	start();
	ms_plugin_folder_say("watch b\n" TWO);
	expect_said("script: b: 2 is in force");
	ms_plugin_folder_say("blind\n" THREE);
	expect_at_least("script", "transactions", 3);
	ms_plugin_folder_say("watch c\n" FOUR);
	expect_said("script: c: 4 is in force");
	expect_unsaid("a: 2 is in force");
	expect_unsaid(": 3 is in force");
	expect_unsaid("b: 4 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_sink_is_told_nothing)
{
	ms_plugin_folder_add("script_sink");
	ms_plugin_folder_start(microsegd,
			       "plugins:\n  script_sink: { file: " MS_PLUGIN_SCRIPT " }\n");
	expect_at_least("script_sink", "transactions", 1);
	ms_plugin_folder_say("watch b\n" TWO);
	expect_at_least("script_sink", "transactions", 2);
	/* It hears in the order in which it is told. */
	ms_plugin_folder_say("watch c\n" THREE);
	expect_said("script_sink: c: 3 is told");
	expect_unsaid(": 1 is in force");
	expect_unsaid(": 2 is in force");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/source_told");
	TCase *tcase = tcase_create("told");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, it_is_told_when_it_is_in_force);
	tcase_add_test(tcase, of_a_refused_one_it_is_not_told);
	tcase_add_test(tcase, of_one_that_gave_way_it_is_not_told);
	tcase_add_test(tcase, what_a_process_said_the_next_is_not_told);
	tcase_add_test(tcase, who_asks_last_is_told);
	tcase_add_test(tcase, a_sink_is_told_nothing);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
