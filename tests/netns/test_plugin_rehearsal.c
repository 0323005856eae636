/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `reload --dry-run` says what `reload` would: plugins that would come, or be configured otherwise,
 * are asked what they take from rules as they would be, and nothing of them is in the daemon.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

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

/* A reload would not come back from this one. */
START_TEST(what_would_crash_the_daemon_is_found_by_a_dry_run)
{
	begin("plugins: {}\n", "");
	ms_proc_write_config(microsegd, "plugins: { encode_crashes: {} }\n");
	write_rule("{ encode_crashes: { rate: 13 } }");
	ck_assert_msg(rehearse() == 1, "%s", rehearsed);
	ck_assert_msg(
		strstr(rehearsed, "encode_crashes: crashed while it read arguments of rule r"),
		"%s", rehearsed);
	ck_assert(ms_proc_is_alive(microsegd));
	write_rule("{ encode_crashes: { rate: 14 } }");
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
	tcase_add_test(tcase, what_would_crash_the_daemon_is_found_by_a_dry_run);
	tcase_add_loop_test(tcase, what_a_reload_takes_a_dry_run_does, 0, ms_array_size(taken));
	tcase_add_test(tcase, a_dry_run_leaves_a_rule_by_hand_on_its_fallback);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
