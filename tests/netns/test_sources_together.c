/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several sources in one reload: what it takes away together, and in which order they count. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "microseg/plugin.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"

#define SCRIPT MS_NETNS_DIR "/script"
#define GUARDED "10.1.0.2"
#define SOON 3000
#define GONE 400
#define SHUT "rule { id: shut, group: work, dir: in, proto: tcp, dport: 81, action: deny }\n"

static const char policy[] =
	"version: 1\ngroups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[16384];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("script");
}

static bool is_shut(void *user)
{
	(void)user;
	return ms_traffic_reach(NULL, GUARDED, 81, GONE) != 0;
}

/* What the source offers needs the group up to this reload, and is not asked for it any more. */
START_TEST(a_source_and_the_group_of_its_rules_go_at_once)
{
	static const char without[] =
		"version: 1\ngroups:\n"
		"  - { name: other, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n";

	ms_netns_put_file(SCRIPT, SHUT);
	ms_plugin_folder_start(microsegd, "plugins:\n  script: { file: " SCRIPT " }\n");
	ck_assert(ms_netns_wait(is_shut, NULL, 8));
	ms_proc_write_policy(microsegd, "10-test.yaml", without);
	ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL);
	ck_assert_msg(strstr(text, "there is no group 'work'") != NULL, "%s", text);
	ms_proc_write_config(microsegd, "plugins: {}\n");
	ck_assert_msg(ms_ctl_status(microsegd, text, sizeof(text), "reload", "--dry-run", NULL) ==
			      0,
		      "%s", text);
	ck_assert(is_shut(NULL));
	ck_assert_msg(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL) == 0, "%s",
		      text);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 81, SOON), 0);
	ms_ctl_status(microsegd, text, sizeof(text), "group", "list", NULL);
	ck_assert_msg(strstr(text, "\"other\"") && !strstr(text, "\"work\""), "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_in_group(void *user)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, "veth-a");
	const char *group = json_string_value(ms_ctl_at(iface, "group"));

	return group && strcmp(group, user) == 0;
}

static void bind_to(const char *script, const char *group)
{
	char line[128];

	snprintf(line, sizeof(line), "bind %s %d %u\n", group, MS_PLUGIN_WORKLOAD_IFINDEX,
		 if_nametoindex("veth-a"));
	ms_netns_put_file(script, line);
}

static void reload_with(const char *first, const char *second)
{
	char config[256];

	snprintf(config, sizeof(config), "plugins: { %s, %s }\n", first, second);
	ms_proc_write_config(microsegd, config);
	ms_ctl_do(microsegd, "reload", NULL);
}

/* Also when the first one was configured otherwise, and so came in behind the second. */
START_TEST(of_two_that_bind_a_workload_the_first_counts)
{
	static char mine[] = "mine", other[] = "other";
	static const char script[] = "script: { file: " SCRIPT " }",
			  script_2[] = "script: { file: " SCRIPT "-2 }",
			  script_other[] = "script_other: { file: " SCRIPT "-other }";

	ms_proc_write_policy(
		microsegd, "20-groups.yaml",
		"version: 1\ngroups:\n"
		"  - { name: mine, match: { name: none1 }, default: { in: allow, out: allow } }\n"
		"  - { name: other, match: { name: none2 }, default: { in: allow, out: allow } }\n");
	ms_plugin_folder_add("script_other");
	bind_to(SCRIPT, mine);
	bind_to(SCRIPT "-2", mine);
	bind_to(SCRIPT "-other", other);
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	reload_with(script, script_other);
	ck_assert(ms_netns_wait(is_in_group, mine, 8));
	reload_with(script_2, script_other);
	ms_ctl_do(microsegd, "plugin", "reload", "script", NULL);
	ck_assert(ms_netns_wait(is_in_group, mine, 8));
	reload_with(script_other, script_2);
	ck_assert(ms_netns_wait(is_in_group, other, 8));
	/* Whatever comes next. */
	bind_to(SCRIPT "-2", mine);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(is_in_group(other));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- in which order they are judged ---- */

#define OTHER SCRIPT "-other"
#define RULE(id) "rule { id: " id ", group: work, dir: in, proto: tcp, dport: 81, action: deny }\n"

struct order {
	const char *first, *second;
};

/* A list that a new generation interrupts is none. */
static bool is_order(void *user)
{
	const struct order *order = user;
	const char *first, *second;

	if (ms_ctl_status(microsegd, text, sizeof(text), "rule", "list", NULL) != 0)
		return false;
	first = strstr(text, order->first);
	second = strstr(text, order->second);
	return first && second && first < second;
}

static void expect_order(const char *first, const char *second)
{
	struct order order = { first, second };

	ck_assert_msg(ms_netns_wait(is_order, &order, 20), "%s is not judged before %s", first,
		      second);
}

static void configure(const char *plugins)
{
	char config[512];

	snprintf(config, sizeof(config), "plugins: { %s }\n", plugins);
	ms_proc_write_config(microsegd, config);
}

static const char *policy_file(void)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/policy.d/10-test.yaml", microsegd->dir);
	return path;
}

START_TEST(sources_are_judged_as_the_file_names_them)
{
	ms_plugin_folder_add("script_other");
	ms_netns_put_file(OTHER, RULE("of/other"));
	ms_netns_put_file(SCRIPT, RULE("of/mine"));
	configure("script: { file: " SCRIPT " }, script_other: { file: " OTHER " }");
	ms_plugin_folder_start(microsegd, NULL);
	expect_order("of/mine", "of/other");
	/* Configured otherwise, which is a new process; loaded again; and named otherwise. */
	ms_netns_put_file(SCRIPT "-2", RULE("of/mine"));
	configure("script: { file: " SCRIPT "-2 }, script_other: { file: " OTHER " }");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_order("of/mine", "of/other");
	ms_ctl_do(microsegd, "plugin", "unload", "script", NULL);
	ms_ctl_do(microsegd, "plugin", "load", "script", NULL);
	expect_order("of/mine", "of/other");
	configure("script_other: { file: " OTHER " }, script: { file: " SCRIPT "-2 }");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_order("of/other", "of/mine");
	/* Where documents that were applied stand in for the folder, too. */
	ms_ctl_do(microsegd, "policy", "apply", policy_file(), NULL);
	configure("script: { file: " SCRIPT "-2 }, script_other: { file: " OTHER " }");
	ms_ctl_do(microsegd, "reload", "--dry-run", NULL);
	expect_order("of/other", "of/mine");
	ms_ctl_do(microsegd, "reload", NULL);
	expect_order("of/mine", "of/other");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sources_together");
	TCase *tcase = tcase_create("sources_together");

	tcase_set_timeout(tcase, 90);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_source_and_the_group_of_its_rules_go_at_once);
	tcase_add_test(tcase, of_two_that_bind_a_workload_the_first_counts);
	tcase_add_test(tcase, sources_are_judged_as_the_file_names_them);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
