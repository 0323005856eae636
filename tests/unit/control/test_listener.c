/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

static struct ms_control_listener listener = MS_CONTROL_LISTENER_INIT;
static char path[64];

static void set_up(void)
{
	snprintf(path, sizeof(path), "/tmp/ms-listener-%d.sock", getpid());
}

static void tear_down(void)
{
	ms_control_listener_close(&listener);
	unlink(path);
}

static int open_again(struct ms_error *err)
{
	struct ms_control_listener other = MS_CONTROL_LISTENER_INIT;
	int r = ms_control_listener_open(path, &other, err);

	ms_control_listener_close(&other);
	return r;
}

START_TEST(mode_lets_in_owner_and_group_only)
{
	const struct group *group = getgrnam(MS_CONTROL_GROUP);
	struct stat st;

	ck_assert_int_eq(ms_control_listener_open(path, &listener, NULL), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, group ? 0660 : 0600);
	if (group)
		ck_assert_uint_eq(st.st_gid, group->gr_gid);
}
END_TEST

START_TEST(closing_removes_the_file)
{
	ck_assert_int_eq(ms_control_listener_open(path, &listener, NULL), 0);
	ms_control_listener_close(&listener);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_living_daemons_socket_is_left_alone)
{
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_control_listener_open(path, &listener, NULL), 0);
	ck_assert_int_eq(open_again(&err), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.message, "another microsegd answers"));
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_dead_daemons_socket_is_replaced)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	ck_assert_int_eq(open_again(NULL), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
	struct ms_error err = MS_ERROR_INIT;
	char target[80];

	close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600));
	ck_assert_int_eq(open_again(&err), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* Nor is a link to a socket followed. */
	unlink(path);
	snprintf(target, sizeof(target), "%s.real", path);
	ck_assert_int_eq(ms_control_listener_open(target, &listener, NULL), 0);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(open_again(NULL), -EEXIST);
	ck_assert_int_eq(access(target, F_OK), 0);
}
END_TEST

/* Another daemon took the name over: its socket is not ours to remove. */
START_TEST(anothers_file_survives_our_end)
{
	ck_assert_int_eq(ms_control_listener_open(path, &listener, NULL), 0);
	unlink(path);
	close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600));
	ms_control_listener_close(&listener);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_refused)
{
	char name[200];
	struct ms_error err = MS_ERROR_INIT;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(ms_control_listener_open(name, &listener, &err), -ENAMETOOLONG);
	ck_assert(err.message[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/listener");
	TCase *tcase = tcase_create("listener");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, mode_lets_in_owner_and_group_only);
	tcase_add_test(tcase, closing_removes_the_file);
	tcase_add_test(tcase, a_living_daemons_socket_is_left_alone);
	tcase_add_test(tcase, a_dead_daemons_socket_is_replaced);
	tcase_add_test(tcase, what_is_no_socket_is_left_alone);
	tcase_add_test(tcase, anothers_file_survives_our_end);
	tcase_add_test(tcase, a_name_that_is_too_long_is_refused);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
