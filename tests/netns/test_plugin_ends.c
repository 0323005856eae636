/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of rules whose plugin took the daemon down while they were in force: as long as
 * nobody is there the action goes on, and the next daemon has them on their fallback, by packets.
 * A rule that allows falls back to deny here, and one that denies to allow.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/plugin/callback.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define OPENED 80 /* by the action's rule; shut by its fallback */
#define SHUT 82   /* the other way round */
#define OTHER 83  /* of a rule without an action */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_traffic_server("a", SHUT);
	ms_traffic_server("a", OTHER);
}

/* `rate` is the argument of the plugin's action, which has its name. */
static void write_rules(const char *plugin, unsigned int rate)
{
	char rules[1024];

	snprintf(
		rules, sizeof(rules),
		"version: 1\n"
		"groups:\n"
		"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
		"rules:\n"
		"  - { id: opened, dir: in, proto: tcp, dport: %d, log: true, fallback: deny,\n"
		"      action: [{ %s: { rate: %u } }, allow] }\n"
		"  - { id: shut, dir: in, proto: tcp, dport: %d, log: true, fallback: allow,\n"
		"      action: [{ %s: { rate: %u } }, deny] }\n"
		"  - { id: other, dir: in, proto: tcp, dport: %d, action: allow }\n",
		OPENED, plugin, rate, SHUT, plugin, rate, OTHER);
	ms_proc_write_policy(microsegd, "10-test.yaml", rules);
}

static void start_with(const char *plugin)
{
	char config[128];

	snprintf(config, sizeof(config), "plugins: { %s: {} }\n", plugin);
	ms_plugin_folder_start(microsegd, config);
}

static void expect_acting(void)
{
	ck_assert_int_eq(ms_site_reach(OPENED, MS_SITE_SOON), 0);
	ck_assert_int_eq(ms_site_reach(SHUT, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_eq(ms_site_reach(OTHER, MS_SITE_SOON), 0);
}

static void expect_event(const char *rule, const char *verdict)
{
	json_auto_t *event = ms_ctl_event_for(microsegd, rule, verdict, "missing_action");

	ck_assert_str_eq(ms_ctl_text(event, "rule"), rule);
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "missing_action");
}

static void expect_packets_on_fallback(void)
{
	json_int_t opened = ms_ctl_rule_packets(microsegd, "opened");
	json_int_t shut = ms_ctl_rule_packets(microsegd, "shut");

	ck_assert_int_eq(ms_site_reach(OPENED, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_eq(ms_site_reach(SHUT, MS_SITE_SOON), 0);
	ck_assert_int_eq(ms_site_reach(OTHER, MS_SITE_SOON), 0);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "opened"), opened);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "shut"), shut);
	expect_event("opened", "deny");
	expect_event("shut", "allow");
}

/* How many rules are on their fallback, as `status` and the list of rules have it. */
static void expect_said(const char *plugin, const char *state, size_t on_fallback)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	json_auto_t *rules = ms_ctl(microsegd, "rule", "list", NULL);
	json_auto_t *plugins = ms_ctl(microsegd, "plugin", "list", NULL);
	char problem[256];

	ck_assert_int_eq(ms_ctl_int(json_array_get(status, 0), "rules_on_fallback"),
			 (json_int_t)on_fallback);
	ck_assert_uint_eq(ms_ctl_count(rules, "rules", "missing_action", plugin), on_fallback);
	ck_assert_str_eq(ms_ctl_text(ms_ctl_find(plugins, "plugins", "name", plugin), "state"),
			 state);
	snprintf(problem, sizeof(problem),
		 "is on its fallback, deny: no plugin that is loaded has "
		 "the action '%s'",
		 plugin);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 on_fallback ? 4 : 0);
	ck_assert_msg(!!strstr(text, problem) == (on_fallback > 0), "%s", text);
}

/* ---- one that ends by itself, some time after it was loaded ---- */

static const struct ending {
	const char *plugin;
	bool (*has_come)(void *user);
} endings[] = {
	{ "later_hangs", ms_plugin_folder_hangs },
	{ "later_crashes", ms_proc_has_ended },
};

START_TEST(rules_of_one_that_ended_are_on_their_fallback)
{
	const struct ending *is = &endings[_i];
	ms_cleanup(ms_close_fd) int live = -1;
	pid_t loading;

	ms_plugin_folder_add(is->plugin);
	write_rules(is->plugin, 1);
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	expect_packets_on_fallback();
	loading = ms_plugin_folder_begin_load(microsegd, is->plugin);
	ck_assert(ms_netns_wait(is->has_come, microsegd, 10));
	expect_acting();
	ms_proc_kill(microsegd); /* as the watchdog would */
	ms_proc_end(loading);
	expect_acting();
	live = ms_traffic_connect(NULL, "10.1.0.2", OPENED, MS_SITE_SOON);
	ck_assert_int_eq(ms_traffic_echo(live, 'x', MS_SITE_SOON), 0);
	start_with(is->plugin);
	expect_said(is->plugin, "failed", 2);
	/* What the action had allowed goes by the fallback, too. */
	ck_assert_int_eq(ms_traffic_echo(live, 'x', MS_SITE_GONE), -ETIMEDOUT);
	expect_packets_on_fallback();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- one that crashes over what a rule asks of it, and is mended ---- */

START_TEST(a_rule_that_its_plugin_crashed_over_is_on_its_fallback_until_it_is_mended)
{
	static const char plugin[] = "encode_crashes";

	ms_plugin_folder_add(plugin);
	write_rules(plugin, 1);
	start_with(plugin);
	expect_acting();
	expect_said(plugin, "loaded", 0);
	write_rules(plugin, 13);
	ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL);
	ck_assert(ms_netns_wait(ms_proc_has_ended, microsegd, 10));
	ms_proc_kill(microsegd);
	expect_acting();
	start_with(plugin);
	expect_said(plugin, "failed", 2);
	expect_packets_on_fallback();
	write_rules(plugin, 14);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_packets_on_fallback();
	ms_ctl_do(microsegd, "plugin", "load", plugin, NULL);
	expect_said(plugin, "loaded", 0);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- one that falls in any of its callbacks ---- */

#define MORE "20-more.yaml"

/* What has the daemon call it; it may never come back from there. */
enum cause { SHOW, RELOAD_PLUGIN, RELOAD_OTHERWISE, APPLY_OTHERWISE, APPLY_LESS, CONNECT, END };

static const struct fall {
	const char *plugin, *at, *words;
	enum cause cause;
} falls[] = {
	{ "falls", "create", MS_PLUGIN_CALLBACK_CREATE, RELOAD_OTHERWISE },
	{ "falls", "load", MS_PLUGIN_CALLBACK_LOAD " falls", RELOAD_PLUGIN },
	{ "falls", "load", MS_PLUGIN_CALLBACK_LOAD " falls", RELOAD_OTHERWISE },
	{ "falls", "start", MS_PLUGIN_CALLBACK_START, RELOAD_OTHERWISE },
	{ "falls_reconfigures", "reconfigure", MS_PLUGIN_CALLBACK_RECONFIGURE, RELOAD_OTHERWISE },
	{ "falls", "stop", MS_PLUGIN_CALLBACK_STOP, RELOAD_OTHERWISE },
	{ "falls", "stop", MS_PLUGIN_CALLBACK_STOP, END },
	{ "falls", "destroy", MS_PLUGIN_CALLBACK_DESTROY, RELOAD_OTHERWISE },
	{ "falls", "destroy", MS_PLUGIN_CALLBACK_DESTROY, END },
	{ "falls", "encode_args", MS_PLUGIN_CALLBACK_ENCODE, APPLY_OTHERWISE },
	{ "falls", "in_force", MS_PLUGIN_CALLBACK_IN_FORCE, APPLY_OTHERWISE },
	{ "falls", "rule_gone", MS_PLUGIN_CALLBACK_RULE_GONE, APPLY_LESS },
	{ "falls", "on_event", MS_PLUGIN_CALLBACK_EVENT, CONNECT },
	{ "falls", "stats", MS_PLUGIN_CALLBACK_STATS, SHOW },
	{ "falls", "woken", MS_PLUGIN_CALLBACK_WOKEN, SHOW },
	{ "falls", "ready", MS_PLUGIN_CALLBACK_READY, SHOW },
	{ "falls", "due", MS_PLUGIN_CALLBACK_DUE, SHOW },
};

static void write_settings(const struct fall *fall, bool hangs, int word)
{
	char config[128];

	snprintf(config, sizeof(config), "plugins: { %s: { at: %s, hangs: %s, word: %d } }\n",
		 fall->plugin, fall->at, hangs ? "true" : "false", word);
	ms_proc_write_config(microsegd, config);
}

/* A third rule with its action, for nothing. */
static void write_more(const struct fall *fall)
{
	char rules[256];

	snprintf(
		rules, sizeof(rules),
		"version: 1\nrules:\n  - { id: more, dir: in, proto: tcp, dport: 9, fallback: deny, "
		"action: [%s, allow] }\n",
		fall->plugin);
	ms_proc_write_policy(microsegd, MORE, rules);
}

static void ask(void *user)
{
	const struct fall *fall = user;
	char said[4096];

	if (fall->cause == SHOW)
		ms_ctl_status(microsegd, said, sizeof(said), "plugin", "show", fall->plugin, NULL);
	else if (fall->cause == RELOAD_PLUGIN)
		ms_ctl_status(microsegd, said, sizeof(said), "plugin", "reload", fall->plugin,
			      NULL);
	else if (fall->cause == RELOAD_OTHERWISE)
		ms_ctl_status(microsegd, said, sizeof(said), "reload", NULL);
	else
		ms_ctl_status(microsegd, said, sizeof(said), "policy", "apply", NULL);
	for (;;)
		pause();
}

/* 0 = nobody has to be ended for it */
static pid_t cause(const struct fall *fall, bool hangs)
{
	if (fall->cause == CONNECT) {
		ms_site_reach(OPENED, MS_SITE_SOON);
		return 0;
	}
	if (fall->cause == END) {
		ck_assert_int_eq(kill(microsegd->pid, SIGTERM), 0);
		return 0;
	}
	if (fall->cause == RELOAD_OTHERWISE)
		write_settings(fall, hangs, 2);
	if (fall->cause == APPLY_OTHERWISE)
		write_rules(fall->plugin, 2);
	if (fall->cause == APPLY_LESS)
		ms_netns_run_command("rm " MS_NETNS_DIR "/one/policy.d/" MORE);
	return ms_proc_fork(NULL, ask, (void *)fall);
}

static bool has_come_there(void *user)
{
	const struct fall *fall = user;

	return ms_plugin_folder_noted(microsegd, fall->plugin, fall->words);
}

static void expect_blamed(const struct fall *fall)
{
	json_auto_t *plugins = ms_ctl(microsegd, "plugin", "list", NULL);
	json_t *entry = ms_ctl_find(plugins, "plugins", "name", fall->plugin);
	char reason[160];

	snprintf(reason, sizeof(reason), "the last daemon ended while this plugin %s", fall->words);
	ck_assert_msg(strstr(ms_ctl_text(entry, "reason"), reason) != NULL, "%s: %s", reason,
		      ms_ctl_text(entry, "reason"));
}

/* Each crashes, and hangs: no packet goes another way before the next daemon, which has its rules
 * on their fallback and tells why, and goes on with all else. */
START_TEST(one_that_falls_in_a_callback_harms_no_packet_and_is_left_alone)
{
	const struct fall *fall = &falls[_i / 2];
	bool hangs = _i % 2;
	pid_t asking;

	ms_plugin_folder_add(fall->plugin);
	write_rules(fall->plugin, 1);
	write_more(fall);
	write_settings(fall, hangs, 1);
	ms_plugin_folder_start(microsegd, NULL);
	expect_acting();
	ms_ctl_do(microsegd, "plugin", "show", fall->plugin, NULL);
	asking = cause(fall, hangs);
	ck_assert_msg(hangs ? ms_netns_wait(has_come_there, (void *)fall, 10)
			    : ms_netns_wait(ms_proc_has_ended, microsegd, 10),
		      "it did not fall in %s", fall->at);
	ck_assert(has_come_there((void *)fall));
	expect_acting();
	ms_proc_kill(microsegd); /* as the watchdog would */
	if (asking)
		ms_proc_end(asking);
	expect_acting();
	ms_plugin_folder_start(microsegd, NULL);
	expect_said(fall->plugin, "failed", fall->cause == APPLY_LESS ? 2 : 3);
	expect_blamed(fall);
	expect_packets_on_fallback();
	/* It is tried again when it is asked for, and then acts. */
	ms_ctl_do(microsegd, "plugin", "load", fall->plugin, NULL);
	expect_said(fall->plugin, "loaded", 0);
	expect_acting();
	ms_proc_kill(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_ends");
	TCase *tcase = tcase_create("plugin_ends");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, rules_of_one_that_ended_are_on_their_fallback, 0,
			    (int)ms_array_size(endings));
	tcase_add_test(tcase,
		       a_rule_that_its_plugin_crashed_over_is_on_its_fallback_until_it_is_mended);
	tcase_add_loop_test(tcase, one_that_falls_in_a_callback_harms_no_packet_and_is_left_alone,
			    0, 2 * (int)ms_array_size(falls));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
