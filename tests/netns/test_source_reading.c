/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the process of a source may read, with and without a kernel that can hold it to that. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/source/sandbox.h"
#include "microseg/plugin.h"
#include "tests/harness/netns.h"

#define FOLDER "/run/own"
#define NAMED "/run/named"
#define UNNAMED "/run/unnamed"

static const char *const reads[] = { NAMED "/file", NAMED "/none", NAMED "/folder", NULL };

/* ---- attempts: 0, or the errno of what was refused ---- */

static int told(long result)
{
	return result < 0 ? errno : 0;
}

static int read_at(const char *path)
{
	return told(open(path, O_RDONLY | O_CLOEXEC));
}

static int read_named(void)
{
	return read_at(NAMED "/file");
}

static int read_by_link(void)
{
	return read_at("/run/leads_to_it");
}

static int read_beneath(void)
{
	return read_at(NAMED "/folder/deeper/file");
}

static int list_named(void)
{
	return read_at(NAMED "/folder");
}

static int read_beside(void)
{
	return read_at(NAMED "/other");
}

static int list_above(void)
{
	return read_at(NAMED);
}

static int read_by_link_out(void)
{
	return read_at(NAMED "/folder/leads_out");
}

static int read_by_dots_out(void)
{
	return read_at(NAMED "/folder/../other");
}

static int read_nothing_named(void)
{
	return read_at(UNNAMED);
}

static int write_named(void)
{
	return told(open(NAMED "/file", O_WRONLY | O_CLOEXEC));
}

static const struct {
	const char *what;
	int (*attempt)(void);
	int expected;
} readings[] = {
	{ "what is named", read_named, 0 },
	{ "by a link to it", read_by_link, 0 },
	{ "beneath what is named", read_beneath, 0 },
	{ "which names are in it", list_named, 0 },
	{ "beside it", read_beside, EACCES },
	{ "which names are above", list_above, EACCES },
	{ "by a link out", read_by_link_out, EACCES },
	{ "by .. out", read_by_dots_out, EACCES },
	{ "nothing at all", read_nothing_named, EACCES },
	{ "and not to write", write_named, EPERM },
};

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void make_files(void)
{
	ck_assert_int_eq(mkdir(NAMED, 0755), 0);
	ck_assert_int_eq(mkdir(NAMED "/folder", 0755), 0);
	ck_assert_int_eq(mkdir(NAMED "/folder/deeper", 0755), 0);
	make_file(UNNAMED);
	make_file(NAMED "/file");
	make_file(NAMED "/other");
	make_file(NAMED "/folder/deeper/file");
	ck_assert_int_eq(symlink("../other", NAMED "/folder/leads_out"), 0);
	ck_assert_int_eq(symlink(NAMED "/file", "/run/leads_to_it"), 0);
}

START_TEST(who_reads_reads_what_is_named)
{
	pid_t pid;
	int status, r;

	make_files();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 ||
		    ms_source_sandbox_enter(MS_PLUGIN_NEEDS_FILES, NULL, reads, NULL) != 0)
			_exit(255);
		_exit(readings[_i].attempt());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	r = WEXITSTATUS(status);
	ck_assert_msg(r == readings[_i].expected, "%s: %s", readings[_i].what, strerror(r));
}
END_TEST

/* ---- a kernel without Landlock ---- */

/* As one that was built without it, or one that was told `lsm=` without it. */
static void take_landlock_away(int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error),
					  SCMP_SYS(landlock_create_ruleset), 0),
			 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

/* Who reads goes on, and says that nothing holds it; who writes is refused. */
START_TEST(without_landlock)
{
	static const int errors[] = { ENOSYS, EOPNOTSUPP };
	struct ms_error err = MS_ERROR_INIT;
	pid_t pid;
	int status;

	ck_assert_int_eq(mkdir(FOLDER, 0700), 0);
	make_file(UNNAMED);
	take_landlock_away(errors[_i]);
	ck_assert_int_eq(ms_source_sandbox_enter(MS_PLUGIN_NEEDS_WRITE, FOLDER, NULL, &err),
			 -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.message, "without Landlock"));
	ck_assert_int_eq(ms_source_sandbox_enter(MS_PLUGIN_NEEDS_WRITE | MS_PLUGIN_NEEDS_FILES,
						 FOLDER, reads, NULL),
			 -ENOTSUP);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		err = (struct ms_error)MS_ERROR_INIT;
		if (ms_source_sandbox_enter(MS_PLUGIN_NEEDS_FILES, NULL, reads, &err) != 1 ||
		    ms_error_is_set(&err) || told(socket(AF_INET, SOCK_STREAM, 0)) != EPERM)
			_exit(255);
		_exit(read_nothing_named());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_reading");
	TCase *tcase = tcase_create("reading");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_add_loop_test(tcase, who_reads_reads_what_is_named, 0, (int)ms_array_size(readings));
	tcase_add_loop_test(tcase, without_landlock, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
