/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A member of a set that several hold: the CLI, a file, and the source `script`, which does what a
 * file of the test says. A rule denies port 80 to who is in `block`; it is in until the last of
 * them lets it go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define SCRIPT MS_NETNS_DIR "/script"
#define GUARDED "10.1.0.2"
#define PEER "10.1.0.1" /* whose packets come to it */
#define GONE 400

#define NONE "set block\n"
#define HELD NONE "member block " PEER "\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* The source sees another file, whole. */
static void say(const char *lines)
{
	ms_netns_put_file(SCRIPT, lines);
}

static void write_policy(const char *members)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\ngroups:\n"
		 "  - { name: work, match: { name: \"veth-*\" },\n"
		 "      default: { in: allow, out: allow } }\n"
		 "sets: { block: [%s] }\n"
		 "rules:\n"
		 "  - { id: blocked, dir: in, proto: tcp, dport: 80, from: \"set:block\",\n"
		 "      action: deny, log: true }\n",
		 members);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

struct transactions {
	json_int_t number;
};

static bool are_taken(void *user)
{
	const struct transactions *wanted = user;
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);

	return ms_ctl_int(json_array_get(lines, 0), "transactions") >= wanted->number;
}

static void say_and_wait(const char *lines)
{
	json_auto_t *before = ms_ctl(microsegd, "source", "show", "script", NULL);
	struct transactions wanted = { ms_ctl_int(json_array_get(before, 0), "transactions") + 1 };

	say(lines);
	ck_assert_msg(ms_netns_wait(are_taken, &wanted, 10), "not taken: %s", lines);
}

static void setup(void)
{
	struct transactions first = { 1 };

	ms_netns_setup();
	ms_plugin_folder_make();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server("a", 80);
	ms_proc_init(microsegd, "one");
	write_policy("");
	ms_plugin_folder_add("script");
	say(NONE);
	ms_plugin_folder_start(microsegd, "plugins:\n  script: { file: " SCRIPT " }\n");
	ck_assert(ms_netns_wait(are_taken, &first, 10));
}

static bool arrives(void *user)
{
	(void)user;
	return ms_traffic_reach(NULL, GUARDED, 80, GONE) == 0;
}

static void expect_open(void)
{
	ck_assert_msg(ms_netns_wait(arrives, NULL, 10), "it is denied");
}

static bool is_forgotten(void *user)
{
	(void)user;
	return !ms_proc_remembers(microsegd, "192.0.2.77");
}

/* Of the CLI, for a second; returns when that is over and done with. */
static void hold_for_a_second(void)
{
	ms_ctl_do(microsegd, "set", "add", "block", PEER, "192.0.2.77", "--for", "1s", NULL);
	ck_assert_msg(ms_netns_wait(is_forgotten, NULL, 20), "the members stay on disk");
}

static void expect_one_line(void)
{
	json_auto_t *shown = ms_ctl(microsegd, "set", "show", "block", NULL);
	json_auto_t *listed = ms_ctl(microsegd, "set", "list", NULL);

	ck_assert_uint_eq(ms_ctl_count(shown, "members", "addr", PEER), 1);
	ck_assert_int_eq(ms_ctl_int(ms_ctl_find(listed, "sets", "name", "block"), "members"), 1);
}

/* Who else holds it; 2 = nobody, the twin. */
START_TEST(an_end_takes_nothing_from_who_else_holds_it)
{
	if (_i == 0)
		say_and_wait(HELD);
	else if (_i == 1)
		write_policy(PEER);
	hold_for_a_second();
	if (_i == 2) {
		expect_open();
	} else {
		ms_site_expect_denied(microsegd, 80, "blocked");
		expect_one_line();
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_source_that_comes_later_holds_it_longer)
{
	ms_ctl_do(microsegd, "set", "add", "block", PEER, "192.0.2.77", "--for", "5s", NULL);
	say_and_wait(HELD);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_msg(ms_netns_wait(is_forgotten, NULL, 20), "the members stay on disk");
	ms_site_expect_denied(microsegd, 80, "blocked");
	say_and_wait(NONE);
	expect_open();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_source_that_lets_go_takes_nothing_from_the_cli)
{
	char text[2048];

	say_and_wait(HELD);
	ms_ctl_do(microsegd, "set", "add", "block", PEER, NULL);
	ms_site_expect_denied(microsegd, 80, "blocked");
	expect_one_line();
	/* What is shown of both can be read again. */
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "policy", "show", "-o", "yaml", NULL),
		0);
	ck_assert_ptr_nonnull(strstr(text, PEER));
	ck_assert_ptr_null(strstr(strstr(text, PEER) + 1, PEER));
	say_and_wait(NONE);
	ms_site_expect_denied(microsegd, 80, "blocked");
	ms_ctl_do(microsegd, "set", "del", "block", PEER, NULL);
	expect_open();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_a_source_offers_is_not_taken_out_by_hand)
{
	char text[1024];

	say_and_wait(HELD);
	for (int held_too = 0; held_too < 2; held_too++) {
		if (held_too)
			ms_ctl_do(microsegd, "set", "add", "block", PEER, NULL);
		ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", "del", "block",
					       PEER, NULL),
				 1);
		ck_assert_ptr_nonnull(strstr(text, "source script offers " PEER
						   ": it stays as long as that does"));
		ms_site_expect_denied(microsegd, 80, "blocked");
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* Its own time goes on meanwhile: what the CLI held longer is not held anew when that lets go. */
START_TEST(a_time_that_is_over_does_not_begin_again)
{
	json_auto_t *shown = NULL;

	say_and_wait(NONE "member block " PEER " 1\n");
	expect_open();
	ms_ctl_do(microsegd, "set", "add", "block", PEER, NULL);
	ms_site_expect_denied(microsegd, 80, "blocked");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_site_expect_denied(microsegd, 80, "blocked");
	/* The source offers it still, and holds it no more. */
	ms_ctl_do(microsegd, "set", "del", "block", PEER, NULL);
	shown = ms_ctl(microsegd, "set", "show", "block", NULL);
	ck_assert_int_eq(ms_ctl_int(ms_ctl_find(shown, "members", "addr", PEER), "timeout_ms"), 0);
	expect_open();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a set that nobody misses ---- */

#define PASSING "192.0.2.78"

static bool is_listed(const char *set)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "list", NULL);

	return ms_ctl_find(lines, "sets", "name", set) != NULL;
}

static bool has_gone(void *user)
{
	return !is_listed(user);
}

START_TEST(a_set_goes_with_its_last_member)
{
	ms_ctl_do(microsegd, "set", "add", "passing", PASSING, "--for", "1s", NULL);
	ck_assert(is_listed("passing"));
	ck_assert_msg(ms_netns_wait(has_gone, (void *)"passing", 20), "the set stays");
	ck_assert(!ms_proc_remembers(microsegd, "passing"));
	ck_assert(is_listed("block"));
	ms_proc_stop(microsegd);
}
END_TEST

static void apply_with(const char *set)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\ngroups:\n"
		 "  - { name: work, match: { name: \"veth-*\" },\n"
		 "      default: { in: allow, out: allow } }\n%s",
		 set);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

/* Emptied while the file still had it. */
START_TEST(a_set_that_no_file_has_any_more_goes)
{
	apply_with("sets: { passing: [192.0.2.1] }\n");
	ms_ctl_do(microsegd, "set", "add", "passing", PASSING, NULL);
	if (_i == 0)
		ms_ctl_do(microsegd, "set", "del", "passing", PASSING, NULL);
	apply_with("");
	/* 1: as long as it has a member. */
	ck_assert(is_listed("passing") == (_i == 1));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_set_that_a_rule_names_stays)
{
	ms_ctl_do(microsegd, "set", "add", "passing", "192.0.2.77", "--for", "1s", NULL);
	ms_ctl_do(microsegd, "rule", "add", "--from", "set:passing", "deny", NULL);
	ck_assert_msg(ms_netns_wait(is_forgotten, NULL, 20), "the member stays on disk");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(is_listed("passing"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holders");
	TCase *tcase = tcase_create("holders");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, an_end_takes_nothing_from_who_else_holds_it, 0, 3);
	tcase_add_test(tcase, a_source_that_comes_later_holds_it_longer);
	tcase_add_test(tcase, a_source_that_lets_go_takes_nothing_from_the_cli);
	tcase_add_test(tcase, what_a_source_offers_is_not_taken_out_by_hand);
	tcase_add_test(tcase, a_time_that_is_over_does_not_begin_again);
	tcase_add_test(tcase, a_set_goes_with_its_last_member);
	tcase_add_loop_test(tcase, a_set_that_no_file_has_any_more_goes, 0, 2);
	tcase_add_test(tcase, a_set_that_a_rule_names_stays);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
