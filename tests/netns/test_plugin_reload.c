/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugins of a daemon that runs: loaded while it goes on with everything else, and made as
 * microseg.yaml says now. The rule of every test lets a port pass through the action `tally` and
 * denies it where that action is missing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"
#include "tests/plugins/faulty.h"

#define GUARDED "10.1.0.2"
#define SOON 3000
#define GONE 400
#define WAIT_S 30

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: counted, group: work, dir: in, proto: tcp, dport: 80,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void start(const char *config)
{
	ms_plugin_folder_start(microsegd, config);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("tally");
	ms_plugin_folder_add("fine");
	ms_plugin_folder_add("reconfigures");
}

static void expect_acting(void)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
}

static json_int_t missing(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);
	json_t *reason = ms_ctl_find(lines, "reasons", "reason", "missing_action");

	return reason ? json_integer_value(json_object_get(reason, "denied_packets")) : 0;
}

/* NULL = it is not there. */
static void expect_state(const char *name, const char *state)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);
	json_t *entry = ms_ctl_find(lines, "plugins", "name", name);

	if (!state) {
		ck_assert_msg(entry == NULL, "%s is still there", name);
		return;
	}
	ck_assert_msg(entry != NULL, "%s is not listed", name);
	ck_assert_msg(strcmp(ms_ctl_text(entry, "state"), state) == 0, "%s is %s", name,
		      ms_ctl_text(entry, "state"));
}

static json_int_t generation(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(json_array_get(lines, 0), "generation_applied");
}

/* What `reload` says it did to the plugin; "" = nothing. */
static void expect_step(json_t *lines, const char *name, const char *step)
{
	json_t *plugin = ms_ctl_find(lines, "plugins", "name", name);

	ck_assert_msg(plugin ? strcmp(ms_ctl_text(plugin, "step"), step) == 0 : !*step,
		      "%s: %s, not %s", name, plugin ? ms_ctl_text(plugin, "step") : "nothing",
		      step);
}

static void reload_refused(const char *config, const char *says)
{
	json_int_t before = generation();

	ms_proc_write_config(microsegd, config);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL), 1);
	ck_assert_msg(strstr(text, says) != NULL, "%s", text);
	/* A rule in use is named by its id; all else has a place. */
	ck_assert_msg(strstr(text, "\"line\":") || strstr(text, "Take that rule away"), "%s", text);
	ck_assert_int_eq(generation(), before);
}

/* ---- load ---- */

/* While the daemon stands still in another plugin's start(). */
static void send_meanwhile(void *user)
{
	(void)user;
	close(open(MS_TEST_START_THERE, O_RDONLY | O_CLOEXEC));
	ms_traffic_reach(NULL, GUARDED, 80, SOON);
	close(open(MS_TEST_START_GO, O_WRONLY | O_CLOEXEC));
}

START_TEST(one_that_fails_at_a_start_leaves_the_others_in_place)
{
	pid_t sender;

	ms_plugin_folder_add("create_fails");
	ms_plugin_folder_add("start_waits");
	ck_assert_int_eq(mkfifo(MS_TEST_START_THERE, 0600), 0);
	ck_assert_int_eq(mkfifo(MS_TEST_START_GO, 0600), 0);
	start("plugins: { tally: {} }\n");
	ms_proc_stop(microsegd);
	sender = ms_proc_fork(NULL, send_meanwhile, NULL);
	start("plugins: { create_fails: {}, start_waits: {}, tally: {} }\n");
	ms_proc_end(sender);
	ck_assert_int_eq(missing(), 0);
	expect_acting();
	expect_state("create_fails", "failed");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_load_reads_the_file_of_now)
{
	start("plugins: { tally: {} }\n");
	ms_proc_write_config(microsegd, "plugins:\n  fine: { rate: 0 }\n");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "fine", NULL), 1);
	ck_assert_msg(strstr(text, "rate must not be below 1") && strstr(text, "\"line\""), "%s",
		      text);
	expect_state("fine", "failed");
	ms_proc_write_config(microsegd, "plugins:\n  fine: [\n");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "fine", NULL), 1);
	ck_assert_msg(strstr(text, "microseg.yaml"), "%s", text);
	ms_proc_write_config(microsegd, "plugins:\n  fine: { rate: 5 }\n");
	ms_ctl_do(microsegd, "plugin", "load", "fine", NULL);
	expect_state("fine", "loaded");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "fine", NULL), 1);
	ck_assert_msg(strstr(text, "fine is loaded already"), "%s", text);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

static void load_hanging(void *user)
{
	char said[1024];

	(void)user;
	_exit(ms_ctl_status(microsegd, said, sizeof(said), "plugin", "load", "create_hangs",
			    NULL) == 1 &&
			      strstr(said, "did not come back within 10 s while it was set up")
		      ? 0
		      : 1);
}

static void load_fine(void *user)
{
	char said[1024];

	(void)user;
	_exit(ms_ctl_status(microsegd, said, sizeof(said), "plugin", "load", "fine", NULL));
}

/* A child of the daemon is there: something is being tried. */
static bool is_trying(void *user)
{
	char buf[16];

	(void)user;
	ms_netns_read_command(buf, sizeof(buf), "wc -w < /proc/%d/task/%d/children", microsegd->pid,
			      microsegd->pid);
	return atoi(buf) > 0;
}

static void expect_exit_0(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The order of what happens decides, not how long it takes: all this is over while the plugin still
 * hangs, whose trial ends after ten seconds. */
START_TEST(the_daemon_goes_on_while_a_plugin_hangs)
{
	pid_t hanging, waiting;

	ms_plugin_folder_add("create_hangs");
	start("plugins: { tally: {} }\n");
	hanging = ms_proc_fork(NULL, load_hanging, NULL);
	ck_assert(ms_netns_wait(is_trying, NULL, WAIT_S));
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "99", "deny", NULL);
	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	expect_acting();
	ms_ctl_do(microsegd, "plugin", "reload", "tally", NULL);
	/* Waits for its turn. */
	waiting = ms_proc_fork(NULL, load_fine, NULL);
	expect_state("fine", NULL);
	ck_assert(is_trying(NULL));
	ck_assert_int_eq(waitpid(hanging, NULL, WNOHANG), 0);
	expect_exit_0(hanging);
	expect_exit_0(waiting);
	expect_state("create_hangs", "failed");
	expect_state("fine", "loaded");
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* Whoever asked is gone: it is loaded all the same, and nobody is told who is not there. */
START_TEST(a_client_that_leaves_changes_nothing)
{
	pid_t hanging;

	ms_plugin_folder_add("create_hangs");
	start("plugins: { tally: {} }\n");
	hanging = ms_proc_fork(NULL, load_hanging, NULL);
	ck_assert(ms_netns_wait(is_trying, NULL, WAIT_S));
	ms_netns_read_command(text, sizeof(text), "pgrep -P %d", hanging);
	ms_proc_end(hanging);
	ck_assert_int_eq(kill(atoi(text), SIGKILL), 0);
	ms_ctl_do(microsegd, "plugin", "load", "fine", NULL);
	expect_state("create_hangs", "failed");
	expect_state("fine", "loaded");
	ms_proc_stop(microsegd);
}
END_TEST

/* A daemon that ends in the middle leaves no child behind. */
START_TEST(a_stop_ends_a_trial)
{
	pid_t hanging;

	ms_plugin_folder_add("create_hangs");
	start("plugins: { tally: {} }\n");
	hanging = ms_proc_fork(NULL, load_hanging, NULL);
	ck_assert(ms_netns_wait(is_trying, NULL, WAIT_S));
	ms_proc_stop(microsegd);
	ms_proc_end(hanging);
	ms_netns_read_command(text, sizeof(text),
			      "pgrep -f '[m]icroseg-plugin-host.*" MS_PLUGIN_FOLDER "' || true");
	ck_assert_str_eq(text, "");
}
END_TEST

/* ---- reload ---- */

START_TEST(a_reload_makes_plugins_as_the_file_says)
{
	json_auto_t *lines = NULL;

	start("plugins: { tally: {}, reconfigures: { rate: 10 } }\n");
	ms_proc_write_config(microsegd, "plugins: { tally: {}, fine: {} }\n");
	lines = ms_ctl(microsegd, "reload", "--dry-run", NULL);
	expect_step(lines, "fine", "loaded");
	expect_step(lines, "reconfigures", "unloaded");
	expect_state("fine", NULL);
	expect_state("reconfigures", "loaded");
	json_decref(lines);
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "fine", "loaded");
	expect_step(lines, "reconfigures", "unloaded");
	expect_step(lines, "tally", "");
	expect_state("fine", "loaded");
	expect_state("reconfigures", NULL);
	expect_acting();
	/* One that was loaded by hand stands in no file. */
	ms_ctl_do(microsegd, "plugin", "load", "reconfigures", NULL);
	ms_ctl_do(microsegd, "reload", NULL);
	expect_state("reconfigures", "loaded");
	ms_proc_stop(microsegd);
}
END_TEST

static bool has_logged(void *user)
{
	return ms_proc_logged(microsegd, user);
}

START_TEST(a_signal_is_a_reload)
{
	start("plugins: { tally: {} }\n");
	ms_proc_write_config(microsegd, "plugins: { tally: {}, fine: {} }\n");
	ms_proc_write_policy(microsegd, "20-more.yaml",
			     "version: 1\nrules:\n  - { id: more, dir: in, proto: tcp, dport: 82, "
			     "action: deny }\n");
	ms_proc_hangup(microsegd);
	ck_assert(ms_netns_wait(has_logged, (void *)"fine is loaded", WAIT_S));
	expect_state("fine", "loaded");
	ms_ctl_do(microsegd, "rule", "show", "more", NULL);
	/* Documents that stand in for the directory do not stand in for microseg.yaml. */
	ms_ctl_do(microsegd, "policy", "apply", MS_NETNS_DIR "/one/policy.d/10-test.yaml", NULL);
	ms_proc_write_config(microsegd, "plugins: { tally: {}, reconfigures: {} }\n");
	ms_proc_hangup(microsegd);
	ck_assert(ms_netns_wait(has_logged, (void *)"reconfigures is loaded", WAIT_S));
	expect_state("fine", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "show", "more", NULL),
			 1);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(another_configuration_is_handed_over)
{
	json_auto_t *lines = NULL;

	start("plugins: { tally: {}, reconfigures: { rate: 10 } }\n");
	ck_assert(ms_proc_logged(microsegd, "reconfigures: made with a rate of 10"));
	ms_proc_write_config(microsegd, "plugins: { tally: {}, reconfigures: { rate: 20 } }\n");
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "reconfigures", "changed");
	ck_assert(ms_proc_logged(microsegd, "reconfigures: goes on with a rate of 20"));
	/* The one that runs, not another of it. */
	ck_assert(!ms_proc_logged(microsegd, "reconfigures: made with a rate of 20"));
	/* What it refuses only where it runs. */
	reload_refused("plugins:\n  tally: {}\n  reconfigures: { rate: 13 }\n",
		       "reconfigures: 13 brings no luck");
	ck_assert_msg(strstr(text, "\"line\": 3") || strstr(text, "\"line\":3"), "%s", text);
	expect_state("reconfigures", "loaded");
	/* The configuration that it has is the last good one: nothing to be done. */
	ms_proc_write_config(microsegd, "plugins: { tally: {}, reconfigures: { rate: 20 } }\n");
	json_decref(lines);
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "reconfigures", "");
	ms_proc_stop(microsegd);
}
END_TEST

/* tally has no reconfigure(): another instance takes its place, under a flow. */
START_TEST(a_new_instance_takes_over_without_a_gap)
{
	struct ms_traffic_pump *pump;

	start("plugins: { tally: { top: 5 } }\n");
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 0);
	for (int i = 0; i < 20; i++) {
		json_auto_t *lines = NULL;
		char config[64];

		snprintf(config, sizeof(config), "plugins: { tally: { top: %d } }\n", 6 + i % 9);
		ms_proc_write_config(microsegd, config);
		lines = ms_ctl(microsegd, "reload", NULL);
		expect_step(lines, "tally", "changed");
		ck_assert(ms_traffic_pump_advances(pump, 20));
	}
	ck_assert_int_eq(pump->error, 0);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_int_eq(missing(), 0);
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *config, *says;
} refused[] = {
	{ "plugins:\n  tally: {}\n  fine: [\n", "microseg.yaml" },
	{ "plugins: { tally: {}, fine: {}, nosuch: {} }\n", "there is no plugin 'nosuch'" },
	{ "plugins: { tally: {}, fine: {}, create_fails: {} }\n", "no more of these" },
	{ "plugins: { tally: {}, fine: {}, start_fails: {} }\n", "start_fails: not today" },
	{ "plugins: { tally: {}, fine: {}, twin: {} }\n", "has an action tally already" },
	{ "plugins: { tally: {}, fine: { rate: 0 } }\n", "rate must not be below 1" },
	{ "plugins: { tally: { top: 2 }, fine: {} }\n", "there is no such counter" },
	{ "plugins: { fine: {} }\n", "rule counted names it" },
	{ "plugins: { tally: { top: 7 }, fine: {}, reconfigures: { rate: 13 } }\n",
	  "13 brings no luck" },
};

START_TEST(all_of_it_or_nothing)
{
	pid_t pid;

	ms_plugin_folder_add("create_fails");
	ms_plugin_folder_add("start_fails");
	ms_plugin_folder_add("twin");
	start("plugins: { tally: {}, reconfigures: { rate: 10 } }\n");
	pid = microsegd->pid;
	expect_acting();
	ms_proc_write_policy(microsegd, "20-more.yaml",
			     "version: 1\nrules:\n  - { id: more, dir: in, proto: tcp, dport: 82, "
			     "action: deny }\n");
	reload_refused(refused[_i].config, refused[_i].says);
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	expect_state("tally", "loaded");
	expect_state("reconfigures", "loaded");
	expect_state("fine", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "show", "more", NULL),
			 1);
	expect_acting();
	ck_assert_int_eq(missing(), 0);
	/* The configuration of before is the one that it goes on with: nothing to do for it. */
	ms_proc_write_config(microsegd, "plugins: { tally: {}, reconfigures: { rate: 10 } }\n");
	{
		json_auto_t *lines = ms_ctl(microsegd, "reload", NULL);

		expect_step(lines, "tally", "");
		expect_step(lines, "reconfigures", "");
	}
	ms_ctl_do(microsegd, "rule", "show", "more", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_that_no_rule_names_any_more_goes_with_its_rule)
{
	start("plugins: { tally: {} }\n");
	ms_proc_write_policy(microsegd, "10-test.yaml",
			     "version: 1\ngroups:\n  - { name: work, match: { name: \"veth-*\" }, "
			     "default: { in: allow, out: allow } }\n");
	ms_proc_write_config(microsegd, "plugins: {}\n");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_state("tally", NULL);
	/* And come together. */
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_write_config(microsegd, "plugins: { tally: {} }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_acting();
	ck_assert_int_eq(missing(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Else one that is broken would keep every reload from being done. */
START_TEST(one_that_failed_is_left_alone_until_its_configuration_changes)
{
	json_auto_t *lines = NULL;

	start("plugins: { tally: {}, fine: { rate: 0 } }\n");
	expect_state("fine", "failed");
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "fine", "");
	expect_state("fine", "failed");
	ms_proc_write_config(microsegd, "plugins: { tally: {}, fine: { rate: 1 } }\n");
	json_decref(lines);
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "fine", "loaded");
	expect_state("fine", "loaded");
	ms_proc_stop(microsegd);
}
END_TEST

/* The whole entry as it is listed; a reason, a time. */
static json_t *listed(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);

	return json_incref(ms_ctl_find(lines, "plugins", "name", name));
}

/* Its new configuration is fine, but that of another one is not. */
START_TEST(one_that_failed_is_failed_as_before_when_the_reload_is_refused)
{
	json_auto_t *before = NULL, *after = NULL;

	ms_plugin_folder_add("start_fails");
	start("plugins: { tally: {}, fine: { rate: 0 } }\n");
	before = listed("fine");
	ck_assert_str_eq(ms_ctl_text(before, "state"), "failed");
	reload_refused("plugins: { tally: {}, fine: { rate: 1 }, start_fails: {} }\n",
		       "start_fails: not today");
	after = listed("fine");
	ck_assert_msg(json_equal(before, after), "%s", json_dumps(after, 0));
	expect_state("start_fails", NULL);
	/* It is the new configuration that is tried the next time. */
	ms_proc_write_config(microsegd, "plugins: { tally: {}, fine: { rate: 1 } }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_state("fine", "loaded");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- sources ---- */

static void say(const char *path, const char *line)
{
	ms_netns_run_command("echo '%s' > %s.new && mv %s.new %s", line, path, path, path);
}

static bool has_rule(void *user)
{
	return ms_ctl_status(microsegd, text, sizeof(text), "rule", "show", user, NULL) == 0;
}

#define SAYS(id) "rule { id: " id ", group: work, dir: in, proto: tcp, dport: 81, action: deny }"

/* In a new process; until that says something, what the old one said last is in force. */
START_TEST(a_source_goes_on_with_another_configuration)
{
	json_auto_t *lines = NULL;

	ms_plugin_folder_add("script");
	say(MS_NETNS_DIR "/first", SAYS("first"));
	start("plugins: { tally: {}, script: { file: " MS_NETNS_DIR "/first } }\n");
	ck_assert(ms_netns_wait(has_rule, (void *)"first", WAIT_S));
	ms_proc_write_config(microsegd,
			     "plugins: { tally: {}, script: { file: " MS_NETNS_DIR "/second } }\n");
	lines = ms_ctl(microsegd, "reload", NULL);
	expect_step(lines, "script", "changed");
	ck_assert(has_rule((void *)"first"));
	say(MS_NETNS_DIR "/second", SAYS("second"));
	ck_assert(ms_netns_wait(has_rule, (void *)"second", WAIT_S));
	ck_assert(!has_rule((void *)"first"));
	/* Refused, all of it: it goes on with what it has. */
	reload_refused("plugins: { script: { file: " MS_NETNS_DIR "/first } }\n",
		       "rule counted names it");
	ck_assert(has_rule((void *)"second"));
	ms_proc_write_config(microsegd, "plugins: { tally: {} }\n");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert(!has_rule((void *)"second"));
	expect_state("script", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

/* What it said last is in force without its plugin, and so it stays. */
START_TEST(a_source_that_failed_stays_in_force_when_the_reload_is_refused)
{
	ms_plugin_folder_add("script");
	ms_plugin_folder_add("start_fails");
	say(MS_NETNS_DIR "/first", SAYS("first"));
	start("plugins: { tally: {}, script: { file: " MS_NETNS_DIR "/first } }\n");
	ck_assert(ms_netns_wait(has_rule, (void *)"first", WAIT_S));
	ms_proc_stop(microsegd);
	start("plugins: { tally: {}, script: { fill: x } }\n");
	expect_state("script", "failed");
	ck_assert(has_rule((void *)"first"));
	reload_refused("plugins: { tally: {}, script: { file: " MS_NETNS_DIR
		       "/first }, start_fails: {} }\n",
		       "start_fails: not today");
	expect_state("script", "failed");
	/* A commit that has nothing to do with it. */
	ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "99", "deny", NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(has_rule((void *)"first"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_reload");
	TCase *tcase = tcase_create("plugin_reload");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, one_that_fails_at_a_start_leaves_the_others_in_place);
	tcase_add_test(tcase, a_load_reads_the_file_of_now);
	tcase_add_test(tcase, the_daemon_goes_on_while_a_plugin_hangs);
	tcase_add_test(tcase, a_client_that_leaves_changes_nothing);
	tcase_add_test(tcase, a_stop_ends_a_trial);
	tcase_add_test(tcase, a_reload_makes_plugins_as_the_file_says);
	tcase_add_test(tcase, a_signal_is_a_reload);
	tcase_add_test(tcase, another_configuration_is_handed_over);
	tcase_add_test(tcase, a_new_instance_takes_over_without_a_gap);
	tcase_add_loop_test(tcase, all_of_it_or_nothing, 0, ms_array_size(refused));
	tcase_add_test(tcase, one_that_no_rule_names_any_more_goes_with_its_rule);
	tcase_add_test(tcase, one_that_failed_is_left_alone_until_its_configuration_changes);
	tcase_add_test(tcase, one_that_failed_is_failed_as_before_when_the_reload_is_refused);
	tcase_add_test(tcase, a_source_goes_on_with_another_configuration);
	tcase_add_test(tcase, a_source_that_failed_stays_in_force_when_the_reload_is_refused);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
