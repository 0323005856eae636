/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the capture plugin's files are called, and what becomes of one when the disk takes nothing,
 * or somebody removes it. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
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
	snprintf(current, sizeof(current), "%s/microseg.pcap", folder);
	ck_assert_int_eq(ms_capture_file_new(folder, 65536, 2, &file), 0);
}

static void teardown(void)
{
	char before[64];

	ms_capture_file_free(file);
	snprintf(before, sizeof(before), "%s/microseg.1.pcap", folder);
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

/* ---- names ---- */

static void begin(const char *text)
{
	ck_assert_int_eq(ms_capture_file_next(file), 0);
	ck_assert_int_eq(put(text), 0);
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void leave(const char *name, const char *text)
{
	FILE *left = fopen(path_of(name), "we");

	ck_assert_ptr_nonnull(left);
	ck_assert_int_gt(fprintf(left, "%s", text), 0);
	ck_assert_int_eq(fclose(left), 0);
}

static void expect(const char *name, const char *text)
{
	FILE *there = fopen(path_of(name), "re");
	char found[64] = "";

	ck_assert_msg(there != NULL, "there is no %s", name);
	ck_assert_ptr_nonnull(fgets(found, sizeof(found), there));
	fclose(there);
	ck_assert_str_eq(found, text);
}

static unsigned int count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned int count = 0;

	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* `/etc/apparmor.d/usr.bin.tcpdump` of Debian's tcpdump 4.99.3-1, below "for -r, -F and -w": `**`
 * is what `*` is to fnmatch() that minds no slashes. */
static const char readable[] = "/*.[pP][cC][aA][pP]";

START_TEST(tcpdump_may_read_each_file)
{
	DIR *dir;

	for (int i = 0; i < 3; i++)
		begin("head");
	ck_assert_uint_eq(count_files(), 2);
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			ck_assert_msg(fnmatch(readable, path_of(entry->d_name), 0) == 0, "%s",
				      entry->d_name);
	closedir(dir);
}
END_TEST

START_TEST(files_of_the_earlier_name_have_their_places)
{
	leave("microseg.pcapng", "first");
	leave("microseg.1.pcapng", "second");
	leave("microseg.7.pcapng", "beyond");
	begin("head");
	expect("microseg.pcap", "head");
	expect("microseg.1.pcap", "first");
	ck_assert_uint_eq(count_files(), 2);
}
END_TEST

/* As after a version of before has been back for a while. */
START_TEST(a_file_of_the_earlier_name_goes_where_its_place_is_taken)
{
	leave("microseg.pcapng", "earlier");
	leave("microseg.pcap", "first");
	begin("head");
	expect("microseg.pcap", "head");
	expect("microseg.1.pcap", "first");
	ck_assert_uint_eq(count_files(), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture_file");
	TCase *tcase = tcase_create("file");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_file_that_took_nothing_was_not_begun);
	tcase_add_test(tcase, a_file_that_was_removed_is_gone);
	tcase_add_test(tcase, tcpdump_may_read_each_file);
	tcase_add_test(tcase, files_of_the_earlier_name_have_their_places);
	tcase_add_test(tcase, a_file_of_the_earlier_name_goes_where_its_place_is_taken);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
