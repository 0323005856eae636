/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `reload --dry-run` and `policy diff` say what `reload` would: plugins that would come, or be
 * configured otherwise, are asked what they take from rules as they would be, and nothing of them
 * is in the daemon.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char rehearsed[8192], done[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("tally");
	ms_plugin_folder_add("twin");
	ms_plugin_folder_add("warden");
	ms_plugin_folder_add("encode_crashes");
	ms_plugin_folder_add("encode_hangs");
	ms_plugin_folder_add("example_count");
}

/* "" = no rule. */
static void write_rule(const char *actions)
{
	char policy[1024];

	snprintf(
		policy, sizeof(policy),
		"version: 1\n"
		"sets: { known: [] }\n"
		"groups:\n"
		"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
		"rules:\n"
		"  - { id: other, dir: in, proto: tcp, dport: 81, action: deny }\n"
		"%s%s%s",
		*actions ? "  - { id: r, dir: in, proto: tcp, dport: 80, action: [" : "", actions,
		*actions ? ", allow] }\n" : "");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static void begin(const char *config, const char *actions)
{
	write_rule(actions);
	ms_plugin_folder_start(microsegd, config);
}

static int rehearse(void)
{
	return ms_ctl_status(microsegd, rehearsed, sizeof(rehearsed), "reload", "--dry-run", NULL);
}

static int reload(void)
{
	return ms_ctl_status(microsegd, done, sizeof(done), "reload", NULL);
}

static const struct {
	const char *before, *actions_before; /* as the daemon starts */
	const char *config, *actions;
	const char *says;
} refused[] = {
	/* What only the plugin can tell. */
	{ "{}", "", "{ tally: { top: 5 } }", "{ tally: 6 }", "tally: there is no such counter" },
	/* What its description tells. */
	{ "{}", "", "{ tally: {} }", "{ tally: x }", "must be" },
	{ "{}", "", "{ warden: {} }", "{ warden: { set: unknown } }", "there is no set 'unknown'" },
	/* One that is there, as it would be. */
	{ "{ tally: { top: 5 } }", "{ tally: 5 }", "{ tally: { top: 4 } }", "{ tally: 5 }",
	  "tally: there is no such counter" },
	/* Beside which one it would be. */
	{ "{ tally: {} }", "", "{ tally: {}, twin: {} }", "",
	  "twin: plugin tally has an action tally already" },
	{ "{}", "", "{ twin: {}, tally: {} }", "",
	  "tally: plugin twin has an action tally already" },
};

START_TEST(what_a_reload_refuses_a_dry_run_does_in_the_same_words)
{
	char config[128];

	snprintf(config, sizeof(config), "plugins: %s\n", refused[_i].before);
	begin(config, refused[_i].actions_before);
	snprintf(config, sizeof(config), "plugins: %s\n", refused[_i].config);
	ms_proc_write_config(microsegd, config);
	write_rule(refused[_i].actions);
	ck_assert_msg(rehearse() == 1, "%s", rehearsed);
	ck_assert_msg(strstr(rehearsed, refused[_i].says) != NULL, "%s", rehearsed);
	ck_assert_msg(strstr(rehearsed, "\"line\":") != NULL, "%s", rehearsed);
	ck_assert_int_eq(reload(), 1);
	ck_assert_str_eq(rehearsed, done);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *plugin, *says;
} falls[] = {
	{ "encode_crashes", "encode_crashes: crashed while it read arguments of rule r" },
	{ "encode_hangs",
	  "encode_hangs: did not come back within 10 s while it read arguments of rule r" },
};

/* A reload would not come back from this one. */
START_TEST(what_would_take_the_daemon_down_is_found_by_a_dry_run)
{
	char line[128];

	begin("plugins: {}\n", "");
	snprintf(line, sizeof(line), "plugins: { %s: {} }\n", falls[_i].plugin);
	ms_proc_write_config(microsegd, line);
	snprintf(line, sizeof(line), "{ %s: { rate: 13 } }", falls[_i].plugin);
	write_rule(line);
	ck_assert_msg(rehearse() == 1, "%s", rehearsed);
	ck_assert_msg(strstr(rehearsed, falls[_i].says) != NULL, "%s", rehearsed);
	ck_assert(ms_proc_is_alive(microsegd));
	snprintf(line, sizeof(line), "{ %s: { rate: 14 } }", falls[_i].plugin);
	write_rule(line);
	ck_assert_msg(rehearse() == 0, "%s", rehearsed);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *before, *actions_before;
	const char *config, *actions;
} taken[] = {
	{ "{}", "", "{ tally: { top: 5 } }", "{ tally: 5 }" },
	/* What the one that is there would refuse. */
	{ "{ tally: { top: 5 } }", "{ tally: 5 }", "{ tally: { top: 9 } }", "{ tally: 9 }" },
	/* No file is called as the action, and the rule states no fallback. */
	{ "{}", "", "{ example_count: {} }", "{ count: 1000 }" },
};

START_TEST(what_a_reload_takes_a_dry_run_does)
{
	char config[128];

	snprintf(config, sizeof(config), "plugins: %s\n", taken[_i].before);
	begin(config, taken[_i].actions_before);
	snprintf(config, sizeof(config), "plugins: %s\n", taken[_i].config);
	ms_proc_write_config(microsegd, config);
	write_rule(taken[_i].actions);
	ck_assert_msg(rehearse() == 0, "%s", rehearsed);
	/* Nothing of it is left: what is not in force is unknown as before. */
	if (strcmp(taken[_i].before, "{}") == 0) {
		json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);

		ck_assert_uint_eq(json_array_size(ms_ctl_at(json_array_get(lines, 0), "plugins")),
				  0);
	}
	ck_assert_msg(reload() == 0, "%s", done);
	ms_proc_stop(microsegd);
}
END_TEST

/* Its file is another one by now, that calls its action otherwise. What is refused leaves the one
 * that was loaded, of which there is no file any more. */
START_TEST(a_plugin_that_has_lost_an_action_is_found_by_a_dry_run)
{
	begin("plugins: { tally: {} }\n", "{ tally: 3 }");
	ms_netns_run_command("install " MS_TEST_PLUGINS "/tally_renamed.so " MS_PLUGIN_FOLDER
			     "/tally.so");
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 5 } }\n");
	ck_assert_msg(rehearse() == 1, "%s", rehearsed);
	ck_assert_msg(strstr(rehearsed, "no plugin is known that has an action 'tally'") != NULL,
		      "%s", rehearsed);
	ck_assert_int_eq(reload(), 1);
	ck_assert_str_eq(rehearsed, done);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	write_rule("{ tallied: 3 }");
	ck_assert_msg(rehearse() == 0, "%s", rehearsed);
	ck_assert_msg(reload() == 0, "%s", done);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what a diff says of files that a reload takes or refuses ---- */

static const char more[] = "  - { id: more, dir: in, proto: tcp, dport: 83, action: deny }\n";

static const struct {
	const char *first;  /* the settings of the daemon that has put it in force; NULL = none */
	const char *config; /* of the one that is asked */
	const char *before, *actions;
	const char *more;    /* a rule of another file, NULL = there is none */
	const char *refused; /* NULL = it is taken */
	int differs;
} asked[] = {
	/* On its fallback since the start, and as it was: a reload reads it anew. */
	{ "{ tally: {} }", "{ tally: { top: 2 } }", "{ tally: 3 }", "{ tally: 3 }", NULL,
	  "there is no such counter", 0 },
	{ "{ tally: {} }", "{ tally: { top: 2 } }", "{ tally: 3 }", "{ tally: 3 }", more,
	  "there is no such counter", 0 },
	{ "{ tally: {} }", "{ tally: { top: 2 } }", "{ tally: 3 }", "{ tally: 4 }", NULL,
	  "there is no such counter", 0 },
	{ "{ tally: {} }", "{ tally: { top: 2 } }", "{ tally: 3 }", "{ tally: 1 }", NULL, NULL, 1 },
	{ "{ tally: {} }", "{ tally: { top: 2 } }", "{ tally: 3 }", "", more, NULL, 1 },
	{ "{ warden: {} }", "{ warden: {} }", "", "{ warden: { set: unknown } }", NULL,
	  "there is no set 'unknown'", 0 },
	/* Its plugin is not there, or there is none. */
	{ NULL, "{}", "", "{ tally: 3 }", NULL, NULL, 1 },
	{ NULL, "{}", "", "nobody_has_it", NULL, "no plugin is known that has an action", 0 },
	{ NULL, "{ tally: {} }", "{ tally: 3 }", "{ tally: 3 }",
	  "  - { id: more, dir: in, proto: tcp, dport: 83, action: [nobody_has_it, allow] }\n",
	  "no plugin is known that has an action", 0 },
	{ NULL, "{ tally: {} }", "{ tally: 3 }", "{ tally: 3 }",
	  "  - { id: more, dir: in, proto: tcp, dport: 83, action: [nobody_has_it, allow], "
	  "fallback: deny }\n",
	  NULL, 1 },
	{ NULL, "{ tally: {} }", "{ tally: 3 }", "{ tally: 3 }", NULL, NULL, 0 },
};

static void write_files(const char *actions, const char *rule)
{
	char policy[512];

	write_rule(actions);
	snprintf(policy, sizeof(policy), "version: 1\nrules:\n%s", rule ? rule : "");
	if (rule)
		ms_proc_write_policy(microsegd, "20-more.yaml", policy);
}

START_TEST(a_diff_agrees_with_the_reload_that_comes)
{
	char config[128], differs[8192];
	int code;

	if (asked[_i].first) {
		snprintf(config, sizeof(config), "plugins: %s\n", asked[_i].first);
		begin(config, asked[_i].before);
		ms_proc_stop(microsegd);
	}
	snprintf(config, sizeof(config), "plugins: %s\n", asked[_i].config);
	begin(config, asked[_i].before);
	write_files(asked[_i].actions, asked[_i].more);
	code = ms_ctl_status(microsegd, differs, sizeof(differs), "policy", "diff", NULL);
	ck_assert_int_eq(rehearse(), asked[_i].refused ? 1 : 0);
	ck_assert_int_eq(reload(), asked[_i].refused ? 1 : 0);
	ck_assert_msg(code == (asked[_i].refused ? 1 : asked[_i].differs ? 4 : 0), "%s", differs);
	if (asked[_i].refused) {
		ck_assert_msg(strstr(done, asked[_i].refused) != NULL, "%s", done);
		ck_assert_str_eq(rehearsed, done);
		ck_assert_str_eq(differs, done);
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* It waits for its plugin, and the files are not what is wrong; what acts is not taken away. */
START_TEST(a_dry_run_leaves_a_rule_by_hand_on_its_fallback)
{
	begin("plugins: { tally: {} }\n", "");
	ms_netns_put_file(
		MS_NETNS_DIR "/rules.yaml",
		"version: 1\nrules:\n"
		"  - { id: by_hand, dir: in, proto: tcp, dport: 80, action: [{ tally: 3 }, "
		"allow] }\n"
		"  - { id: acting, dir: in, proto: tcp, dport: 82, action: [{ tally: 1 }, "
		"allow] }\n");
	ms_ctl_do(microsegd, "rule", "import", MS_NETNS_DIR "/rules.yaml", NULL);
	ms_proc_stop(microsegd);
	ms_plugin_folder_start(microsegd, "plugins: { tally: { top: 2 } }\n");
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 0 } }\n");
	ck_assert_msg(rehearse() == 1, "%s", rehearsed);
	ck_assert_int_eq(reload(), 1);
	ck_assert_str_eq(rehearsed, done);
	ms_ctl_do(microsegd, "policy", "diff", NULL);
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 1 } }\n");
	ck_assert_msg(rehearse() == 0, "%s", rehearsed);
	ck_assert_msg(reload() == 0, "%s", done);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_rehearsal");
	TCase *tcase = tcase_create("plugin_rehearsal");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, what_a_reload_refuses_a_dry_run_does_in_the_same_words, 0,
			    ms_array_size(refused));
	tcase_add_loop_test(tcase, what_would_take_the_daemon_down_is_found_by_a_dry_run, 0,
			    ms_array_size(falls));
	tcase_add_loop_test(tcase, what_a_reload_takes_a_dry_run_does, 0, ms_array_size(taken));
	tcase_add_test(tcase, a_plugin_that_has_lost_an_action_is_found_by_a_dry_run);
	tcase_add_loop_test(tcase, a_diff_agrees_with_the_reload_that_comes, 0,
			    (int)ms_array_size(asked));
	tcase_add_test(tcase, a_dry_run_leaves_a_rule_by_hand_on_its_fallback);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
