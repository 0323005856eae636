/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/state/file.h"
#include "tests/harness/ms_check.h"

static char dir[64], path[128];

static void set_up(void)
{
	strcpy(dir, "/tmp/ms-state-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
}

static void tear_down(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct ms_state *open_state(void)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_state *state;

	ck_assert_msg(ms_state_open(path, &state, &err) == 0, "%s", err.message);
	return state;
}

START_TEST(directory_is_made_private)
{
	struct stat st;

	ms_state_close(open_state());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
}
END_TEST

START_TEST(foreign_directory_is_refused)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_state *state = NULL;

	if (_i == 0)
		ck_assert_int_eq(symlink(dir, path), 0);
	else {
		ck_assert_int_eq(mkdir(path, 0700), 0);
		ck_assert_int_eq(chmod(path, 0777), 0);
	}
	ck_assert_int_lt(ms_state_open(path, &state, &err), 0);
	ck_assert(ms_error_is_set(&err));
	ck_assert_ptr_null(state);
}
END_TEST

START_TEST(generation_is_zero_until_saved)
{
	struct ms_state *state = open_state();

	ck_assert_uint_eq(ms_state_load_generation(state), 0);
	ck_assert_int_eq(ms_state_save_generation(state, 41), 0);
	ck_assert_uint_eq(ms_state_load_generation(state), 41);
	ms_state_close(state);
}
END_TEST

START_TEST(documents_come_back_byte_for_byte)
{
	static const char text[] =
		"version: 1\n# \xc3\xa4 \"quoted\"\ttab \\ \xe2\x82\xac\xf0\x9f\x98\x80\r\n"
		"\x01\x1f\x7f#";
	struct ms_state *state = open_state();
	struct ms_documents documents = MS_DOCUMENTS_INIT, back;
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_state_load_documents(state, MS_STATE_APPLIED, &back, &err), -ENOENT);
	ck_assert_int_eq(ms_documents_add(&documents, "10-a.yaml", text, sizeof(text) - 1), 0);
	ck_assert_int_eq(ms_documents_add(&documents, "20-b.yaml", "", 0), 0);
	ck_assert_int_eq(ms_state_stage_documents(state, MS_STATE_APPLIED, &documents), 0);
	ck_assert_int_eq(ms_state_load_documents(state, MS_STATE_APPLIED, &back, &err), -ENOENT);
	ck_assert_int_eq(ms_state_settle_documents(state, MS_STATE_APPLIED), 0);
	ck_assert_int_eq(ms_state_load_documents(state, MS_STATE_APPLIED, &back, &err), 0);
	ck_assert_uint_eq(back.count, 2);
	ck_assert_str_eq(back.items[0].name, "10-a.yaml");
	ck_assert_uint_eq(back.items[0].length, sizeof(text) - 1);
	ck_assert_mem_eq(back.items[0].text, text, sizeof(text));
	ck_assert_int_eq(ms_state_forget_documents(state, MS_STATE_APPLIED), 0);
	ck_assert_int_eq(ms_state_forget_documents(state, MS_STATE_APPLIED), 0);
	ms_documents_fini(&back);
	ms_documents_fini(&documents);
	ms_state_close(state);
}
END_TEST

/* Longer than what is written at a time, and with something to escape in every place. */
START_TEST(long_documents_come_back_byte_for_byte)
{
	struct ms_state *state = open_state();
	struct ms_documents documents = MS_DOCUMENTS_INIT, back;
	struct ms_error err = MS_ERROR_INIT;
	size_t length = 300000;
	char *text = malloc(length);

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < length; i++)
		text[i] = i % 11 ? (char)(0x20 + i % 0x5f) : "\n\"\\"[i % 3];
	ck_assert_int_eq(ms_documents_add(&documents, "10-long.yaml", text, length), 0);
	ck_assert_int_eq(ms_state_stage_documents(state, MS_STATE_LAST_GOOD, &documents), 0);
	ck_assert_int_eq(ms_state_settle_documents(state, MS_STATE_LAST_GOOD), 0);
	ck_assert_int_eq(ms_state_load_documents(state, MS_STATE_LAST_GOOD, &back, &err), 0);
	ck_assert_uint_eq(back.items[0].length, length);
	ck_assert_mem_eq(back.items[0].text, text, length);
	ms_documents_fini(&back);
	ms_documents_fini(&documents);
	free(text);
	ms_state_close(state);
}
END_TEST

static const struct {
	const char *name, *text;
	size_t length;
} unfit[] = {
	{ "10-a.yaml", "version: 1\n# \xff\n", 15 },
	{ "10-a.yaml", "version: 1\n# \xc3", 14 },
	{ "10-a.yaml", "version: 1\n\0\n", 13 },
	{ "10-\xff.yaml", "version: 1\n", 11 },
};

/* What a start could not read back is not written, and what was there stays. */
START_TEST(documents_that_no_file_can_hold_are_refused)
{
	struct ms_state *state = open_state();
	struct ms_documents good = MS_DOCUMENTS_INIT, bad = MS_DOCUMENTS_INIT, back;
	struct ms_error err = MS_ERROR_INIT;
	char staged[160];

	ck_assert_int_eq(ms_documents_add(&good, "10-a.yaml", "version: 1\n", 11), 0);
	ck_assert_int_eq(ms_state_stage_documents(state, MS_STATE_LAST_GOOD, &good), 0);
	ck_assert_int_eq(ms_state_settle_documents(state, MS_STATE_LAST_GOOD), 0);
	ck_assert_int_eq(ms_documents_add(&bad, unfit[_i].name, unfit[_i].text, unfit[_i].length),
			 0);
	ck_assert_int_eq(ms_state_stage_documents(state, MS_STATE_LAST_GOOD, &bad), -EINVAL);
	snprintf(staged, sizeof(staged), "%s/.last-good.json.new", path);
	ck_assert_int_lt(access(staged, F_OK), 0);
	ck_assert_int_eq(ms_state_load_documents(state, MS_STATE_LAST_GOOD, &back, &err), 0);
	ck_assert_str_eq(back.items[0].text, "version: 1\n");
	ms_documents_fini(&back);
	ms_documents_fini(&good);
	ms_documents_fini(&bad);
	ms_state_close(state);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(ms_state_file_write(dir_fd, name, text, strlen(text)), 0);
	close(dir_fd);
}

START_TEST(directory_is_read_in_byte_order_and_only_documents)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_documents documents;
	char names[64];

	write_file("20-b.yml", "b");
	write_file("10-a.yaml", "a");
	write_file("Z.json", "z");
	write_file("notes.txt", "x");
	write_file(".hidden.yaml", "x");
	write_file("10-a.yaml~", "x");
	ck_assert_int_eq(ms_documents_read(dir, &documents, &err), 0);
	ck_assert_str_eq(ms_documents_names(&documents, names, sizeof(names)),
			 "10-a.yaml 20-b.yml Z.json");
	ms_documents_fini(&documents);
}
END_TEST

START_TEST(pipe_in_the_directory_is_refused_not_waited_for)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	char fifo[160];

	snprintf(fifo, sizeof(fifo), "%s/10-pipe.yaml", dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_lt(ms_documents_read(dir, &documents, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.message, "10-pipe.yaml"));
}
END_TEST

/* -ENOENT means "nobody has written a policy", and that policy allows everything. */
START_TEST(link_that_points_nowhere_is_not_an_absent_policy)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	char link[96];

	ck_assert_int_eq(ms_documents_read(path, &documents, NULL), -ENOENT);
	snprintf(link, sizeof(link), "%s/10-db.yaml", dir);
	ck_assert_int_eq(symlink("/nowhere/10-db.yaml", link), 0);
	ck_assert_int_eq(ms_documents_read(_i == 0 ? dir : link, &documents, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.message, "10-db.yaml"));
	ck_assert_uint_eq(documents.count, 0);
}
END_TEST

START_TEST(read_stops_at_its_limit)
{
	char *text = NULL;
	size_t length;
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

	write_file("big", "0123456789");
	ck_assert_int_eq(ms_state_file_read(dir_fd, "big", 9, &text, &length), -EFBIG);
	ck_assert_int_eq(ms_state_file_read(dir_fd, "big", 10, &text, &length), 0);
	ck_assert_uint_eq(length, 10);
	ck_assert_str_eq(text, "0123456789");
	free(text);
	close(dir_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state/state");
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, directory_is_made_private);
	tcase_add_loop_test(tcase, foreign_directory_is_refused, 0, 2);
	tcase_add_test(tcase, generation_is_zero_until_saved);
	tcase_add_test(tcase, documents_come_back_byte_for_byte);
	tcase_add_test(tcase, long_documents_come_back_byte_for_byte);
	tcase_add_loop_test(tcase, documents_that_no_file_can_hold_are_refused, 0,
			    sizeof(unfit) / sizeof(unfit[0]));
	tcase_add_test(tcase, directory_is_read_in_byte_order_and_only_documents);
	tcase_add_test(tcase, pipe_in_the_directory_is_refused_not_waited_for);
	tcase_add_loop_test(tcase, link_that_points_nowhere_is_not_an_absent_policy, 0, 2);
	tcase_add_test(tcase, read_stops_at_its_limit);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
