/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of a policy that names actions: by `policy check`, with a daemon and without, and by
 * the daemon that is to put it in force. */
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

static const char head[] =
	"version: 1\n"
	"sets: { known: [192.0.2.1] }\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: o, dir: out, to: \"set:known\", action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, head);
	ms_plugin_folder_add("tally");
	ms_plugin_folder_add("warden");
}

/* One rule, which begins in the file's line 7; `action` in column 55. */
static void write_rule(const char *fallback, const char *action)
{
	char policy[1024];

	snprintf(policy, sizeof(policy),
		 "%s  - { id: r, dir: in, proto: tcp, dport: 80, action: [%s, allow]%s }\n", head,
		 action, fallback);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static int check(void)
{
	return ms_ctl_status(microsegd, text, sizeof(text), "policy", "check", "--plugin-dir",
			     MS_PLUGIN_FOLDER, MS_NETNS_DIR "/one/policy.d", NULL);
}

static void expect_said(const char *says)
{
	ck_assert_msg(strstr(text, says) != NULL, "%s: %s", says, text);
}

static void start(const char *config)
{
	ms_plugin_folder_start(microsegd, config);
}

struct wrong {
	const char *action, *says, *column;
};

static const struct wrong wrong[] = {
	{ "{ tally: 16 }", "counter must not be above 15", "64" },
	{ "{ tally: x }", "counter must be a whole number, not 'x'", "64" },
	{ "{ tally: { count: 1 } }", "there is no item 'count'", "66" },
	{ "{ tally: { counter: [1, 2] } }", "counter takes one value", "79" },
	{ "{ warden: { set: nosuch } }", "there is no set 'nosuch'", "72" },
	{ "nosuch", "no plugin is known that has an action 'nosuch': a rule", "55" },
	{ "taly", "no plugin is known that has an action 'taly' (did you mean tally?): a rule",
	  "55" },
};

static void expect_refused(const struct wrong *is)
{
	char place[64];

	expect_said(is->says);
	expect_said("10-test.yaml");
	snprintf(place, sizeof(place), "\"column\":%s,", is->column);
	expect_said(place);
	expect_said("\"line\":7");
}

START_TEST(a_wrong_argument_is_found_before_anything_runs)
{
	write_rule("", wrong[_i].action);
	ck_assert_int_eq(check(), 1);
	expect_refused(&wrong[_i]);
	/* The same by the daemon, whose plugins these are. */
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	start("plugins: { tally: {}, warden: {} }\n");
	write_rule("", wrong[_i].action);
	ck_assert_int_eq(check(), 1);
	expect_refused(&wrong[_i]);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL), 1);
	expect_refused(&wrong[_i]);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nothing of the schema is wrong with these: their plugins refuse them. The user has no capability
 * and there is no daemon. */
static const struct wrong refused[] = {
	{ "{ tally: 6 }", "tally: there is no such counter", "57" },
	{ "{ mark: { mask: 1 } }", "mark: 'mask' goes with a 'mark'", "65" },
	{ "{ ratelimit: { burst: 1 } }", "takes either 'pps' or 'bytes'", "57" },
};

START_TEST(what_only_the_plugin_can_refuse_is_found_too)
{
	const char *config = "plugins: { tally: { top: 5 }, mark: {}, ratelimit: {} }\n";

	ms_plugin_folder_add("mark");
	ms_plugin_folder_add("ratelimit");
	ms_proc_write_config(microsegd, config);
	write_rule("", refused[_i].action);
	ck_assert_int_eq(ms_plugin_folder_check(text, sizeof(text)), 1);
	expect_refused(&refused[_i]);
	/* In the same words as by the daemon that has them. */
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	start(config);
	write_rule("", refused[_i].action);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL), 1);
	expect_refused(&refused[_i]);
	write_rule("",
		   "{ tally: 5 }, { mark: { mark: 0x10, mask: 0xf0 } }, { ratelimit: { pps: 1 } }");
	ck_assert_msg(ms_plugin_folder_check(text, sizeof(text)) == 0, "%s", text);
	expect_said("\"unjudged_actions\":[]");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_argument_that_would_crash_the_daemon_is_refused)
{
	ms_plugin_folder_add("encode_crashes");
	write_rule("", "{ encode_crashes: { rate: 13 } }");
	ck_assert_int_eq(check(), 1);
	expect_said("encode_crashes: crashed while it read arguments of rule r");
	write_rule("", "{ encode_crashes: { rate: 14 } }");
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("\"unjudged_actions\":[]");
}
END_TEST

START_TEST(a_plugin_that_cannot_be_asked_is_named)
{
	ms_plugin_folder_add("create_fails");
	write_rule("", "{ create_fails: { rate: 1 } }");
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("\"unjudged_actions\":[{\"action\":\"create_fails\",\"reason\":"
		    "\"create_fails: no more of these\"}]");
}
END_TEST

START_TEST(right_arguments_pass)
{
	write_rule("", "{ tally: 15 }, { warden: { set: known } }");
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("\"daemon_asked\":false");
	expect_said("\"unknown_actions\":[]");
}
END_TEST

static void write_filled(const char *action)
{
	char policy[1024];

	snprintf(
		policy, sizeof(policy),
		"version: 1\n"
		"sets: { filled: [], \"3\": [192.0.2.1] }\n"
		"groups:\n"
		"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
		"rules:\n"
		"  - { id: r, dir: in, proto: tcp, dport: 80, action: [{ tally: 3 }, %s, allow],\n"
		"      fallback: deny }\n",
		action);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static const char *const fillers[] = {
	"{ warden: { set: filled } }", "{ nosuch: { into: filled } }", /* who knows what that is */
};

/* By the type of the argument, not by how it looks. */
START_TEST(a_set_that_an_action_fills_is_used)
{
	write_filled(fillers[_i]);
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("no rule uses set '3'");
	ck_assert_msg(!strstr(text, "set 'filled'"), "%s", text);
	start("plugins: { tally: {}, warden: {} }\n");
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("no rule uses set '3'");
	ck_assert_msg(!strstr(text, "set 'filled'"), "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

static json_int_t users_of(const char *set)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "list", NULL);

	return ms_ctl_int(ms_ctl_find(lines, "sets", "name", set), "rules");
}

START_TEST(a_set_that_an_action_fills_stays_when_it_is_emptied)
{
	json_auto_t *lines = NULL;

	write_filled("{ warden: { set: filled } }");
	start("plugins: { tally: {}, warden: {} }\n");
	ck_assert_int_eq(users_of("filled"), 1);
	ck_assert_int_eq(users_of("3"), 0);
	/* One that no file has. */
	ms_ctl_do(microsegd, "set", "add", "fresh", "192.0.2.9", NULL);
	write_filled("{ warden: { set: fresh } }");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(users_of("fresh"), 1);
	ms_ctl_do(microsegd, "set", "del", "fresh", "192.0.2.9", NULL);
	ck_assert_int_eq(users_of("fresh"), 1);
	lines = ms_ctl(microsegd, "set", "show", "fresh", NULL);
	ck_assert_ptr_null(ms_ctl_find(lines, "members", "addr", "192.0.2.9"));
	ms_proc_stop(microsegd);
}
END_TEST

/* One that nobody here knows may be known elsewhere: it is not checked, and that is said. */
START_TEST(an_unknown_action_is_accepted_with_a_fallback)
{
	write_rule(", fallback: allow", "{ nosuch: { any: thing } }");
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("\"unknown_actions\":[\"nosuch\"]");
	expect_said("gets its fallback, allow");
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	start("");
	write_rule(", fallback: allow", "{ nosuch: { any: thing } }");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(without_a_fallback_a_known_action_that_is_absent_denies)
{
	write_rule("", "{ tally: 3 }");
	start("plugins: { tally: {} }\n");
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("\"daemon_asked\":true");
	expect_said("\"warnings_total\":0");
	ms_proc_stop(microsegd);
	start("");
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	/* Which rules, and what they get. */
	ck_assert_msg(check() == 0, "%s", text);
	expect_said("no plugin with an action 'tally' is loaded");
	expect_said("gets its fallback, deny");
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* How many rules `status` and their list say are on their fallback. */
static void expect_on_fallback(json_int_t count, int health)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	json_auto_t *rules = ms_ctl(microsegd, "rule", "list", NULL);

	ck_assert_int_eq(ms_ctl_int(json_array_get(status, 0), "rules_on_fallback"), count);
	ck_assert_uint_eq(ms_ctl_count(rules, "rules", "missing_action", "tally"), (size_t)count);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 health);
	ck_assert_msg(!!strstr(text, "is on its fallback, deny: no plugin that is loaded has the "
				     "action 'tally'") == (count > 0),
		      "%s", text);
}

START_TEST(a_rule_on_its_fallback_is_a_problem_until_it_acts)
{
	write_rule("", "{ tally: 3 }");
	start("plugins: { warden: {} }\n");
	expect_on_fallback(1, 4);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	{
		json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);

		ck_assert_int_gt(
			ms_ctl_int(ms_ctl_find(lines, "reasons", "reason", "missing_action"),
				   "denied_packets"),
			0);
	}
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_on_fallback(0, 0);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_traced(const char *verdict, const char *reason)
{
	json_auto_t *lines = ms_ctl(microsegd, "trace", "tcp 10.1.0.1:4000 > 10.1.0.2:80 syn",
				    "--iface", "veth-a", "--dir", "in", NULL);
	json_t *told = json_array_get(lines, 0);

	ck_assert_str_eq(ms_ctl_text(told, "verdict"), verdict);
	ck_assert_str_eq(ms_ctl_text(told, "reason"), reason);
	ck_assert_str_eq(ms_ctl_text(told, "rule"), "r");
	ck_assert_int_eq(json_is_true(json_object_get(told, "would_log")),
			 strcmp(verdict, "allow") != 0);
}

/* What a packet would get, before and after: trace says what the datapath does. */
START_TEST(a_trace_follows_the_fallback)
{
	write_rule("", "{ tally: 3 }");
	start("plugins: { warden: {} }\n");
	expect_traced("deny", "missing_action");
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "group", "mode", "work", "audit", NULL);
	expect_traced("audit", "missing_action");
	ms_ctl_do(microsegd, "group", "mode", "work", "policy", NULL);
	write_rule(", fallback: allow", "{ tally: 3 }");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_traced("allow", "missing_action");
	write_rule(", mode: audit", "{ tally: 3 }");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_traced("audit", "missing_action");
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_traced("allow", "rule");
	ms_proc_stop(microsegd);
}
END_TEST

/* A start never refuses what was in force: its file gone, the rule is on its fallback. */
START_TEST(a_start_takes_a_rule_whose_plugin_has_gone)
{
	write_rule("", "{ tally: 3 }");
	start("plugins: { tally: {} }\n");
	ms_proc_stop(microsegd);
	ms_netns_run_command("rm " MS_PLUGIN_FOLDER "/tally.so");
	start("");
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	/* And others are added all the same. */
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "99", "deny", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

#define USERS 20

START_TEST(a_plugin_tells_who_uses_it)
{
	char policy[8192];
	size_t length = (size_t)snprintf(policy, sizeof(policy), "%s", head);
	json_auto_t *lines = NULL;
	json_t *entry;

	for (int i = 0; i < USERS; i++)
		length += (size_t)snprintf(policy + length, sizeof(policy) - length,
					   "  - { id: r%d, dir: in, proto: tcp, dport: %d, action: "
					   "[tally, allow], fallback: allow }\n",
					   i, 1000 + i);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	start("plugins: { tally: {}, warden: {} }\n");
	lines = ms_ctl(microsegd, "plugin", "list", NULL);
	entry = ms_ctl_find(lines, "plugins", "name", "tally");
	ck_assert_int_eq(ms_ctl_int(entry, "used_by_total"), USERS);
	ck_assert_uint_eq(json_array_size(json_object_get(entry, "used_by")), 16);
	ck_assert_str_eq(ms_ctl_text(entry, "used_by.0"), "r0");
	entry = ms_ctl_find(lines, "plugins", "name", "warden");
	ck_assert_int_eq(ms_ctl_int(entry, "used_by_total"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* What holds of an item of its configuration; borrowed from `lines`. */
static json_t *held(json_t *lines, const char *item)
{
	json_t *found = ms_ctl_find(lines, "config", "name", item);

	ck_assert_ptr_nonnull(found);
	return found;
}

static void expect_top(const char *value, bool is_written)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "tally", NULL);
	json_t *top = held(lines, "top");

	ck_assert_uint_eq(json_array_size(json_object_get(top, "values")), 1);
	ck_assert_str_eq(ms_ctl_text(top, "values.0"), value);
	ck_assert(json_is_true(json_object_get(top, "is_written")) == is_written);
}

/* Nobody listens there. */
#define SECRET_LIST "known=http://name:hidden-word@127.0.0.1:9/list?key=hidden-word"

static bool feed_is_in_trouble(void *user)
{
	(void)user;
	ms_ctl_status(microsegd, text, sizeof(text), "plugin", "show", "feed", NULL);
	return strstr(text, "onnect") != NULL;
}

START_TEST(a_plugin_tells_how_it_is_configured_but_no_secret)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ms_plugin_folder_add("feed");
	start("plugins: { tally: {}, feed: { lists: \"" SECRET_LIST "\" } }\n");
	expect_top("15", false);
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 5 }, feed: { timeout: 7s, lists: "
					"\"" SECRET_LIST "\" } }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_top("5", true);
	{
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "feed", NULL);
		json_t *lists = held(lines, "lists");

		ck_assert_str_eq(ms_ctl_text(held(lines, "timeout"), "values.0"), "7s");
		ck_assert(json_is_true(json_object_get(lists, "is_secret")));
		ck_assert(json_is_true(json_object_get(lists, "is_written")));
		ck_assert_uint_eq(json_array_size(json_object_get(lists, "values")), 0);
	}
	/* Nor when it says what is wrong. */
	ck_assert(ms_netns_wait(feed_is_in_trouble, NULL, 30));
	ck_assert_ptr_nonnull(strstr(text, "127.0.0.1:9/list"));
	ck_assert_ptr_null(strstr(text, "hidden-word"));
	ms_proc_stop(microsegd);
}
END_TEST

/* Refused by the parser, which knows no plugin, and by what the plugin says of itself. */
static const char *const unrepeated[] = {
	"plugins: { tally: {}, feed: hush }\n",
	"plugins: { tally: {}, feed: { lists: \"hush }\n",
	"plugins: { tally: {}, feed: { lists: [a, [hush]] } }\n",
	"plugins: { tally: {}, feed: { lists: hush } }\n",
	"plugins: { tally: {}, script: { file: [/a, hush] } }\n",
};

static void expect_unrepeated(int status)
{
	ck_assert_msg(status == 1, "%d: %s", status, text);
	ck_assert_msg(text[0] && !strstr(text, "hush"), "%s", text);
}

START_TEST(nobody_repeats_a_secret)
{
	const char *name = strstr(unrepeated[_i], "script") ? "script" : "feed";

	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ms_plugin_folder_add("feed");
	ms_plugin_folder_add("script_secret");
	ms_netns_run_command("mv " MS_PLUGIN_FOLDER "/script_secret.so " MS_PLUGIN_FOLDER
			     "/script.so");
	start("plugins: { tally: {} }\n");
	ms_proc_write_config(microsegd, unrepeated[_i]);
	ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL);
	ck_assert_msg(text[0] && !strstr(text, "hush"), "%s", text);
	ms_ctl_status(microsegd, text, sizeof(text), "status", NULL);
	ck_assert_msg(text[0] && !strstr(text, "hush"), "%s", text);
	expect_unrepeated(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", name, NULL));
	expect_unrepeated(ms_ctl_status(microsegd, text, sizeof(text), "plugin", "probe", name,
					"--plugin-dir", MS_PLUGIN_FOLDER, "--config",
					MS_NETNS_DIR "/one/microseg.yaml", NULL));
	ms_netns_read_command(text, sizeof(text),
			      MS_TEST_BIN_DIR "/microsegd --check-config --plugin-dir "
					      "" MS_PLUGIN_FOLDER " --config " MS_NETNS_DIR
					      "/one/microseg.yaml 2>&1; echo exit $?");
	ck_assert_msg(!strstr(text, "hush"), "%s", text);
	ms_netns_read_command(text, sizeof(text), "cat %s/daemon.log", microsegd->dir);
	ck_assert_msg(text[0] && !strstr(text, "hush"), "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_plugin_of_another_file_is_shown_as_that_says)
{
	ms_netns_run_command("touch " MS_NETNS_DIR "/first-word " MS_NETNS_DIR "/hidden-word");
	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ms_plugin_folder_add("script");
	start("plugins: { tally: {}, script: { file: " MS_NETNS_DIR "/first-word } }\n");
	{
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "script", NULL);

		ck_assert_str_eq(ms_ctl_text(held(lines, "file"), "values.0"),
				 MS_NETNS_DIR "/first-word");
	}
	ms_plugin_folder_add("script_secret");
	ms_netns_run_command("mv " MS_PLUGIN_FOLDER "/script_secret.so " MS_PLUGIN_FOLDER
			     "/script.so");
	ms_proc_write_config(microsegd, "plugins: { tally: {}, script: { file: " MS_NETNS_DIR
					"/hidden-word } }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	{
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "script", NULL);

		ck_assert(json_is_true(json_object_get(held(lines, "file"), "is_secret")));
	}
	ms_ctl_status(microsegd, text, sizeof(text), "plugin", "show", "script", NULL);
	ck_assert_ptr_null(strstr(text, "hidden-word"));
	ms_proc_stop(microsegd);
}
END_TEST

static size_t count_in_log(const char *what)
{
	ms_netns_read_command(text, sizeof(text), "grep -c -F -e '%s' %s/daemon.log || true", what,
			      microsegd->dir);
	return (size_t)atoi(text);
}

START_TEST(a_trouble_is_told_once_and_with_its_time)
{
	json_auto_t *lines = NULL;
	const char *problem;

	ms_proc_write_policy(microsegd, "10-test.yaml", head);
	ms_plugin_folder_add("create_fails");
	start("plugins: { create_fails: {} }\n");
	ck_assert_uint_eq(count_in_log("no more of these"), 1);
	lines = ms_ctl(microsegd, "status", NULL);
	problem = ms_ctl_text(json_array_get(lines, 0), "problems.0");
	ck_assert_msg(strstr(problem, "(since 20") != NULL, "%s", problem);
	ck_assert_msg(strstr(strstr(problem, "create_fails") + 1, "create_fails: ") == NULL, "%s",
		      problem);
	ms_proc_stop(microsegd);
}
END_TEST

/* What docs/policy.md shows of actions is what the plugins take that microseg ships. */
START_TEST(the_pages_example_is_valid)
{
	ms_plugin_folder_add("mirror");
	ms_plugin_folder_add("ratelimit");
	ms_netns_read_command(text, sizeof(text),
			      "sed -n '/^```yaml actions$/,/^```$/p' " MS_POLICY_PAGE
			      " | grep -v '^```'");
	ck_assert_msg(strstr(text, "mirror") && strstr(text, "ratelimit"), "%s", text);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
	ck_assert_msg(check() == 0, "%s", text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_policy");
	TCase *tcase = tcase_create("plugin_policy");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_wrong_argument_is_found_before_anything_runs, 0,
			    ms_array_size(wrong));
	tcase_add_loop_test(tcase, what_only_the_plugin_can_refuse_is_found_too, 0,
			    ms_array_size(refused));
	tcase_add_test(tcase, the_pages_example_is_valid);
	tcase_add_test(tcase, an_argument_that_would_crash_the_daemon_is_refused);
	tcase_add_test(tcase, a_plugin_that_cannot_be_asked_is_named);
	tcase_add_test(tcase, right_arguments_pass);
	tcase_add_loop_test(tcase, a_set_that_an_action_fills_is_used, 0, ms_array_size(fillers));
	tcase_add_test(tcase, a_set_that_an_action_fills_stays_when_it_is_emptied);
	tcase_add_test(tcase, an_unknown_action_is_accepted_with_a_fallback);
	tcase_add_test(tcase, without_a_fallback_a_known_action_that_is_absent_denies);
	tcase_add_test(tcase, a_rule_on_its_fallback_is_a_problem_until_it_acts);
	tcase_add_test(tcase, a_trace_follows_the_fallback);
	tcase_add_test(tcase, a_start_takes_a_rule_whose_plugin_has_gone);
	tcase_add_test(tcase, a_plugin_tells_who_uses_it);
	tcase_add_test(tcase, a_plugin_tells_how_it_is_configured_but_no_secret);
	tcase_add_loop_test(tcase, nobody_repeats_a_secret, 0, ms_array_size(unrepeated));
	tcase_add_test(tcase, a_plugin_of_another_file_is_shown_as_that_says);
	tcase_add_test(tcase, a_trouble_is_told_once_and_with_its_time);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
