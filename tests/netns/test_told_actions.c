/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an action in a daemon is told, and the members that it puts into sets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define HERE "10.1.0.1" /* whose connections come to 10.1.0.2 */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("warden");
	ms_proc_write_config(microsegd, "plugins: { warden: {} }\n");
}

static void start(void)
{
	ms_plugin_folder_start(microsegd, NULL);
}

/* Who is in `bad` is denied; port 80 has the action. `more` is further keys of the document. */
static void policy(const char *arguments, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "sets: { bad: [192.0.2.1], good: [10.9.0.0/16] }\n"
		 "%s"
		 "rules:\n"
		 "  - { id: in/bad, dir: in, from: \"set:bad\", proto: tcp, action: deny }\n"
		 "  - { id: in/good, dir: in, from: \"set:good\", proto: tcp, action: allow }\n"
		 "  - { id: told, dir: in, proto: tcp, dport: 80, fallback: deny, log: true,\n"
		 "      action: [{ warden: { %s } }, allow] }\n",
		 more, arguments);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t told(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "warden", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* The errno that the host answers, 0 = done. */
static int does(const char *way, const char *set, const char *member, const char *ttl)
{
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "way: %s, set: %s, member: \"%s\", ttl: %s", way,
		 set, member, ttl);
	policy(arguments, "");
	return (int)told("code");
}

static bool has_member(const char *set, const char *member)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "show", set, NULL);

	return ms_ctl_find(lines, "members", "addr", member) != NULL;
}

static bool was_told(void *user)
{
	return told("events") >= *(const json_int_t *)user;
}

static void expect_told(json_int_t events)
{
	ck_assert(ms_netns_wait(was_told, &events, 10));
}

START_TEST(events_of_its_rule_are_told)
{
	json_int_t before;

	policy("way: other", "");
	start();
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	expect_told(1);
	ck_assert_int_eq(told("dport"), 80);
	ck_assert_int_eq(told("verdict"), MS_VERDICT_ALLOW);
	{
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "warden", NULL);

		ck_assert_ptr_nonnull(ms_ctl_find(lines, "stats", "rule", "told"));
		ck_assert_ptr_nonnull(ms_ctl_find(lines, "stats", "rule", "veth-a"));
	}
	/* Another rule's event is not. */
	before = told("events");
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_GONE), -ETIMEDOUT);
	json_decref(ms_ctl_event(microsegd, "shut", "deny"));
	ck_assert_int_eq(told("events"), before);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_member_is_in_force_when_it_is_in)
{
	json_int_t denied;

	policy("way: on_event, set: bad, ttl: 1h", "");
	start();
	/* The twin: nobody is in the set, so the first packet comes to the action. What follows it
	 * may be too late. */
	ms_site_reach(80, MS_SITE_SOON);
	expect_told(1);
	ck_assert_int_eq(told("code"), 0);
	ck_assert(has_member("bad", HERE));
	denied = ms_ctl_rule_packets(microsegd, "in/bad");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "in/bad"), denied);
	/* And stays so over a daemon that is killed. */
	ms_proc_kill(microsegd);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	start();
	ck_assert(has_member("bad", HERE));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	/* Until somebody takes it out. */
	ck_assert_int_eq(told("events"), 0);
	ms_ctl_do(microsegd, "set", "del", "bad", HERE, NULL);
	ms_site_reach(80, MS_SITE_SOON);
	expect_told(1);
	ms_proc_stop(microsegd);
}
END_TEST

/* What it would put there would go nowhere, and nobody would be denied. */
/* By a callback between two pieces of work: what comes was copied from what is in force before. */
START_TEST(who_is_put_in_while_a_policy_is_made_stays)
{
	policy("way: other", "");
	start();
	policy("way: on_encode, set: bad, member: \"" HERE "/32\", ttl: 1h", "");
	ck_assert_int_eq(told("code"), 0);
	ck_assert(has_member("bad", HERE));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "in/bad"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_argument_names_a_set_of_the_policy)
{
	static const char *const wrong[] = { "nosuch", "host" };
	char answer[2048], says[64], rule[512];

	policy("way: other, set: bad", "");
	start();
	for (size_t i = 0; i < ms_array_size(wrong); i++) {
		snprintf(
			rule, sizeof(rule),
			"version: 1\nrules:\n  - { id: more, dir: in, proto: tcp, dport: 82, fallback: deny,\n"
			"      action: [{ warden: { way: other, set: %s } }, allow] }\n",
			wrong[i]);
		ms_proc_write_policy(microsegd, "20-more.yaml", rule);
		ck_assert_int_eq(
			ms_ctl_status(microsegd, answer, sizeof(answer), "policy", "apply", NULL),
			1);
		snprintf(says, sizeof(says), "there is no set '%s'", wrong[i]);
		ck_assert_msg(strstr(answer, says) && strstr(answer, "20-more.yaml") &&
				      strstr(answer, "\"line\":4"),
			      "%s", answer);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(some_addresses_are_never_put_in)
{
	static const struct {
		const char *set, *member;
		int code;
	} tries[] = {
		{ "bad", "10.9.0.1/32", EPERM }, /* of the set that is allowed */
		{ "bad", "10.0.0.0/8", EPERM },  /* covers it */
		{ "bad", "10.9.0.0/16", EPERM }, { "bad", "10.8.255.255/32", 0 },
		{ "good", "10.9.0.1/32", 0 }, /* the set itself is no reason */
		{ "bad", "2001:db8::/32", 0 },
	};

	policy("way: other", "");
	start();
	for (size_t i = 0; i < ms_array_size(tries); i++)
		ck_assert_msg(does("add", tries[i].set, tries[i].member, "1h") == tries[i].code,
			      "%s into %s: not %d", tries[i].member, tries[i].set, tries[i].code);
	/* What came into an allow-listed set a moment ago is looked at, too. */
	ms_ctl_do(microsegd, "set", "add", "good", "10.7.0.1", NULL);
	ck_assert_int_eq(does("add", "bad", "10.7.0.1/32", "1h"), EPERM);
	ms_ctl_do(microsegd, "set", "del", "good", "10.7.0.1", NULL);
	ck_assert_int_eq(does("add", "bad", "10.7.0.1/32", "1h"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(peers_of_the_failsafe_are_never_put_in)
{
	static const char failsafe[] = "failsafe: { in: [\"tcp:10.6.0.0/24:22\", \"tcp:2222\", "
				       "\"tcp:[2001:db8::7]:22\"], out: [] }\n";
	static const struct {
		const char *member;
		int code;
	} tries[] = {
		{ "10.6.0.9/32", EPERM },     { "10.6.0.0/16", EPERM },   { "0.0.0.0/0", EPERM },
		{ "2001:db8::7/128", EPERM }, { "2001:db8::/32", EPERM }, { "10.6.1.0/32", 0 },
		{ "2001:db8::8/128", 0 },
	};

	policy("way: other", failsafe);
	start();
	for (size_t i = 0; i < ms_array_size(tries); i++) {
		char arguments[256];

		snprintf(arguments, sizeof(arguments), "way: add, set: bad, member: \"%s\"",
			 tries[i].member);
		policy(arguments, failsafe);
		ck_assert_msg(told("code") == tries[i].code, "%s: not %d", tries[i].member,
			      tries[i].code);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(only_what_it_put_in_is_taken_out)
{
	policy("way: other", "");
	start();
	ck_assert_int_eq(does("del", "bad", "10.8.0.1/32", "1h"), ENOENT);
	ck_assert_int_eq(does("add", "bad", "10.8.0.1/32", "1h"), 0);
	ck_assert(has_member("bad", "10.8.0.1"));
	ck_assert_int_eq(does("del", "bad", "10.8.0.1/32", "1h"), 0);
	ck_assert(!has_member("bad", "10.8.0.1"));
	ck_assert_int_eq(does("del", "bad", "10.8.0.1/32", "1h"), ENOENT);
	/* What a person put in stays, and for as long as that person said. */
	ms_ctl_do(microsegd, "set", "add", "bad", "10.8.0.2", NULL);
	ck_assert_int_eq(does("add", "bad", "10.8.0.2/32", "1s"), 0);
	ck_assert_int_eq(does("del", "bad", "10.8.0.2/32", "1s"), ENOENT);
	{
		json_auto_t *lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
		json_t *member = ms_ctl_find(lines, "members", "addr", "10.8.0.2");

		ck_assert_ptr_nonnull(member);
		ck_assert(json_is_null(json_object_get(member, "timeout_ms")));
	}
	ck_assert_int_eq(told("longer"), 1);
	/* What a file says, too; beside it, the plugin's is its own. */
	ck_assert_int_eq(does("add", "bad", "192.0.2.1/32", "1h"), 0);
	ck_assert_int_eq(told("longer"), 1);
	ck_assert_int_eq(does("del", "bad", "192.0.2.1/32", "1h"), 0);
	ck_assert_int_eq(does("del", "bad", "192.0.2.1/32", "1h"), ENOENT);
	ck_assert(has_member("bad", "192.0.2.1"));
	/* A person may take out what the plugin put in, and it may come again. */
	ck_assert_int_eq(does("add", "bad", "10.8.0.3/32", "0s"), 0);
	ms_ctl_do(microsegd, "set", "del", "bad", "10.8.0.3", NULL);
	ck_assert_int_eq(does("del", "bad", "10.8.0.3/32", "0s"), ENOENT);
	ck_assert_int_eq(does("add", "bad", "10.8.0.3/32", "0s"), 0);
	ck_assert_int_eq(does("del", "bad", "10.8.0.3/32", "0s"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_origin(const char *member, const char *origin)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "show", "bad", NULL);

	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(lines, "members", "addr", member), "origin"),
			 origin);
}

static void end_daemon(int killed)
{
	if (killed)
		ms_proc_kill(microsegd);
	else
		ms_proc_stop(microsegd);
}

START_TEST(whose_a_member_is_outlives_the_daemon)
{
	policy("way: other", "");
	start();
	ck_assert_int_eq(does("add", "bad", "10.8.0.1/32", "0s"), 0);
	ck_assert_int_eq(does("add", "bad", "10.8.0.2/32", "1h"), 0);
	ck_assert_int_eq(does("add", "bad", "10.8.0.3/32", "1h"), 0);
	ms_ctl_do(microsegd, "set", "add", "bad", "10.8.0.3", NULL);
	policy("way: other", "");
	/* From the journal, and then from the file: a rule has all of it saved. */
	for (int i = 0; i < 2; i++) {
		end_daemon(_i);
		start();
		expect_origin("10.8.0.1", "plugin warden");
		expect_origin("10.8.0.2", "plugin warden");
		expect_origin("10.8.0.3", "runtime");
		ms_ctl_do(microsegd, "rule", "add", "--dport", "9", "--proto", "tcp", "deny", NULL);
	}
	ck_assert_int_eq(does("del", "bad", "10.8.0.1/32", "0s"), 0);
	ck_assert(!has_member("bad", "10.8.0.1"));
	ck_assert_int_eq(does("del", "bad", "10.8.0.3/32", "0s"), ENOENT);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nobody but the CLI knows the set and no rule names it: it stays when it is emptied, since putting
 * a policy in force would call the plugin within its own callback. */
START_TEST(taking_out_the_last_one_leaves_the_set)
{
	policy("way: other", "");
	start();
	ms_ctl_do(microsegd, "set", "add", "spare", "192.0.2.9", NULL);
	ck_assert_int_eq(does("add", "spare", "10.8.0.1/32", "1h"), 0);
	ms_ctl_do(microsegd, "set", "del", "spare", "192.0.2.9", NULL);
	ck_assert_int_eq(does("del", "spare", "10.8.0.1/32", "1h"), 0);
	ck_assert(!has_member("spare", "10.8.0.1"));
	ck_assert_int_eq(does("add", "spare", "10.8.0.1/32", "1h"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static const char without[] = "version: 1\n"
			      "rules:\n"
			      "  - { id: told, dir: in, proto: tcp, dport: 80, action: allow }\n";

START_TEST(rules_that_are_gone_are_told)
{
	policy("way: other", "");
	start();
	policy("way: other, ttl: 1s", ""); /* it still has the action */
	ck_assert_int_eq(told("gone"), 0);
	ms_proc_write_policy(microsegd, "05-action.yaml", "version: 1\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(told("gone"), 1);
	ck_assert_int_gt(told("gone_rule"), 0);
	/* The same id again, then without the action. */
	policy("way: other", "");
	ck_assert_int_eq(told("gone"), 1);
	ms_proc_write_policy(microsegd, "05-action.yaml", without);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(told("gone"), 2);
	ms_proc_stop(microsegd);
}
END_TEST

/* Also a plugin that is loaded later than the start. */
START_TEST(rules_that_went_without_the_daemon_are_told)
{
	policy("way: other", "");
	start();
	ms_proc_stop(microsegd);
	start();
	ck_assert_int_eq(told("gone"), 0);
	ms_proc_kill(microsegd);
	ms_proc_write_policy(microsegd, "05-action.yaml", without);
	if (_i) {
		ms_plugin_folder_start(microsegd, "");
		ms_ctl_do(microsegd, "plugin", "load", "warden", NULL);
	} else {
		start();
	}
	ck_assert_int_eq(told("gone"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* One that failed at the start, and is there when its rule has gone meanwhile. */
START_TEST(rules_that_went_while_it_was_failed_are_told)
{
	policy("way: other", "");
	start();
	ms_proc_stop(microsegd);
	ms_netns_run_command("mv " MS_PLUGIN_FOLDER "/warden.so " MS_PLUGIN_FOLDER "/away");
	start();
	ms_proc_write_policy(microsegd, "05-action.yaml", without);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_netns_run_command("mv " MS_PLUGIN_FOLDER "/away " MS_PLUGIN_FOLDER "/warden.so");
	ms_ctl_do(microsegd, "plugin", "load", "warden", NULL);
	ck_assert_int_eq(told("gone"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* With one reload, of a rule that is younger than the daemon: the new instance never knew it. */
START_TEST(rules_that_go_as_a_new_instance_comes_are_told)
{
	ms_proc_write_policy(microsegd, "05-action.yaml", without);
	start();
	policy("way: other", "");
	ck_assert_int_eq(told("gone"), 0);
	ms_proc_write_config(microsegd, "plugins: { warden: { any: 1 } }\n");
	/* The twin: the rule stays. */
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_int_eq(told("gone"), 0);
	ms_proc_write_config(microsegd, "plugins: { warden: { any: 2 } }\n");
	ms_proc_write_policy(microsegd, "05-action.yaml", without);
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_int_eq(told("gone"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* Two places of a rule, each with its counter. */
static void tallies(int one, int other)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n  - { id: tallied, dir: in, fallback: deny,\n"
		 "      action: [{ tally: %d }, { tally: %d }, allow] }\n",
		 one, other);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t tallied(const char *what)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "tally", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", what);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* A plugin is asked about a rule once a commit, and told what it said then; a rule that is added
 * beside the others asks nobody. */
START_TEST(a_plugin_is_told_what_it_was_asked)
{
	json_int_t encoded;
	char text[512];

	ms_plugin_folder_add("tally");
	ms_proc_write_config(microsegd, "plugins: { tally: {} }\n");
	tallies(3, 4);
	start();
	ck_assert_int_eq(tallied("rules"), 2);
	ck_assert_int_eq(tallied("counters"), 7);
	encoded = tallied("encoded");
	tallies(3, 5);
	ck_assert_int_eq(tallied("rules"), 2);
	ck_assert_int_eq(tallied("counters"), 8);
	ck_assert_int_eq(tallied("encoded"), encoded + 2);
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "99", "allow", NULL);
	ck_assert_int_eq(tallied("counters"), 8);
	/* Its new instance knows of no rule before it is told. */
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 9 } }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert_int_eq(tallied("rules"), 2);
	ck_assert_int_eq(tallied("counters"), 8);
	/* And the old one, put back after a reload that is refused. */
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 4 } }\n");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	ck_assert_int_eq(tallied("rules"), 2);
	ck_assert_int_eq(tallied("counters"), 8);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/told_actions");
	TCase *tcase = tcase_create("told_actions");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, events_of_its_rule_are_told);
	tcase_add_test(tcase, a_member_is_in_force_when_it_is_in);
	tcase_add_test(tcase, who_is_put_in_while_a_policy_is_made_stays);
	tcase_add_test(tcase, an_argument_names_a_set_of_the_policy);
	tcase_add_test(tcase, some_addresses_are_never_put_in);
	tcase_add_test(tcase, peers_of_the_failsafe_are_never_put_in);
	tcase_add_test(tcase, only_what_it_put_in_is_taken_out);
	tcase_add_loop_test(tcase, whose_a_member_is_outlives_the_daemon, 0, 2);
	tcase_add_test(tcase, taking_out_the_last_one_leaves_the_set);
	tcase_add_test(tcase, rules_that_are_gone_are_told);
	tcase_add_loop_test(tcase, rules_that_went_without_the_daemon_are_told, 0, 2);
	tcase_add_test(tcase, rules_that_went_while_it_was_failed_are_told);
	tcase_add_test(tcase, rules_that_go_as_a_new_instance_comes_are_told);
	tcase_add_test(tcase, a_plugin_is_told_what_it_was_asked);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
