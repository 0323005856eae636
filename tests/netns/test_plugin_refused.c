/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules whose plugin refuses what they say to it: a change is refused as a whole, and a start takes
 * all the others. Also names that are no action of anybody.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"

#define GUARDED "10.1.0.2"
#define SOON 3000
#define GONE 400
#define WAIT_S 30

static const char head[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: plain, dir: in, proto: tcp, dport: 82, action: allow }\n";

static const char wide[] = "plugins: { tally: {}, warden: {} }\n";
static const char narrow[] = "plugins: { tally: { top: 2 }, warden: {} }\n";
static const char why[] = "10-test.yaml:6:63: tally: ";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

/* One rule, in the file's line 6. */
static void write_rule(const char *action)
{
	char policy[1024];

	snprintf(policy, sizeof(policy),
		 "%s  - { id: counted, dir: in, proto: tcp, dport: 80, action: [%s, allow] }\n",
		 head, action);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

/* The same, where the file has the set `own`. */
static void write_own(const char *action)
{
	char policy[1024];

	snprintf(policy, sizeof(policy),
		 "%s  - { id: counted, dir: in, proto: tcp, dport: 80, action: [%s, allow] }\n"
		 "sets: { own: [] }\n",
		 head, action);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, head);
	ms_plugin_folder_add("tally");
	ms_plugin_folder_add("warden");
	ms_plugin_folder_add("script");
}

static void start(const char *config)
{
	ms_plugin_folder_start(microsegd, config);
}

static int check(void)
{
	return ms_ctl_status(microsegd, text, sizeof(text), "policy", "check", "--config",
			     MS_NETNS_DIR "/one/microseg.yaml", "--plugin-dir", MS_PLUGIN_FOLDER,
			     MS_NETNS_DIR "/one/policy.d", NULL);
}

/* A rule by hand. 0 = it is in force; else `text` is why not. */
static int import_rule(const char *id, unsigned int port, const char *action)
{
	char rules[512];

	snprintf(rules, sizeof(rules),
		 "version: 1\nrules:\n  - { id: %s, dir: in, proto: tcp, dport: %u, "
		 "action: [%s, allow] }\n",
		 id, port, action);
	ms_netns_put_file(MS_NETNS_DIR "/rules.yaml", rules);
	return ms_ctl_status(microsegd, text, sizeof(text), "rule", "import",
			     MS_NETNS_DIR "/rules.yaml", NULL);
}

static void expect_said(const char *says)
{
	ck_assert_msg(strstr(text, says) != NULL, "%s: %s", says, text);
}

static void expect_refused(const char *says)
{
	expect_said(says);
	expect_said("10-test.yaml");
	expect_said("\"line\":6");
}

static json_int_t on_fallback(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(json_array_get(lines, 0), "rules_on_fallback");
}

static void expect_acting(void)
{
	ck_assert_int_eq(on_fallback(), 0);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
}

/* The others act (nobody listens there), and everybody says so. */
static void expect_alone_on_its_fallback(const char *sentence)
{
	json_auto_t *lines = NULL;
	json_t *told;

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 82, SOON), -ECONNREFUSED);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	json_decref(ms_ctl_event_for(microsegd, "counted", "deny", "missing_action"));
	ck_assert_int_eq(on_fallback(), 1);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	expect_said("rules on their fallback: 1; rule counted is on its fallback, deny: its "
		    "action ");
	expect_said(sentence);
	ck_assert(ms_proc_logged(microsegd, sentence));
	lines = ms_ctl(microsegd, "rule", "show", "counted", NULL);
	ck_assert_ptr_nonnull(
		strstr(ms_ctl_text(json_array_get(lines, 0), "rule.refused"), sentence));
	json_decref(lines);
	ms_netns_read_command(text, sizeof(text),
			      "for i in list 'show counted'; do " MS_TEST_BIN_DIR
			      "/microsegctl --socket %s/run/control.sock rule $i; done",
			      microsegd->dir);
	expect_said(" is refused  ");
	expect_said("in force     deny, its fallback: its action '");
	expect_said(sentence);
	lines = ms_ctl(microsegd, "trace", "tcp 10.1.0.1:4000 > 10.1.0.2:80 syn", "--iface",
		       "veth-a", "--dir", "in", NULL);
	told = json_array_get(lines, 0);
	ck_assert_str_eq(ms_ctl_text(told, "verdict"), "deny");
	ck_assert_str_eq(ms_ctl_text(told, "reason"), "missing_action");
}

/* Of each change that the plugin refuses, or that says again what it refuses. */
static void expect_changes_refused(void)
{
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_refused("there is no such counter");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL), 1);
	expect_refused("there is no such counter");
	ck_assert_int_eq(check(), 1);
	expect_refused("there is no such counter");
	ck_assert_int_eq(import_rule("four", 84, "{ tally: 4 }"), 1);
	expect_said("there is no such counter");
}

static const struct {
	bool is_first; /* no daemon has had it in force */
} starts[] = { { false }, { true } };

static void expect_config_checked(bool is_refused)
{
	ms_netns_read_command(text, sizeof(text),
			      MS_TEST_BIN_DIR
			      "/microsegd --check-config --plugin-dir " MS_PLUGIN_FOLDER
			      " --config " MS_NETNS_DIR "/one/microseg.yaml --policy " MS_NETNS_DIR
			      "/one/policy.d 2>&1; echo exit $?");
	ck_assert_msg((strstr(text, "exit 0") == NULL) == is_refused, "%s", text);
}

START_TEST(a_start_takes_all_rules_but_the_one_that_is_refused)
{
	write_rule("{ tally: 3 }");
	if (!starts[_i].is_first) {
		start(wide);
		expect_acting();
		ms_proc_stop(microsegd);
	}
	start(narrow);
	ck_assert_int_eq(access(MS_NETNS_DIR "/one/state/last-good.json", F_OK), 0);
	expect_alone_on_its_fallback(why);
	expect_changes_refused();
	expect_config_checked(true);
	expect_said(why);
	expect_alone_on_its_fallback(why);
	/* What has nothing to do with it goes on. */
	ck_assert_msg(import_rule("one", 86, "{ tally: 1 }") == 0, "%s", text);
	ms_ctl_do(microsegd, "group", "mode", "work", "enforce", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 86, SOON), -ECONNREFUSED);
	expect_alone_on_its_fallback(why);
	ms_proc_write_config(microsegd, wide);
	ms_ctl_do(microsegd, "reload", NULL);
	expect_acting();
	expect_config_checked(false);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* It could be set up when it was tried, and not any more when it is asked. */
START_TEST(what_a_plugin_could_not_be_asked_is_said)
{
	ms_plugin_folder_add("created_once");
	write_rule("created_once");
	ms_proc_write_config(microsegd, "plugins: { created_once: {} }\n");
	expect_config_checked(false);
	expect_said("microsegd: not judged by its plugin: the arguments of action 'created_once' "
		    "(created_once: once was enough)");
}
END_TEST

/* A reload would refuse it as a whole, and so does a start that has a good policy. */
START_TEST(a_start_has_the_last_good_policy_if_that_is_taken)
{
	write_rule("{ tally: 1 }");
	start(narrow);
	expect_acting();
	ms_proc_stop(microsegd);
	write_rule("{ tally: 3 }");
	start(NULL);
	expect_acting();
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	expect_said("there is no such counter");
	ms_proc_stop(microsegd);
}
END_TEST

/* What no reload would have taken does not become the last good policy by a start. */
START_TEST(a_start_with_a_rule_on_its_fallback_keeps_the_last_good_policy)
{
	write_rule("{ tally: 3 }");
	start(wide);
	write_rule("{ tally: 99 }");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	ms_proc_stop(microsegd);
	start(narrow);
	ck_assert_int_eq(on_fallback(), 1);
	ms_proc_stop(microsegd);
	start(wide);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* It is not the files' to mend: they come in force beside it. */
START_TEST(a_rule_by_hand_waits_on_its_fallback)
{
	start(wide);
	ck_assert_msg(import_rule("counted", 80, "{ tally: 3 }") == 0, "%s", text);
	expect_acting();
	ms_proc_stop(microsegd);
	start(narrow);
	expect_alone_on_its_fallback("there is no such counter");
	write_rule("{ tally: 1 }");
	ms_netns_run_command("sed -i 's/id: counted/id: other/' " MS_NETNS_DIR
			     "/one/policy.d/10-test.yaml");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_int_eq(on_fallback(), 1);
	ms_ctl_rule_del(microsegd, "counted");
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a set that only a source has ---- */

static const char sourced[] = "plugins: { warden: {}, script: { file: " MS_PLUGIN_SCRIPT " } }\n";

static bool has_set(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "list", NULL);

	return ms_ctl_find(lines, "sets", "name", user) != NULL;
}

START_TEST(a_set_that_only_a_source_has_is_none_for_the_operators_rules)
{
	ms_plugin_folder_say("set own\n");
	start(sourced);
	ck_assert(ms_netns_wait(has_set, (void *)"own", WAIT_S));
	write_rule("{ warden: { set: own } }");
	ck_assert_int_eq(check(), 1);
	expect_refused("there is no set 'own'");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_refused("there is no set 'own'");
	ck_assert_int_eq(import_rule("w", 84, "{ warden: { set: own } }"), 1);
	expect_said("there is no set 'own'");
	/* The source's own rules may. */
	ms_plugin_folder_say(
		"set own\n"
		"rule { id: r, dir: in, proto: tcp, dport: 80, action: [{ warden: { set: own } }, "
		"allow] }\n");
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert(ms_netns_wait(has_set, (void *)"own", WAIT_S));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_start_waits_on_the_fallback_for_a_set)
{
	write_rule("{ warden: { set: own } }");
	ms_plugin_folder_say("");
	start(sourced);
	expect_alone_on_its_fallback("10-test.yaml:6:78: there is no set 'own'");
	/* It must hold without the source, which may take its set back. */
	ms_plugin_folder_say("set own\n");
	ck_assert(ms_netns_wait(has_set, (void *)"own", WAIT_S));
	ck_assert_int_eq(on_fallback(), 1);
	ms_plugin_folder_say("set other\n");
	ck_assert(ms_netns_wait(has_set, (void *)"other", WAIT_S));
	expect_alone_on_its_fallback("10-test.yaml:6:78: there is no set 'own'");
	write_own("{ warden: { set: own } }");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* What stands is nobody's change: who adds a rule beside it is not told of it. */
START_TEST(a_rule_by_hand_that_stands_keeps_no_other_out)
{
	ms_plugin_folder_say("set own\n");
	write_own("warden");
	start(sourced);
	ck_assert_msg(import_rule("by_hand", 84, "{ warden: { set: own } }") == 0, "%s", text);
	/* As if it had it in its `from`. */
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	expect_said("there is no set 'own'");
	ck_assert_int_eq(on_fallback(), 0);
	ms_proc_stop(microsegd);
	ms_netns_run_command("rm " MS_NETNS_DIR "/one/state/last-good.json");
	start(NULL);
	ck_assert(ms_netns_wait(has_set, (void *)"own", WAIT_S));
	ck_assert_int_eq(on_fallback(), 1);
	ck_assert_msg(import_rule("other", 85, "warden") == 0, "%s", text);
	ms_ctl_do(microsegd, "rule", "add", "--dir", "in", "--proto", "tcp", "--dport", "86",
		  "allow", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 86, SOON), -ECONNREFUSED);
	ck_assert_int_eq(import_rule("another", 87, "{ warden: { set: own } }"), 1);
	expect_said("there is no set 'own'");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- names that nobody has ---- */

static const struct {
	const char *action, *config;
	bool is_known;
} names[] = {
	{ "script", "plugins: { script: { file: " MS_PLUGIN_SCRIPT " } }\n", false },
	{ "script", "plugins: {}\n", false },             /* only its file is there */
	{ "script", "plugins: { script: {} }\n", false }, /* failed, but it could say what it is */
	{ "other_name", "plugins: { other_name: {} }\n", true },
	{ "tally", "plugins: {}\n", true },
	{ "create_fails", "plugins: { create_fails: {} }\n", true },
};

START_TEST(the_name_of_a_plugin_is_no_action)
{
	ms_plugin_folder_add("other_name");
	ms_plugin_folder_add("create_fails");
	ms_plugin_folder_say("");
	start(names[_i].config);
	write_rule(names[_i].action);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL),
			 !names[_i].is_known);
	if (!names[_i].is_known) {
		expect_refused("no plugin is known that has an action");
		ck_assert_int_eq(check(), 1);
		expect_refused("no plugin is known that has an action");
	}
	ck_assert_int_eq(import_rule("by_hand", 84, names[_i].action), !names[_i].is_known);
	snprintf(text, sizeof(text),
		 "%s  - { id: counted, dir: in, proto: tcp, dport: 80, action: [%s, allow], "
		 "fallback: deny }\n",
		 head, names[_i].action);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_gt(on_fallback(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_refused");
	TCase *tcase = tcase_create("refused");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_start_takes_all_rules_but_the_one_that_is_refused, 0,
			    (int)ms_array_size(starts));
	tcase_add_test(tcase, what_a_plugin_could_not_be_asked_is_said);
	tcase_add_test(tcase, a_start_has_the_last_good_policy_if_that_is_taken);
	tcase_add_test(tcase, a_start_with_a_rule_on_its_fallback_keeps_the_last_good_policy);
	tcase_add_test(tcase, a_rule_by_hand_waits_on_its_fallback);
	tcase_add_test(tcase, a_set_that_only_a_source_has_is_none_for_the_operators_rules);
	tcase_add_test(tcase, a_start_waits_on_the_fallback_for_a_set);
	tcase_add_test(tcase, a_rule_by_hand_that_stands_keeps_no_other_out);
	tcase_add_loop_test(tcase, the_name_of_a_plugin_is_no_action, 0, (int)ms_array_size(names));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
