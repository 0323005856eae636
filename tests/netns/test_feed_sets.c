/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `feed` in a daemon, with several sets of which not each has its lists; and its README,
 * followed. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/readme.h"
#include "tests/harness/site.h"

#define LISTS MS_NETNS_DIR "/lists"

/* The tests come from 10.1.0.1. */
static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { dead: [], listed: [], other: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, proto: tcp, dport: 80, from: \"set:listed\",\n"
	"      action: deny, log: true }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("feed");
	ck_assert_int_eq(mkdir(LISTS, 0755), 0);
	ms_proc_write_config(microsegd, "plugins:\n"
					"  feed:\n"
					"    lists:\n"
					"      - dead=http://127.0.0.1:1/dead\n"
					"      - listed=file://" LISTS "/listed\n"
					"      - other=file://" LISTS "/other\n"
					"      - other=file://" LISTS "/more\n"
					"    interval: 1s\n");
}

static void start(void)
{
	ms_plugin_folder_start(microsegd, NULL);
}

static json_int_t members(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "feed", NULL);

	return ms_ctl_int(json_array_get(lines, 0), "source.members");
}

static bool has_members(void *user)
{
	return members() == *(const json_int_t *)user;
}

static void expect_members(json_int_t count)
{
	ck_assert_msg(ms_netns_wait(has_members, &count, 30), "members are %lld and not %lld",
		      (long long)members(), (long long)count);
}

static bool is_open(void *user)
{
	(void)user;
	return ms_site_reach(80, MS_SITE_GONE) == 0;
}

/* Who put a member in is told of each. */
static void expect_origins(void)
{
	json_auto_t *lines = NULL;
	json_t *member;

	ms_ctl_do(microsegd, "set", "add", "listed", "192.0.2.9", NULL);
	lines = ms_ctl(microsegd, "set", "show", "listed", NULL);
	member = ms_ctl_find(lines, "members", "addr", "10.1.0.1");
	ck_assert_str_eq(ms_ctl_text(member, "source"), "plugin");
	ck_assert_str_eq(ms_ctl_text(member, "origin"), "feed");
	member = ms_ctl_find(lines, "members", "addr", "192.0.2.9");
	ck_assert_str_eq(ms_ctl_text(member, "origin"), "runtime");
	ms_ctl_do(microsegd, "set", "del", "listed", "192.0.2.9", NULL);
}

/* ---- what never comes ---- */

/* Its set stays as it was, and all others go on. */
START_TEST(a_dead_list_holds_up_its_own_set_alone)
{
	ms_netns_put_file(LISTS "/listed", "10.1.0.1\n");
	ms_netns_put_file(LISTS "/other", "192.0.2.1\n");
	ms_netns_put_file(LISTS "/more", "198.51.100.1\n");
	start();
	expect_members(3);
	ms_site_expect_denied(microsegd, 80, "blocked");
	ck_assert(ms_proc_logged(microsegd, "http://127.0.0.1:1/dead: "));
	expect_origins();
	ms_proc_kill(microsegd);

	/* The next one cannot have the list of the set that is in force either. */
	ck_assert_int_eq(unlink(LISTS "/listed"), 0);
	ms_netns_put_file(LISTS "/other", "192.0.2.1\n192.0.2.2\n");
	start();
	expect_members(4);
	ms_site_expect_denied(microsegd, 80, "blocked");
	ms_proc_kill(microsegd);

	/* On disk is what was in force, and not that something was to stay. A set of several lists
	 * is whole or as it was. */
	ck_assert_int_eq(unlink(LISTS "/more"), 0);
	ms_netns_put_file(LISTS "/other", "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
	start();
	ck_assert_int_eq(members(), 4);
	ms_site_expect_denied(microsegd, 80, "blocked");
	ms_netns_put_file(LISTS "/listed", "10.9.0.1\n10.9.0.2\n");
	expect_members(5);
	ck_assert(ms_netns_wait(is_open, NULL, 20));
	ms_netns_put_file(LISTS "/more", "198.51.100.1\n");
	expect_members(6);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- by hand ---- */

/* Its configuration, its policy and its commands, the one after the other, and what those that show
 * something come to show. */
START_TEST(the_readme_is_followed)
{
	static const char *const shown[] = {
		NULL,
		NULL,
		NULL,
		"lists\\.example\\.net",
		"192\\.0\\.2\\.7",
		NULL,
		NULL,
		"FROM.192\\.0\\.2\\.8",
		NULL,
		"own-drop\\.txt: No such file",
		"192\\.0\\.2\\.8",
	};
	char text[4096];

	ms_readme_yaml(text, sizeof(text), MS_TEST_README, 2);
	ms_proc_write_policy(microsegd, "20-readme.yaml", text);
	ms_plugin_folder_start(microsegd, "");
	ms_readme_yaml(text, sizeof(text), MS_TEST_README, 1);
	ms_proc_write_config(microsegd, text);
	ms_readme_serve(microsegd);
	ms_readme_follow(MS_TEST_README, shown, ms_array_size(shown));
	ms_proc_stop(microsegd);
}
END_TEST

static Suite *feed_sets_suite(void)
{
	Suite *suite = suite_create("feed_sets");
	TCase *sets = tcase_create("sets");

	tcase_add_checked_fixture(sets, setup, NULL);
	tcase_set_timeout(sets, 120);
	tcase_add_test(sets, a_dead_list_holds_up_its_own_set_alone);
	tcase_add_test(sets, the_readme_is_followed);
	suite_add_tcase(suite, sets);
	return suite;
}

int main(void)
{
	return ms_netns_run(feed_sets_suite());
}
