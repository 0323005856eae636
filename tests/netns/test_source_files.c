/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files a source may read: those that its configuration names, also after another one took
 * their place. The source `script` does what such a file says, and tries to read others.
 */
#define _GNU_SOURCE
#include "core/pluginhost/files.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/source/sandbox.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

#define LISTS MS_NETNS_DIR "/lists"
#define WAIT_S 60

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void start(const char *script)
{
	char config[256];

	snprintf(config, sizeof(config), "plugins: { script: { file: %s } }\n", script);
	ms_plugin_folder_start(microsegd, config);
}

static void setup(void)
{
	ms_netns_setup();
	ms_plugin_folder_make();
	ck_assert_int_eq(mkdir(LISTS, 0755), 0);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", "version: 1\n");
	ms_plugin_folder_add("script");
}

static bool is_troubled_by(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);
	const char *trouble =
		json_string_value(ms_ctl_at(json_array_get(lines, 0), "source.trouble"));

	return trouble && strcmp(trouble, user) == 0;
}

static void expect_trouble(const char *sentence)
{
	ck_assert_msg(ms_netns_wait(is_troubled_by, (void *)sentence, WAIT_S), "trouble is not %s",
		      sentence);
}

static json_int_t number(const char *path)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);

	return ms_ctl_int(json_array_get(lines, 0), path);
}

/* What it is told is itself in a file that was replaced each time. */
START_TEST(a_file_in_its_own_folder)
{
	ms_netns_put_file(LISTS "/script", "set block\nread /etc/passwd\n");
	ms_netns_put_file(MS_NETNS_DIR "/other", "");
	ms_netns_put_file(LISTS "/other", "");
	start(LISTS "/script");
	expect_trouble("/etc/passwd: Permission denied");
	ms_netns_put_file(LISTS "/script", "set block\nread " MS_NETNS_DIR "/other\n");
	expect_trouble(MS_NETNS_DIR "/other: Permission denied");
	ms_netns_put_file(LISTS "/script", "set block\nread " LISTS "/other\n");
	expect_trouble(LISTS "/other: it is read");
	ck_assert_int_eq(number("restarts"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Its folder has what is others': it is let through to the file alone, and begins anew for the next
 * one. What it said stays in force meanwhile. */
START_TEST(a_file_in_a_folder_of_all)
{
	ms_netns_put_file("/run/script", "set block\nmember block 192.0.2.1\nread /run/other\n");
	ms_netns_put_file("/run/other", "");
	start("/run/script");
	expect_trouble("/run/other: Permission denied");
	ck_assert_int_eq(number("restarts"), 0);
	ms_netns_put_file("/run/script", "set block\nmember block 192.0.2.1\nread /run/script\n");
	expect_trouble("/run/script: it is read");
	ck_assert_int_eq(number("restarts"), 1);
	ck_assert_int_eq(number("crashes"), 0);
	ck_assert_int_eq(number("source.members"), 1);
	ck_assert(ms_proc_logged(microsegd, "/run/script is another file now"));
	ms_proc_stop(microsegd);
}
END_TEST

/* One that is not there yet, in a folder that is not either. */
START_TEST(a_file_that_comes_later)
{
	start(LISTS "/later/script");
	ck_assert_int_eq(mkdir(LISTS "/later", 0755), 0);
	ms_netns_put_file(LISTS "/later/script", "set block\nread " LISTS "/later/script\n");
	expect_trouble(LISTS "/later/script: it is read");
	ms_proc_stop(microsegd);
}
END_TEST

/* A link that comes to lead to another file of the folder that it led to. */
START_TEST(a_link)
{
	ck_assert_int_eq(mkdir(LISTS "/archive", 0755), 0);
	ck_assert_int_eq(mkdir(LISTS "/live", 0755), 0);
	ms_netns_put_file(LISTS "/archive/1", "set block\nread " LISTS "/other\n");
	ms_netns_put_file(LISTS "/archive/2", "set block\nread " LISTS "/archive/1\n");
	ms_netns_put_file(LISTS "/other", "");
	ck_assert_int_eq(symlink("../archive/1", LISTS "/live/script"), 0);
	start(LISTS "/live/script");
	expect_trouble(LISTS "/other: Permission denied");
	ck_assert_int_eq(symlink("../archive/2", LISTS "/live/new"), 0);
	ck_assert_int_eq(rename(LISTS "/live/new", LISTS "/live/script"), 0);
	expect_trouble(LISTS "/archive/1: it is read");
	ck_assert_int_eq(number("restarts"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Not even root's word opens a file of another's; there is nothing to begin anew for. */
START_TEST(a_file_that_is_refused_anyhow)
{
	struct ms_pluginhost_files files = { 0 };
	struct ms_pluginhost_file file = { .path = (char *)LISTS "/theirs" };
	pid_t pid;
	int status;

	files.files = &file;
	files.count = 1;
	ms_netns_put_file(LISTS "/theirs", "");
	ck_assert_int_eq(chown(LISTS "/theirs", 1, 1), 0);
	ck_assert_int_eq(chmod(LISTS "/theirs", 0600), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 || !ms_pluginhost_files_lost(&files))
			_exit(1);
		ms_pluginhost_files_begin(&files);
		_exit(ms_pluginhost_files_lost(&files) ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* ---- what is there for every program ---- */

static int look_up(void)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int r = getaddrinfo("lists.test", "443", &hints, &found);

	freeaddrinfo(found);
	return r == 0 ? 0 : 3;
}

static int within(const struct ms_plugin *plugin, int (*attempt)(void))
{
	struct ms_pluginhost_files files = { 0 };
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 ||
		    ms_pluginhost_files_find(&files, plugin, NULL) < 0 ||
		    ms_source_sandbox_enter(plugin->needs, NULL, (const char *const *)files.beneath,
					    NULL) != 0)
			_exit(255);
		_exit(attempt());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int read_secrets(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int read_authorities(void)
{
	return open("/etc/ssl/certs", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

START_TEST(names_are_found_and_secrets_are_not)
{
	const struct ms_plugin files = { .needs = MS_PLUGIN_NEEDS_FILES };
	const struct ms_plugin both = { .needs = MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_INET };

	ms_netns_put_file(LISTS "/hosts", "192.0.2.1 lists.test\n");
	ms_netns_run_command("mount --bind " LISTS "/hosts /etc/hosts");
	ck_assert_int_eq(within(&both, look_up), 0);
	ck_assert_int_eq(within(&both, read_authorities), 0);
	ck_assert_int_eq(within(&both, read_secrets), EACCES);
	ck_assert_int_eq(within(&files, read_authorities), EACCES);
}
END_TEST

/* ---- what a text names ---- */

static const struct {
	const char *text, *path; /* NULL = none */
} texts[] = {
	{ "/etc/microseg/list", "/etc/microseg/list" },
	{ "file:///etc/microseg/list", "/etc/microseg/list" },
	{ "bad=file:///etc/microseg/list", "/etc/microseg/list" },
	{ "", NULL },
	{ "list", NULL },
	{ "file://host/list", NULL },
	{ "profile:///list", NULL },
	{ "bad=http://host/list", NULL },
	{ "bad=http://host/?of=file:///etc/shadow", NULL },
};

START_TEST(what_a_text_names)
{
	const char *path = ms_pluginhost_files_named(texts[_i].text);

	if (texts[_i].path)
		ck_assert_str_eq(path, texts[_i].path);
	else
		ck_assert_ptr_null(path);
}
END_TEST

/* ---- a kernel without Landlock ---- */

/* Here, in the daemon and in what it starts. */
static void take_landlock_away(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP),
					  SCMP_SYS(landlock_create_ruleset), 0),
			 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

START_TEST(without_landlock_it_works_and_the_log_says_so)
{
	take_landlock_away();
	ms_netns_put_file(LISTS "/script", "set block\nread /etc/passwd\n");
	start(LISTS "/script");
	expect_trouble("/etc/passwd: it is read");
	ck_assert(ms_proc_logged(microsegd, "script: this kernel runs without Landlock"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_files");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, a_file_in_its_own_folder);
	tcase_add_test(tcase, a_file_in_a_folder_of_all);
	tcase_add_test(tcase, a_file_that_comes_later);
	tcase_add_test(tcase, a_link);
	tcase_add_test(tcase, a_file_that_is_refused_anyhow);
	tcase_add_test(tcase, names_are_found_and_secrets_are_not);
	tcase_add_loop_test(tcase, what_a_text_names, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tcase, without_landlock_it_works_and_the_log_says_so);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
