/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plugin's file is opened for each load, and held for the first only. */
#include <stdio.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

#define ROUNDS 50
#define WAIT_S 30

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("tally");
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
}

static void load_and_unload(void)
{
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	ms_ctl_do(microsegd, "plugin", "unload", "tally", NULL);
}

/* The command that came last may still have its connection. */
static bool has_no_more_open(void *user)
{
	return ms_proc_open_fds(microsegd) <= *(unsigned int *)user;
}

static void expect_open(unsigned int fds)
{
	ck_assert_msg(ms_netns_wait(has_no_more_open, &fds, WAIT_S), "%u open, %u before",
		      ms_proc_open_fds(microsegd), fds);
}

START_TEST(what_is_loaded_and_unloaded_leaves_nothing_open)
{
	unsigned int fds;

	load_and_unload();
	fds = ms_proc_open_fds(microsegd);
	for (int i = 0; i < ROUNDS; i++)
		load_and_unload();
	expect_open(fds);
	ms_proc_stop(microsegd);
}
END_TEST

static void configure(int top)
{
	char config[64];

	snprintf(config, sizeof(config), "plugins: { tally: { top: %d } }\n", top);
	ms_proc_write_config(microsegd, config);
	ms_ctl_do(microsegd, "reload", NULL);
}

/* It has no reconfigure(): each is a new instance. */
START_TEST(what_is_configured_anew_leaves_nothing_open)
{
	unsigned int fds;

	configure(1);
	fds = ms_proc_open_fds(microsegd);
	for (int i = 0; i < ROUNDS; i++)
		configure(2 + i % 2);
	expect_open(fds);
	ms_proc_stop(microsegd);
}
END_TEST

/* What was a number of the first file's is one of another's by then, under which the loader would
 * give that one back. */
START_TEST(another_file_is_another_library)
{
	ms_plugin_folder_add("fine");
	ms_plugin_folder_add("reconfigures");
	for (int i = 0; i < 3; i++) {
		load_and_unload();
		ms_ctl_do(microsegd, "plugin", "load", "fine", NULL);
		ms_ctl_do(microsegd, "plugin", "load", "reconfigures", NULL);
		ms_plugin_folder_add("tally"); /* a new one of the same name */
		ms_ctl_do(microsegd, "plugin", "unload", "fine", NULL);
		ms_ctl_do(microsegd, "plugin", "unload", "reconfigures", NULL);
	}
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_library");
	TCase *tcase = tcase_create("library");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_is_loaded_and_unloaded_leaves_nothing_open);
	tcase_add_test(tcase, what_is_configured_anew_leaves_nothing_open);
	tcase_add_test(tcase, another_file_is_another_library);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
