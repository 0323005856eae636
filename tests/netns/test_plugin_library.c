/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin's file and what is made of it: each load copies it into memory, the same bytes are
 * loaded once, and what becomes of the file afterwards is nothing to the daemon.
 */
#define _GNU_SOURCE
#include <fcntl.h>
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

#define ROUNDS 50
#define WAIT_S 30
#define FILE_OF_TALLY MS_PLUGIN_FOLDER "/tally.so"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: counted, dir: in, proto: tcp, dport: 80,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

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

/* ---- the same code is there once ---- */

/* How often its code is mapped: the segment that can be executed. */
static int count_mapped(const char *plugin)
{
	ms_netns_read_command(text, sizeof(text), "grep -c 'r-xp.*%s.so' /proc/%d/maps || true",
			      plugin, microsegd->pid);
	return atoi(text);
}

START_TEST(another_file_of_the_same_code_is_the_same_library)
{
	unsigned int fds;

	load_and_unload();
	ck_assert_int_eq(count_mapped("tally"), 1);
	fds = ms_proc_open_fds(microsegd);
	for (int i = 0; i < 10; i++) {
		ms_plugin_folder_add("tally");
		load_and_unload();
	}
	ck_assert_int_eq(count_mapped("tally"), 1);
	expect_open(fds);
	ms_netns_run_command("install " MS_TEST_PLUGINS "/tally_newer.so " FILE_OF_TALLY);
	load_and_unload();
	ck_assert_int_eq(count_mapped("tally"), 2);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a file that is written over ---- */

/* The version that was described, and whether it is the later one whose code runs. */
static void expect_version(const char *version, bool runs_newer)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "tally", NULL);
	json_t *show = json_array_get(lines, 0);

	ck_assert_str_eq(ms_ctl_text(show, "plugin.version"), version);
	ck_assert(!ms_ctl_find(lines, "stats", "name", "newer") == !runs_newer);
}

static json_int_t missing(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);
	json_t *reason = ms_ctl_find(lines, "reasons", "reason", "missing_action");

	return reason ? json_integer_value(json_object_get(reason, "denied_packets")) : 0;
}

static const struct {
	const char *command;
	const char *says; /* why it is refused from now on; NULL = it is not */
} written[] = {
	{ "cp " MS_TEST_PLUGINS "/tally_newer.so " FILE_OF_TALLY, NULL },
	{ "cp " MS_TEST_PLUGINS "/no_note.so " FILE_OF_TALLY, "has no note of microseg" },
	{ "cp " MS_TEST_PLUGINS "/runpath.so " FILE_OF_TALLY, "has a RUNPATH" },
	{ "truncate -s 0 " FILE_OF_TALLY, "is no shared object" },
	{ "truncate -s 8192 " FILE_OF_TALLY, "tally.so is cut off" },
};

/* As `cp` does it, with the same inode, under the daemon's hands and under traffic. */
START_TEST(a_file_may_be_written_over_while_it_is_loaded)
{
	struct ms_traffic_pump *pump;
	struct stat before, after;
	pid_t pid;

	ms_proc_stop(microsegd);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_plugin_folder_start(microsegd, "plugins: { tally: {} }\n");
	pid = microsegd->pid;
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, "10.1.0.2", 80, 0);
	ck_assert(ms_traffic_pump_advances(pump, 20));
	ck_assert_int_eq(stat(FILE_OF_TALLY, &before), 0);
	ms_netns_run_command("%s", written[_i].command);
	ck_assert_int_eq(stat(FILE_OF_TALLY, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	/* Its callbacks run: of the code that was loaded. */
	ms_ctl_do(microsegd, "plugin", "reload", "tally", NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_version("1.0", false);
	ck_assert(ms_traffic_pump_advances(pump, 20));
	/* Another instance is of what is there now. */
	ms_proc_write_config(microsegd, "plugins: { tally: { top: 5 } }\n");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "reload", NULL),
			 written[_i].says ? 1 : 0);
	if (written[_i].says)
		ck_assert_msg(strstr(text, written[_i].says) && !strstr(text, "/fd/"), "%s", text);
	expect_version(written[_i].says ? "1.0" : "2.0", !written[_i].says);
	ck_assert(ms_traffic_pump_advances(pump, 20));
	ck_assert_int_eq(pump->error, 0);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_int_eq(missing(), 0);
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what was tried is what runs ---- */

static void reload(void *user)
{
	char said[1024];

	(void)user;
	_exit(ms_ctl_status(microsegd, said, sizeof(said), "reload", NULL));
}

/* The other plugin's trial ends when the test lets it, after the file is another one. */
START_TEST(what_was_tried_is_loaded_whatever_has_become_of_the_file)
{
	pid_t reloading;
	int status;

	ms_plugin_folder_add("create_waits");
	ck_assert_int_eq(mkfifo(MS_TEST_START_THERE, 0600), 0);
	ck_assert_int_eq(mkfifo(MS_TEST_START_GO, 0600), 0);
	ms_proc_write_config(microsegd, "plugins: { tally: {}, create_waits: {} }\n");
	reloading = ms_proc_fork(NULL, reload, NULL);
	close(open(MS_TEST_START_THERE, O_RDONLY | O_CLOEXEC));
	ms_netns_run_command("cp " MS_TEST_PLUGINS "/tally_newer.so " FILE_OF_TALLY);
	close(open(MS_TEST_START_GO, O_WRONLY | O_CLOEXEC));
	ck_assert_int_eq(waitpid(reloading, &status, 0), reloading);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect_version("1.0", false);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- memory that is not to be executed ---- */

/* What vm.memfd_noexec forbids is to run it as a program. It is a PID namespace's own. */
START_TEST(a_machine_that_executes_nothing_in_memory_loads_plugins)
{
	if (access("/proc/sys/vm/memfd_noexec", W_OK) == 0) {
		ms_netns_read_command(
			text, sizeof(text),
			"unshare --pid --fork --mount-proc sh -c 'echo %d >/proc/sys/vm/memfd_noexec "
			"&& " MS_TEST_BIN_DIR
			"/microsegctl -o json plugin probe tally --plugin-dir " MS_PLUGIN_FOLDER
			"' 2>&1",
			_i);
		ck_assert_msg(strstr(text, "\"tried\":true") != NULL, "%s", text);
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
	tcase_add_test(tcase, another_file_of_the_same_code_is_the_same_library);
	tcase_add_loop_test(tcase, a_file_may_be_written_over_while_it_is_loaded, 0,
			    (int)ms_array_size(written));
	tcase_add_test(tcase, what_was_tried_is_loaded_whatever_has_become_of_the_file);
	tcase_add_loop_test(tcase, a_machine_that_executes_nothing_in_memory_loads_plugins, 0, 3);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
