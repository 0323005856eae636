/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of the capture plugin's file when the disk takes nothing, or somebody removes it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/capture/file.h"
#include "tests/harness/ms_check.h"

static char folder[] = "/tmp/ms-capture-XXXXXX";
static char current[64];
static struct ms_capture_file *file;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(current, sizeof(current), "%s/microseg.pcapng", folder);
	ck_assert_int_eq(ms_capture_file_new(folder, 65536, 2, &file), 0);
}

static void teardown(void)
{
	char before[64];

	ms_capture_file_free(file);
	snprintf(before, sizeof(before), "%s/microseg.1.pcapng", folder);
	unlink(current);
	unlink(before);
	ck_assert_int_eq(rmdir(folder), 0);
}

static int put(const char *text)
{
	memcpy(ms_capture_file_reserve(file, strlen(text)), text, strlen(text));
	ms_capture_file_commit(file, strlen(text));
	return ms_capture_file_flush(file);
}

/* What a process may write to a file: here it stands for a disk that is full, or broken. */
static void limit(rlim_t bytes)
{
	struct rlimit most;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &most), 0);
	most.rlim_cur = bytes == RLIM_INFINITY ? most.rlim_max : bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &most), 0);
}

START_TEST(a_file_that_took_nothing_was_not_begun)
{
	signal(SIGXFSZ, SIG_IGN);
	limit(0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ms_capture_file_next(file), 0);
		ck_assert_int_eq(put("head"), -EFBIG);
		ck_assert_int_eq(access(current, F_OK), -1);
	}
	limit(RLIM_INFINITY); /* Check writes, too */
	ck_assert_uint_eq(ms_capture_file_begun(file), 0);
	ck_assert_int_eq(ms_capture_file_next(file), 0);
	ck_assert_uint_eq(ms_capture_file_begun(file), 0);
	ck_assert_int_eq(put("head"), 0);
	ck_assert_int_eq(put("packet"), 0);
	ck_assert_int_eq(ms_capture_file_flush(file), 0);
	ck_assert_uint_eq(ms_capture_file_begun(file), 1);
	ck_assert_int_eq(ms_capture_file_next(file), 0);
	ck_assert_int_eq(put("head"), 0);
	ck_assert_uint_eq(ms_capture_file_begun(file), 2);
}
END_TEST

START_TEST(a_file_that_was_removed_is_gone)
{
	struct stat there;

	ck_assert(!ms_capture_file_is_gone(file));
	ck_assert_int_eq(ms_capture_file_next(file), 0);
	ck_assert_int_eq(put("head"), 0);
	ck_assert(!ms_capture_file_is_gone(file));
	ck_assert_int_eq(unlink(current), 0);
	ck_assert(ms_capture_file_is_gone(file));
	ck_assert_int_eq(ms_capture_file_next(file), 0);
	ck_assert(!ms_capture_file_is_gone(file));
	ck_assert_int_eq(put("head"), 0);
	ck_assert_int_eq(stat(current, &there), 0);
	ck_assert_int_eq(there.st_size, 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture_file");
	TCase *tcase = tcase_create("file");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_file_that_took_nothing_was_not_begun);
	tcase_add_test(tcase, a_file_that_was_removed_is_gone);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
