/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom the daemon tells that his rules were refused, and of which transaction. The source `script`
 * does what a file of the test says; a line of it is an origin.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

#define SCRIPT MS_PLUGIN_SCRIPT

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"sets: { block: [] }\n"
	"rules:\n"
	"  - { id: blocked, group: work, dir: in, from: \"set:block\", action: deny }\n";

#define GOOD "rule { id: good, group: work, dir: in, action: allow }\n"
#define TAKEN "rule { id: blocked, group: work, dir: in, action: allow }\n"
#define MEMBER "set block\nmember block 10.1.0.1\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup_script(microsegd, policy, MEMBER);
}

static json_int_t number(const char *path)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);

	return ms_ctl_int(json_array_get(lines, 0), path);
}

struct expectation {
	const char *path;
	json_int_t at_least;
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;

	return number(expected->path) >= expected->at_least;
}

static void expect_at_least(const char *path, json_int_t wanted)
{
	struct expectation expected = { path, wanted };

	ck_assert_msg(ms_netns_wait(is_shown, &expected, 20), "%s is not %lld", path,
		      (long long)wanted);
}

static bool begins(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	const char *error = ms_ctl_text(json_array_get(lines, 0), "source.error");

	return strncmp(error, user, strlen(user)) == 0;
}

/* From its beginning: no other place is in front of it. */
static void expect_error(const char *start)
{
	json_auto_t *lines = NULL;

	if (ms_netns_wait(begins, (void *)start, 20))
		return;
	lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	ck_abort_msg("%s", ms_ctl_text(json_array_get(lines, 0), "source.error"));
}

static void pipe_path(char path[256], const char *which)
{
	snprintf(path, 256, "%s/offer-%s", microsegd->dir, which);
}

static void open_pipe(const char *which, int flags)
{
	char path[256];
	int fd;

	pipe_path(path, which);
	fd = open(path, flags | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
}

static void hold_an_offer(const char *lines)
{
	char path[256];

	pipe_path(path, "there");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	pipe_path(path, "go");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ms_plugin_folder_say(lines);
	open_pipe("there", O_RDONLY);
}

/* The text of the same line has been mended by the time that the refusal comes. */
START_TEST(a_refusal_is_for_what_was_refused)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	expect_at_least("source.members", 1);
	hold_an_offer("well\n" TAKEN MEMBER);
	/* The first of two gives way to the second, which has arrived then. */
	ms_plugin_folder_say("flood 1\n" GOOD MEMBER);
	expect_at_least("superseded", 1);
	open_pipe("go", O_WRONLY);
	expect_at_least("refused", 1);
	expect_at_least("source.rules", 1);
	ms_plugin_folder_say("well\n" GOOD MEMBER "member block 10.1.0.3\n");
	expect_at_least("source.members", 2);
	ck_assert_int_eq(number("refused"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* More rules with actions than fit into one policy, from as many origins: what the last of them
 * says is as good as what the first one does. */
START_TEST(where_there_is_no_room_no_origin_is_to_blame)
{
	static char lines[1 << 20];
	size_t used = 0;

	for (unsigned int i = 0; i < 4100; i++)
		used += (size_t)sprintf(lines + used,
					"rule { id: r%u, group: work, dir: in, proto: tcp, "
					"dport: 9, action: [{ ratelimit: { pps: 9 } }, allow] }\n",
					i);
	ms_plugin_folder_add("ratelimit");
	ms_plugin_folder_start(microsegd,
			       "plugins:\n  ratelimit: {}\n  script: { file: " SCRIPT " }\n");
	expect_at_least("source.members", 1);
	ms_plugin_folder_say(lines);
	expect_at_least("refused", 1);
	expect_error("the policy does not fit: more than ");
	/* It is not asked again without those of one line. */
	ms_plugin_folder_say(MEMBER "member block 10.1.0.3\n");
	expect_at_least("source.members", 2);
	ck_assert_int_eq(number("refused"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

static size_t put_numbers(char *into, const char *key, unsigned int count)
{
	size_t used = (size_t)sprintf(into, "%s: [", key);

	for (unsigned int i = 0; i < count; i++)
		used += (size_t)sprintf(into + used, "%s%u", i ? ", " : "", 2 * i);
	return used + (size_t)sprintf(into + used, "], ");
}

/* It would not fit without the others either. */
START_TEST(a_rule_that_has_no_room_by_itself_is_to_blame)
{
	static char lines[4096];
	size_t used = (size_t)sprintf(lines, MEMBER "rule { id: m, group: work, proto: tcp, ");

	used += put_numbers(lines + used, "sport", 260);
	used += put_numbers(lines + used, "dport", 260);
	used += put_numbers(lines + used, "dscp", 16);
	sprintf(lines + used, "action: deny }\n");
	ms_plugin_folder_start(microsegd, NULL);
	expect_at_least("source.members", 1);
	ms_plugin_folder_say(lines);
	expect_at_least("refused", 1);
	expect_error("script:line-3: rule m does not fit: it becomes 1081600 rows of IPv4");
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source refusals");
	TCase *tcase = tcase_create("refusals");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_refusal_is_for_what_was_refused);
	tcase_add_test(tcase, where_there_is_no_room_no_origin_is_to_blame);
	tcase_add_test(tcase, a_rule_that_has_no_room_by_itself_is_to_blame);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
