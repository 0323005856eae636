/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/state/state.h"
#include "tests/harness/ms_check.h"

static char dir[64], path[96], lines[4096];
static int dir_fd;
static int failures; /* so many of the next flushes and truncations fail */

static bool fails(void)
{
	errno = EIO;
	return failures > 0 && failures-- > 0;
}

/* Both stand in for libc's. */
int fdatasync(int fd)
{
	return fails() ? -1 : fsync(fd);
}

int ftruncate(int fd, off_t length)
{
	return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

static void set_up(void)
{
	strcpy(dir, "/tmp/ms-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/runtime.journal", dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dir_fd, 0);
}

static void tear_down(void)
{
	char command[160];

	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static int collect(void *user, const char *line, size_t length, struct ms_error *err)
{
	size_t used = strlen(lines);

	(void)user;
	if (strcmp(line, "bad") == 0)
		return ms_error_set(err, -EINVAL, "no good");
	ck_assert_uint_eq(strlen(line), length);
	snprintf(lines + used, sizeof(lines) - used, "%s;", line);
	return 0;
}

static int load(struct ms_journal *journal, uint64_t serial, struct ms_error *err)
{
	lines[0] = '\0';
	ms_journal_init(journal, dir_fd, "runtime.journal");
	return ms_journal_load(journal, serial, collect, NULL, err);
}

static void expect_lines(uint64_t serial, const char *expected)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_journal journal;

	ck_assert_msg(load(&journal, serial, &err) == 0, "%s", err.message);
	ck_assert_str_eq(lines, expected);
	ms_journal_fini(&journal);
}

static void append(struct ms_journal *journal, uint64_t serial, const char *line)
{
	ck_assert_int_eq(ms_journal_append(journal, serial, line, strlen(line)), 0);
}

static void write_tail(const char *text)
{
	FILE *file = fopen(path, "ae");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(lines_come_back_and_more_follow)
{
	struct ms_journal journal;

	expect_lines(3, "");
	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	append(&journal, 3, "b");
	ms_journal_fini(&journal);
	expect_lines(3, "a;b;");
	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "c");
	ms_journal_fini(&journal);
	expect_lines(3, "a;b;c;");
}
END_TEST

START_TEST(one_of_an_earlier_save_is_over)
{
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	ms_journal_fini(&journal);
	ck_assert_int_eq(load(&journal, 4, NULL), 0);
	ck_assert_str_eq(lines, "");
	append(&journal, 4, "b");
	ms_journal_fini(&journal);
	expect_lines(4, "b;");
}
END_TEST

START_TEST(one_of_a_later_save_is_refused)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	ms_journal_fini(&journal);
	ck_assert_int_eq(load(&journal, 2, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "runtime.json that is not there any more"));
	ms_journal_fini(&journal);
}
END_TEST

/* Nobody was told that it was done; what follows must not be glued to it. */
START_TEST(a_last_line_without_an_end_does_not_count)
{
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	ms_journal_fini(&journal);
	write_tail("a long line that was torn");
	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	ck_assert_str_eq(lines, "a;");
	append(&journal, 3, "b");
	ms_journal_fini(&journal);
	expect_lines(3, "a;b;");
}
END_TEST

START_TEST(a_damaged_line_is_told_with_its_number)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	append(&journal, 3, "bad");
	append(&journal, 3, "b");
	ms_journal_fini(&journal);
	ck_assert_int_eq(load(&journal, 3, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "line 3"));
	ck_assert_ptr_nonnull(strstr(err.message, "no good"));
	ms_journal_fini(&journal);
	ck_assert_int_eq(truncate(path, 0), 0);
	write_tail("something else\n");
	ck_assert_int_eq(load(&journal, 3, &err), -EINVAL);
	ms_journal_fini(&journal);
}
END_TEST

/* The file may grow by three bytes more: half of a line gets there. */
START_TEST(an_append_that_fails_leaves_nothing)
{
	struct rlimit limit;
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	signal(SIGXFSZ, SIG_IGN);
	limit.rlim_cur = limit.rlim_max = journal.length + 3;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(ms_journal_append(&journal, 3, "bbbbbbbb", 8), -EFBIG);
	append(&journal, 3, "c");
	ms_journal_fini(&journal);
	expect_lines(3, "a;c;");
}
END_TEST

/* All of the line is there, but may not last. Cutting it off may fail, too: then later. */
START_TEST(an_append_that_is_not_flushed_leaves_nothing)
{
	struct ms_journal journal;

	ck_assert_int_eq(load(&journal, 3, NULL), 0);
	append(&journal, 3, "a");
	failures = _i;
	ck_assert_int_eq(ms_journal_append(&journal, 3, "a longer one", 12), -EIO);
	append(&journal, 3, "b");
	ms_journal_fini(&journal);
	expect_lines(3, "a;b;");
}
END_TEST

/* ---- with the file that it goes on from ---- */

static struct ms_state *open_state(void)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_state *state;

	ck_assert_msg(ms_state_open(dir, &state, &err) == 0, "%s", err.message);
	return state;
}

static void change(struct ms_state *state, const char *member, bool is_removal)
{
	struct ms_cidr cidr;
	const struct ms_runtime_change change = {
		.set = "office", .is_removal = is_removal, .members = &cidr, .count = 1
	};

	ck_assert(ms_cidr_parse(member, &cidr));
	ck_assert_int_eq(ms_state_append_runtime(state, &change), 0);
}

static size_t count_members(int expected)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_state *state = open_state();
	struct ms_runtime runtime;
	size_t count = 0;

	ck_assert_int_eq(ms_runtime_init(&runtime), 0);
	ck_assert_int_eq(ms_state_load_runtime(state, &runtime, &err), expected);
	if (ms_runtime_find_set(&runtime, "office"))
		count = ms_runtime_find_set(&runtime, "office")->n_members;
	ms_runtime_fini(&runtime);
	ms_state_close(state);
	return count;
}

START_TEST(changes_follow_a_save_and_end_with_the_next)
{
	struct ms_state *state = open_state();
	struct ms_runtime runtime;

	ck_assert_uint_eq(count_members(-ENOENT), 0);
	/* Members of a set of a file, before anything else was ever saved. */
	change(state, "10.0.0.1", false);
	change(state, "10.0.0.2", false);
	change(state, "10.0.0.1", true);
	ck_assert_uint_eq(count_members(0), 1);
	ck_assert_int_eq(ms_runtime_init(&runtime), 0);
	ck_assert_int_eq(ms_state_save_runtime(state, &runtime), 0);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_uint_eq(count_members(0), 0);
	change(state, "10.0.0.3", false);
	ck_assert_uint_eq(count_members(0), 1);
	ms_runtime_fini(&runtime);
	ms_state_close(state);
}
END_TEST

/* A machine that stopped between the two: the new file has all, the journal is left over. */
START_TEST(a_journal_that_an_interrupted_save_left_is_not_replayed)
{
	struct ms_state *state = open_state();
	struct ms_runtime runtime;
	char command[256];

	change(state, "10.0.0.1", false);
	snprintf(command, sizeof(command), "cp %s %s/copy", path, dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(ms_runtime_init(&runtime), 0);
	ck_assert_int_eq(ms_state_save_runtime(state, &runtime), 0);
	snprintf(command, sizeof(command), "mv %s/copy %s", dir, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_uint_eq(count_members(0), 0);
	ms_runtime_fini(&runtime);
	ms_state_close(state);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state/journal");
	TCase *tcase = tcase_create("journal");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, lines_come_back_and_more_follow);
	tcase_add_test(tcase, one_of_an_earlier_save_is_over);
	tcase_add_test(tcase, one_of_a_later_save_is_refused);
	tcase_add_test(tcase, a_last_line_without_an_end_does_not_count);
	tcase_add_test(tcase, a_damaged_line_is_told_with_its_number);
	tcase_add_test(tcase, an_append_that_fails_leaves_nothing);
	tcase_add_loop_test(tcase, an_append_that_is_not_flushed_leaves_nothing, 1, 3);
	tcase_add_test(tcase, changes_follow_a_save_and_end_with_the_next);
	tcase_add_test(tcase, a_journal_that_an_interrupted_save_left_is_not_replayed);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
