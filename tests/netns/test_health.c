/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is not as desired, and whether a person can see it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"  - { name: tried, match: { kind: loopback }, default: { in: allow, out: allow }, "
	"mode: audit }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static bool sweep_fails(void *user)
{
	return ms_ctl_has_problem(microsegd, "sessions are not swept: Input/output error") ==
	       *(bool *)user;
}

static int check_status(void)
{
	char text[4096];

	return ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL);
}

START_TEST(a_sweep_that_fails_is_seen)
{
	bool expected = true;
	char file[256], lines[16];

	snprintf(file, sizeof(file), "%s/no-sweep", microsegd->dir);
	setenv("MS_TEST_NO_SWEEP_FILE", file, 1);
	ms_proc_start_program(microsegd, MS_TEST_NO_SWEEP, NULL);
	ck_assert_int_eq(check_status(), 0);
	ms_netns_run_command("touch %s", file);
	ck_assert_msg(ms_netns_wait(sweep_fails, &expected, 10), "status says nothing");
	ck_assert_int_eq(check_status(), 4);
	ms_netns_run_command("rm %s", file);
	expected = false;
	ck_assert_msg(ms_netns_wait(sweep_fails, &expected, 10), "status still complains");
	ck_assert_int_eq(check_status(), 0);
	/* Once in the log, however many steps failed. */
	ms_netns_read_command(lines, sizeof(lines), "grep -c 'are not swept' %s/daemon.log",
			      microsegd->dir);
	ck_assert_str_eq(lines, "1");
	ck_assert(ms_proc_logged(microsegd, "sessions are swept again"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_mode_given_by_hand_is_seen)
{
	json_auto_t *status = NULL;
	char text[4096];

	ms_proc_start(microsegd, NULL);
	/* Audit is what the document wants for `tried`: all is as desired. */
	ck_assert_int_eq(check_status(), 0);
	/* More than the document asks for is told, not complained about. */
	ms_ctl_do(microsegd, "group", "mode", "tried", "enforce", NULL);
	ck_assert_int_eq(check_status(), 0);
	ms_ctl_do(microsegd, "group", "mode", "work", _i ? "disabled" : "audit", NULL);
	ck_assert_int_eq(check_status(), 4);
	ck_assert(ms_ctl_has_problem(
		microsegd, _i ? "group work is in mode disabled by hand, the policy says enforce"
			      : "group work is in mode audit by hand, the policy says enforce"));
	status = ms_ctl(microsegd, "status", NULL);
	ck_assert_uint_eq(json_array_size(ms_ctl_at(status, "0.mode_overrides")), 2);
	ck_assert_str_eq(ms_ctl_text(status, "0.mode_overrides.0.group"), "work");
	ck_assert_str_eq(ms_ctl_text(status, "0.mode_overrides.0.policy_mode"), "enforce");
	ck_assert_str_eq(ms_ctl_text(status, "0.mode_overrides.1.mode"), "enforce");
	ms_netns_read_command(text, sizeof(text),
			      MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock status",
			      microsegd->dir);
	ck_assert_msg(strstr(text, "group tried in mode enforce (policy: audit)"), "%s", text);
	ms_ctl_do(microsegd, "group", "mode", "work", "policy", NULL);
	ck_assert_int_eq(check_status(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static bool tells_of_all(void *user)
{
	(void)user;
	return ms_ctl_has_problem(microsegd, "source feed: file:///nowhere/list: ") &&
	       ms_ctl_has_problem(microsegd, "source docker: /nowhere.sock: ") &&
	       ms_ctl_has_problem(microsegd, "none_such") &&
	       ms_ctl_has_problem(microsegd, "none_either");
}

START_TEST(one_plugin_in_trouble_hides_no_other)
{
	ms_plugin_folder_make();
	ms_plugin_folder_add("feed");
	ms_plugin_folder_add("docker");
	ms_plugin_folder_start(microsegd, "plugins:\n"
					  "  feed: { lists: \"a=file:///nowhere/list\" }\n"
					  "  docker: { socket: /nowhere.sock }\n"
					  "  none_such: {}\n"
					  "  none_either: {}\n");
	ck_assert_msg(ms_netns_wait(tells_of_all, NULL, 10), "status does not tell of all");
	ck_assert_int_eq(check_status(), 4);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nothing is kept of a slip; a plugin that microseg.yaml names is missed until it is there. */
START_TEST(a_name_that_no_file_has_is_not_kept)
{
	char text[1024];

	ms_plugin_folder_make();
	ms_plugin_folder_start(microsegd, _i ? "plugins: { none_such: {} }\n" : "plugins: {}\n");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "none_such", NULL),
		1);
	ck_assert_msg(strstr(text, "there is no plugin 'none_such'") != NULL, "%s", text);
	ms_ctl_status(microsegd, text, sizeof(text), "plugin", "list", NULL);
	ck_assert_int_eq(strstr(text, "none_such") != NULL, _i);
	ck_assert_int_eq(ms_ctl_has_problem(microsegd, "none_such"), _i);
	ck_assert_int_eq(check_status(), _i ? 4 : 0);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_panic(const char *work, const char *tried)
{
	json_auto_t *groups = ms_ctl(microsegd, "group", "list", NULL);
	json_auto_t *ifaces = ms_ctl(microsegd, "iface", "list", NULL);
	json_auto_t *group = ms_ctl(microsegd, "group", "show", "work", NULL);

	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(groups, "groups", "name", "work"), "panic"), work);
	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(groups, "groups", "name", "tried"), "panic"),
			 tried);
	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(ifaces, "interfaces", "name", "veth-a"), "panic"),
			 work);
	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(ifaces, "interfaces", "name", "lo"), "panic"),
			 tried);
	ck_assert_str_eq(ms_ctl_text(group, "0.group.panic"), work);
}

static bool table_shows(const char *object, const char *text)
{
	return ms_netns_try_command(MS_TEST_BIN_DIR
				    "/microsegctl --socket %s/run/control.sock %s list | "
				    "grep -q '%s'",
				    microsegd->dir, object, text) == 0;
}

START_TEST(lists_show_a_panic)
{
	ms_proc_start(microsegd, NULL);
	expect_panic("off", "off");
	ck_assert(table_shows("group", "^work  *enforce"));
	ms_ctl_do(microsegd, "panic", "open", "--group", "work", NULL);
	expect_panic("open", "off");
	ck_assert(table_shows("group", "^work  *panic open"));
	ck_assert(table_shows("iface", "^veth-a .*panic open"));
	ck_assert(table_shows("group", "^tried  *audit"));
	/* Everywhere; then one group closed, which is the stronger of its two. */
	ms_ctl_do(microsegd, "panic", "open", NULL);
	expect_panic("open", "open");
	ms_ctl_do(microsegd, "panic", "closed", "--group", "work", NULL);
	expect_panic("closed", "open");
	ms_ctl_do(microsegd, "panic", "off", NULL);
	expect_panic("off", "off");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/health");
	TCase *tcase = tcase_create("health");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_sweep_that_fails_is_seen);
	tcase_add_test(tcase, lists_show_a_panic);
	tcase_add_loop_test(tcase, a_name_that_no_file_has_is_not_kept, 0, 2);
	tcase_add_test(tcase, one_plugin_in_trouble_hides_no_other);
	tcase_add_loop_test(tcase, a_mode_given_by_hand_is_seen, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
