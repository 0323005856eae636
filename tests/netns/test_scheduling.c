/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's loop goes before what is scheduled ordinarily, and nothing that it starts does:
 * asked of the kernel, task by task.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"

#define LISTS MS_NETNS_DIR "/lists"
/* A source with a process of its own, and an action with a thread. */
#define PLUGINS "plugins: { feed: { lists: \"bad=file://" LISTS "/bad\" }, capture: {} }\n"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* Tasks of process `pid` that are scheduled so, of all that it has. */
static unsigned int count_tasks(pid_t pid, int policy, unsigned int *ret_all)
{
	char path[64];
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir;

	*ret_all = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(*ret_all)++;
		count += sched_getscheduler(atoi(entry->d_name)) == policy;
	}
	closedir(dir);
	return count;
}

static void expect_ordinary(pid_t pid)
{
	unsigned int all, ordinary = count_tasks(pid, SCHED_OTHER, &all);

	ck_assert_uint_eq(ordinary, all);
}

static pid_t only_child(void)
{
	char text[64];

	ms_netns_read_command(text, sizeof(text), "pgrep -P %d", (int)microsegd->pid);
	ck_assert_str_ne(text, "");
	return atoi(text);
}

static bool list_is_in(void *user)
{
	json_auto_t *sets = ms_ctl(microsegd, "set", "list", NULL);

	(void)user;
	return ms_ctl_count(sets, "sets", "name", "bad") == 1;
}

/* All that is started while the loop goes first already. */
START_TEST(the_loop_alone_goes_first)
{
	unsigned int all;

	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("feed");
	ms_plugin_folder_add("capture");
	ms_netns_run_command("mkdir " LISTS " && echo 192.0.2.1 >" LISTS "/bad");
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	ms_proc_write_config(microsegd, PLUGINS);
	json_decref(ms_ctl(microsegd, "reload", NULL));
	ck_assert(ms_netns_wait(list_is_in, NULL, 10));
	ck_assert_uint_eq(count_tasks(microsegd->pid, SCHED_OTHER, &all), all - 1);
	ck_assert_uint_gt(all, 1);
	expect_ordinary(only_child());
	ck_assert_int_eq(sched_getscheduler(microsegd->pid), SCHED_RR | SCHED_RESET_ON_FORK);
	ck_assert(!ms_proc_logged(microsegd, "realtime"));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_setting_leaves_it_ordinary)
{
	ms_site_setup(microsegd);
	ms_proc_write_config(microsegd, "scheduling: normal\n");
	ms_proc_start(microsegd, NULL);
	expect_ordinary(microsegd->pid);
	ck_assert(!ms_proc_logged(microsegd, "realtime"));
	ms_proc_stop(microsegd);
}
END_TEST

/* Allowed neither by a capability nor by a limit, it says so and does all that it did. */
START_TEST(without_the_right_it_protects_all_the_same)
{
	static const char program[] = MS_NETNS_DIR "/unprivileged";

	ms_site_setup(microsegd);
	ms_netns_run_command("printf '#!/bin/sh\\nexec setpriv --bounding-set=-sys_nice "
			     "--inh-caps=-sys_nice " MS_TEST_BIN_DIR
			     "/microsegd \"$@\"\\n' >%s && chmod 755 %s",
			     program, program);
	ms_proc_start_program(microsegd, program, NULL);
	expect_ordinary(microsegd->pid);
	ck_assert(ms_proc_logged(microsegd, "no realtime priority (Operation not permitted)"));
	ms_site_expect_denied(microsegd, 81, "shut");
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/scheduling");
	TCase *tcase = tcase_create("scheduling");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_loop_alone_goes_first);
	tcase_add_test(tcase, a_setting_leaves_it_ordinary);
	tcase_add_test(tcase, without_the_right_it_protects_all_the_same);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
