/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One daemon per network namespace, and nobody but root to say that there is one. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"

#define BUSY "a microsegd runs in this network namespace already"

static struct ms_proc one, two;

static void setup(void)
{
	ms_netns_setup();
	ms_proc_init(&one, "one");
	ms_proc_init(&two, "two");
}

struct squat {
	uid_t uid;
	int ready; /* a byte when the names are taken */
};

static void bind_name(const char *name, bool listens)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(addr.sun_path + 1, name, strlen(name));
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0 ||
	    (listens && listen(fd, 0) < 0))
		_exit(1);
}

static void squat(void *user)
{
	const struct squat *how = user;

	if (setresgid(how->uid, how->uid, how->uid) < 0 ||
	    setresuid(how->uid, how->uid, how->uid) < 0)
		_exit(1);
	bind_name("microseg/daemon", false);
	bind_name("microseg/daemon/0123456789abcdef", true);
	if (write(how->ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t start_squatter(uid_t uid)
{
	struct squat how = { .uid = uid };
	int ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	how.ready = ends[1];
	pid = ms_proc_fork(NULL, squat, &how);
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

START_TEST(a_second_daemon_is_refused)
{
	ms_proc_start(&one, NULL);
	ck_assert_int_eq(ms_proc_start_refused(&two, NULL), 1);
	ck_assert(ms_proc_logged(&two, BUSY));
	ck_assert_int_eq(ms_proc_start_refused(&two, "--cleanup", NULL), 1);
	ms_ctl_do(&one, "status", NULL);
	/* However it dies, the lock goes with it. */
	ms_proc_kill(&one);
	ms_proc_start(&two, NULL);
	ms_proc_stop(&two);
}
END_TEST

START_TEST(another_mount_namespace_is_the_same_network)
{
	pid_t squatter = _i ? start_squatter(65534) : 0;

	ms_proc_start(&one, NULL);
	ms_netns_run_command(
		"unshare -m sh -c 'mount -t tmpfs none /run && mkdir /run/p && >/run/c && "
		"! " MS_TEST_BIN_DIR "/microsegd --config /run/c --policy /run/p "
		"--run-dir /run/m --state-dir /run/s 2>/run/p.log && "
		"cat /run/p.log && grep -q \"" BUSY "\" /run/p.log'");
	ms_ctl_do(&one, "status", NULL);
	ms_proc_stop(&one);
	if (squatter)
		ms_proc_end(squatter);
}
END_TEST

START_TEST(who_is_not_root_cannot_block_the_start)
{
	pid_t squatter = start_squatter(65534);

	ms_proc_start(&one, NULL);
	ck_assert_int_eq(ms_proc_start_refused(&two, NULL), 1);
	ck_assert(ms_proc_logged(&two, BUSY));
	ms_proc_stop(&one);
	ck_assert_int_eq(ms_proc_start_refused(&one, "--cleanup", NULL), 0);
	ms_proc_end(squatter);
}
END_TEST

/* The twin, and an earlier version's name. */
START_TEST(root_holds_it)
{
	pid_t squatter = start_squatter(0);

	ck_assert_int_eq(ms_proc_start_refused(&one, NULL), 1);
	ck_assert(ms_proc_logged(&one, BUSY));
	ms_proc_end(squatter);
	ms_proc_start(&one, NULL);
	ms_proc_stop(&one);
}
END_TEST

START_TEST(another_network_is_another_daemon)
{
	ms_netns_add("b");
	ms_proc_start(&one, NULL);
	ms_netns_go("b");
	ms_proc_start(&two, "--bpffs", MS_NETNS_BPFFS "/two", NULL);
	ms_netns_go(NULL);
	ms_proc_stop(&two);
	ms_proc_stop(&one);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/lock");
	TCase *tcase = tcase_create("lock");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_second_daemon_is_refused);
	tcase_add_loop_test(tcase, another_mount_namespace_is_the_same_network, 0, 2);
	tcase_add_test(tcase, who_is_not_root_cannot_block_the_start);
	tcase_add_test(tcase, root_holds_it);
	tcase_add_test(tcase, another_network_is_another_daemon);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
