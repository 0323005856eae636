/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What microseg.yaml says of plugins, judged by `policy check` as by the daemon. */
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
}

static void expect_said(const char *says)
{
	ck_assert_msg(strstr(text, says) != NULL, "%s: %s", says, text);
}

START_TEST(a_configuration_names_groups_that_there_are)
{
	static const char *const names[] = { "work", "back" };
	char config[128];

	ms_plugin_folder_add("docker");
	for (int i = 0; i < 2; i++) {
		snprintf(config, sizeof(config),
			 "plugins:\n  docker: { sets: [back], groups: [work, %s] }\n", names[i]);
		ms_proc_write_config(microsegd, config);
		ck_assert_msg(ms_plugin_folder_check(text, sizeof(text)) == i, "%s", text);
	}
	expect_said("there is no group 'back', which groups of plugin docker names");
	expect_said("\"file\":\"microseg.yaml\",\"line\":2,\"column\":42,\"word\":\"back\"");
}
END_TEST

/* What the schema does not take, and what the plugin's own code does not. */
static const struct {
	const char *config, *says, *place;
} misconfigured[] = {
	{ "plugins:\n  feed: { lists: [\"a=http://h/\"],\n    intreval: 1h }\n",
	  "there is no item 'intreval'", "\"line\":3,\"column\":5" },
	{ "plugins:\n  feed: { interval: 0s, lists: [\"a=http://h/\"] }\n",
	  "interval must not be below 1s", "\"line\":2,\"column\":11" },
	{ "plugins:\n  feed: { lists: [\"a=http://h/\", \"host=http://h/\"] }\n",
	  "feed: entry 2 of `lists` is not SET=URL", "\"line\":2,\"column\":34" },
	{ "plugins:\n  feed: { lists: \"a=htp://h/\" }\n",
	  "feed: entry 1 of `lists` is not SET=URL", "\"line\":2,\"column\":18" },
	{ "plugins:\n  feed:\n    lists: \"a=http://h/\"\n    ca_file: ca.pem\n",
	  "feed: `ca_file` must be a full path", "\"line\":4,\"column\":5" },
	{ "plugins:\n  feed: {}\n", "lists is missing", "\"line\":2,\"column\":3" },
	{ "plugins:\n  exporter: { rules: 9, listen: \"0.0.0.0:9477\" }\n",
	  "exporter: `listen` is 0.0.0.0:9477, which others can reach",
	  "\"line\":2,\"column\":25" },
	{ "plugins:\n  exporter: { control: control.sock }\n",
	  "exporter: `control` must be a full path", "\"line\":2,\"column\":15" },
	{ "plugins:\n  journal: { to: syslog, socket: log }\n",
	  "journal: `socket` must be a full path", "\"line\":2,\"column\":26" },
};

START_TEST(a_wrong_configuration_is_found_before_anything_runs)
{
	ms_plugin_folder_add("feed");
	ms_plugin_folder_add("exporter");
	ms_plugin_folder_add("journal");
	ms_proc_write_config(microsegd, misconfigured[_i].config);
	ck_assert_int_eq(ms_plugin_folder_check(text, sizeof(text)), 1);
	expect_said(misconfigured[_i].says);
	expect_said("\"file\":\"microseg.yaml\",");
	expect_said(misconfigured[_i].place);
	/* In the same words and at the same place as by the daemon. */
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	ms_proc_write_config(microsegd, misconfigured[_i].config);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_said(misconfigured[_i].says);
	expect_said(misconfigured[_i].place);
	ms_proc_stop(microsegd);
}
END_TEST

/* It fails of what is there, not of what it was told: where the daemon is that may be otherwise. */
START_TEST(a_plugin_that_fails_here_is_warned_of)
{
	ms_plugin_folder_add("create_fails");
	ms_proc_write_config(microsegd, "plugins:\n  create_fails: {}\n");
	ck_assert_msg(ms_plugin_folder_check(text, sizeof(text)) == 0, "%s", text);
	expect_said("\"kind\":\"untried_plugin\"");
	expect_said("plugin create_fails fails here, as it may where the daemon is: create_fails: "
		    "no more of these");
	expect_said("\"file\":\"microseg.yaml\",\"line\":2,\"column\":3");
	expect_said("\"warnings_total\":1");
}
END_TEST

/* A slip, or a plugin that was not installed: a reload refuses it, too. */
START_TEST(a_plugin_that_is_none_is_refused)
{
	static const char config[] = "plugins:\n  journal: {}\n  nosuch: {}\n";
	static const char says[] = "there is no plugin 'nosuch' in " MS_PLUGIN_FOLDER;
	static const char place[] = "\"file\":\"microseg.yaml\",\"line\":3,\"column\":3";

	ms_plugin_folder_add("journal");
	ms_proc_write_config(microsegd, config);
	ck_assert_int_eq(ms_plugin_folder_check(text, sizeof(text)), 1);
	expect_said(says);
	expect_said(place);
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	ms_proc_write_config(microsegd, config);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_said(says);
	expect_said(place);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what a reload would leave loaded ---- */

static const char with_tally[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: r, dir: in, proto: tcp, dport: 80, action: [{ tally: 3 }, allow] }\n";

/* Asks the daemon, too; its exit status. */
static int check_beside_the_daemon(void)
{
	return ms_ctl_status(microsegd, text, sizeof(text), "policy", "check", "--strict",
			     "--plugin-dir", MS_PLUGIN_FOLDER, "--config",
			     MS_NETNS_DIR "/one/microseg.yaml", MS_NETNS_DIR "/one/policy.d", NULL);
}

static void start_with(const char *config)
{
	ms_plugin_folder_add("tally");
	ms_plugin_folder_start(microsegd, config);
	ms_proc_write_policy(microsegd, "10-test.yaml", with_tally);
}

/* As every README has it: write both files, check, reload. */
START_TEST(a_plugin_that_a_reload_would_load_is_there)
{
	static const char *const before[] = { "plugins: {}\n", "log: { level: info }\n",
					      "plugins: { tally: { tap: 9 } }\n" };

	start_with(before[_i]);
	ck_assert_msg(check_beside_the_daemon() != 0, "%s", text);
	ms_proc_write_config(microsegd, "plugins: { tally: {} }\n");
	ck_assert_msg(check_beside_the_daemon() == 0, "%s", text);
	expect_said("\"daemon_asked\":true");
	ck_assert_msg(ms_plugin_folder_check(text, sizeof(text)) == 0, "%s", text);
	expect_said("\"warnings_total\":0");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_msg(check_beside_the_daemon() == 0, "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_plugin_that_a_reload_would_unload_is_missed)
{
	static const char says[] = "no plugin with an action 'tally' is loaded by microseg.yaml: "
				   "every packet of the rule gets its fallback, deny";

	start_with("plugins: { tally: {} }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	ms_proc_write_config(microsegd, "log: { level: info }\n");
	ck_assert_msg(check_beside_the_daemon() == 4, "%s", text);
	expect_said(says);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_said("no longer names plugin tally, but it is in use");
	ck_assert_msg(ms_plugin_folder_check(text, sizeof(text)) == 0, "%s", text);
	expect_said(says);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_by_hand(bool expected)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);
	json_t *tally = ms_ctl_find(lines, "plugins", "name", "tally");

	ck_assert_ptr_nonnull(tally);
	ck_assert_int_eq(json_is_true(json_object_get(tally, "by_hand")), expected);
}

START_TEST(a_plugin_that_was_loaded_by_hand_stays)
{
	start_with("plugins: {}\n");
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_by_hand(true);
	ck_assert_msg(check_beside_the_daemon() == 0, "%s", text);
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_msg(check_beside_the_daemon() == 0, "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_plugin_that_was_loaded_by_hand_and_is_named_then_is_the_files)
{
	json_auto_t *lines = NULL;

	ms_plugin_folder_add("tally");
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_by_hand(true);
	ms_proc_write_config(microsegd, "plugins: { tally: {} }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_by_hand(false);
	ms_proc_write_config(microsegd, "plugins: {}\n");
	ms_ctl_do(microsegd, "reload", NULL);
	lines = ms_ctl(microsegd, "plugin", "list", NULL);
	ck_assert_ptr_null(ms_ctl_find(lines, "plugins", "name", "tally"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_settings");
	TCase *tcase = tcase_create("plugin_settings");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_configuration_names_groups_that_there_are);
	tcase_add_loop_test(tcase, a_wrong_configuration_is_found_before_anything_runs, 0,
			    ms_array_size(misconfigured));
	tcase_add_test(tcase, a_plugin_that_fails_here_is_warned_of);
	tcase_add_test(tcase, a_plugin_that_is_none_is_refused);
	tcase_add_loop_test(tcase, a_plugin_that_a_reload_would_load_is_there, 0, 3);
	tcase_add_test(tcase, a_plugin_that_a_reload_would_unload_is_missed);
	tcase_add_test(tcase, a_plugin_that_was_loaded_by_hand_stays);
	tcase_add_test(tcase, a_plugin_that_was_loaded_by_hand_and_is_named_then_is_the_files);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
