/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A copy of a plugin's file, of which something becomes while it is read. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/plugin/copy.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"

#define SIZE (100u << 10) /* several reads */
#define FILE_OF_X MS_PLUGIN_FOLDER "/x.so"

ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __wrap_read(int fd, void *buf, size_t size);

static void (*meanwhile)(void); /* what happens before the second read; NULL = nothing */
static unsigned int reads;

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	if (reads++ == 1 && meanwhile)
		meanwhile();
	return __real_read(fd, buf, size);
}

static void setup(void)
{
	ms_netns_setup();
	ms_plugin_folder_make();
	ms_netns_run_command("truncate -s %u " FILE_OF_X, SIZE);
}

static int copy(struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	int r;

	reads = 0;
	r = ms_plugin_copy_open(MS_PLUGIN_FOLDER, "x", &fd, err);
	if (r == 0)
		ck_assert_int_eq(lseek(fd, 0, SEEK_END), SIZE);
	return r;
}

static void write_at(off_t place)
{
	ms_cleanup(ms_close_fd) int fd = open(FILE_OF_X, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "x", 1, place), 1);
}

static void write_over(void)
{
	write_at(0);
}

static void grow(void)
{
	write_at(SIZE);
}

/* As who copies a file and its times. */
static void write_and_set_back(void)
{
	struct stat before;
	struct timespec times[2];

	ck_assert_int_eq(stat(FILE_OF_X, &before), 0);
	write_over();
	times[0] = before.st_atim;
	times[1] = before.st_mtim;
	ck_assert_int_eq(utimensat(AT_FDCWD, FILE_OF_X, times, 0), 0);
}

static void (*const changes[])(void) = { write_over, grow, write_and_set_back };

START_TEST(one_that_is_written_to_is_refused)
{
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(copy(&err), 0);
	meanwhile = changes[_i];
	ck_assert_int_eq(copy(&err), -EAGAIN);
	ck_assert_str_eq(err.message, "x.so was written to while it was read; try again");
	meanwhile = NULL;
	ck_assert_int_eq(truncate(FILE_OF_X, SIZE), 0);
	ck_assert_int_eq(copy(&err), 0);
}
END_TEST

START_TEST(one_that_is_too_large_is_not_read)
{
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(truncate(FILE_OF_X, MS_PLUGIN_COPY_MAX + 1), 0);
	ck_assert_int_eq(copy(&err), -EFBIG);
	ck_assert_str_eq(err.message, "x.so has more than 256 MiB");
	ck_assert_uint_eq(reads, 0);
}
END_TEST

/* How large a file may be that a process writes holds for memory, too. */
START_TEST(one_that_this_process_may_not_copy_is_not_too_large)
{
	const struct rlimit limit = { SIZE / 2, SIZE / 2 };
	struct ms_error err = MS_ERROR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(copy(&err), -EFBIG);
	ck_assert_str_eq(err.message, "cannot copy x.so into memory: File too large");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugin_copy");
	TCase *tcase = tcase_create("copy");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, one_that_is_written_to_is_refused, 0,
			    (int)ms_array_size(changes));
	tcase_add_test(tcase, one_that_is_too_large_is_not_read);
	tcase_add_test(tcase, one_that_this_process_may_not_copy_is_not_too_large);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
