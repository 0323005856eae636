/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service manager's watchdog hears: the loop's word, in time also while a long policy is
 * compiled, and nothing from a loop that stands still. Words are counted, not their times held
 * against a clock: a busy machine makes them fewer a second, and a commit longer.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"

#define WATCHDOG_US "20000" /* a word is due every 10 ms */
#define SILENT 500          /* ms: many times that */
#define RULES "99900"       /* and those that are there: as many as there may be */
#define ENOUGH 40           /* words while they come in force: one is due every 10 ms */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	setenv("WATCHDOG_USEC", WATCHDOG_US, 1);
}

/* Does this word come, and not the other one before it, while something comes each `ms`? */
static bool hear_word(const char *word, const char *never, int ms)
{
	struct pollfd ready = { .fd = microsegd->notify_fd, .events = POLLIN };

	while (poll(&ready, 1, ms) == 1) {
		char text[512] = "";

		ck_assert_int_gt(recv(microsegd->notify_fd, text, sizeof(text) - 1, 0), 0);
		if (strcmp(text, word) == 0)
			return true;
		ck_assert_str_ne(text, never);
	}
	return false;
}

/* The next word to the watchdog. */
static bool hear(int ms)
{
	return hear_word("WATCHDOG=1", "", ms);
}

static void expect_words(void)
{
	for (int i = 0; i < 3; i++)
		ck_assert(hear(MS_SITE_SOON));
}

/* What is on its way already is heard. */
static void expect_silence(void)
{
	while (hear(0))
		;
	ck_assert(!hear(SILENT));
}

/* ---- a long policy ---- */

static void write_long_policy(void)
{
	ms_netns_run_command("( echo 'version: 1'; echo 'rules:'; seq " RULES " | awk '{ printf "
			     "\"  - { id: r/%%d, dir: in, from: 10.%%d.%%d.%%d, proto: tcp, dport: "
			     "%%d, action: deny }\\n\", $1, $1 / 65536, $1 / 256 %% 256, "
			     "$1 %% 256, 1000 + $1 %% 50000 }' ) >%s/policy.d/50-long.yaml",
			     microsegd->dir);
}

/* Shared with the process that applies it. */
struct applying {
	volatile bool is_done;
};

static void apply(void *user)
{
	struct applying *applying = user;

	ms_ctl_do(microsegd, "policy", "apply", NULL);
	applying->is_done = true;
	for (;;)
		pause();
}

START_TEST(it_is_told_in_time_while_a_long_policy_is_compiled)
{
	struct applying *applying = mmap(NULL, sizeof(*applying), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	json_auto_t *status = NULL;
	unsigned int words = 0;
	pid_t pid;

	ck_assert_ptr_ne(applying, MAP_FAILED);
	ms_proc_write_config(microsegd, "limits: { rules: 100000 }\n");
	ms_proc_start(microsegd, NULL);
	write_long_policy();
	expect_words();
	pid = ms_proc_fork(NULL, apply, applying);
	while (!applying->is_done) {
		ck_assert_msg(hear(30000), "nothing was heard for as long as the unit waits");
		words++;
	}
	ms_proc_end(pid);
	status = ms_ctl(microsegd, "status", NULL);
	ck_assert_int_gt(ms_ctl_int(json_array_get(status, 0), "rules"), atoi(RULES));
	/* A loop that only waits for the worker says one before each piece of the commit, 17. */
	ck_assert_uint_ge(words, ENOUGH);
	ms_proc_stop(microsegd);
}
END_TEST

/* Work that does not end is spoken for so often, and then no more. */
START_TEST(a_commit_that_never_ends_is_not_spoken_for)
{
	struct applying applying = { .is_done = false };
	unsigned int words = 0;
	pid_t pid;

	setenv("MS_TEST_HELD", microsegd->dir, 1);
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, NULL);
	/* Nobody ever opens its other end. */
	ms_netns_run_command("mkfifo %s/compile-there", microsegd->dir);
	expect_words();
	pid = ms_proc_fork(NULL, apply, &applying);
	while (words < 1000 && hear(SILENT))
		words++;
	ck_assert_uint_ge(words, 60);
	ck_assert_uint_lt(words, 1000);
	ck_assert(ms_proc_is_alive(microsegd));
	/* The interfaces that there are stay what they are. */
	ms_site_expect_enforced();
	ms_proc_kill(microsegd);
	ms_proc_end(pid);
}
END_TEST

/* ---- a loop that stands still ---- */

START_TEST(a_daemon_that_is_stopped_tells_nothing)
{
	ms_proc_start(microsegd, NULL);
	expect_words();
	ck_assert_int_eq(kill(microsegd->pid, SIGSTOP), 0);
	expect_silence();
	ck_assert_int_eq(kill(microsegd->pid, SIGCONT), 0);
	expect_words();
	ms_proc_stop(microsegd);
}
END_TEST

static bool hangs(void *user)
{
	while (hear(0)) /* what nobody hears keeps the loop from going on */
		;
	return ms_plugin_folder_hangs(user);
}

/* The process has other threads: they must not speak for the loop. */
START_TEST(a_loop_that_hangs_tells_nothing)
{
	pid_t loading;

	ms_plugin_folder_add("later_hangs");
	ms_plugin_folder_start(microsegd, "plugins: {}\n");
	expect_words();
	loading = ms_plugin_folder_begin_load(microsegd, "later_hangs");
	ck_assert(ms_netns_wait(hangs, microsegd, 10));
	expect_silence();
	ck_assert(ms_proc_is_alive(microsegd));
	ms_proc_kill(microsegd);
	ms_proc_end(loading);
}
END_TEST

/* ---- who does not listen ---- */

/* Its socket is full after a few words; the loop must not wait for room. */
START_TEST(a_manager_that_does_not_listen_holds_up_nothing)
{
	ms_proc_start(microsegd, NULL);
	ck_assert(!ms_netns_wait_exactly(ms_proc_has_ended, microsegd, 1));
	ms_ctl_do(microsegd, "status", NULL);
	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", NULL);
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	/* And what comes when it listens again is in time again. */
	while (hear(0))
		;
	expect_words();
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_reloaded(void *user)
{
	return ms_proc_logged(microsegd, user);
}

/* What it would say of a reload waits for room, not the loop; and then it says what holds. */
START_TEST(a_reload_is_told_when_there_is_room)
{
	char reloaded[] = "generation 2 in force";

	ms_proc_start(microsegd, NULL);
	ck_assert(!ms_netns_wait_exactly(ms_proc_has_ended, microsegd, 1));
	ms_proc_write_policy(microsegd, "20-more.yaml",
			     "version: 1\nsets: { more: [192.0.2.1] }\n");
	ms_proc_hangup(microsegd);
	ck_assert(ms_netns_wait(is_reloaded, reloaded, 10));
	ms_ctl_do(microsegd, "status", NULL);
	ck_assert(hear_word("READY=1", "RELOADING=1", MS_SITE_SOON));
	ms_proc_hangup(microsegd);
	ck_assert(hear_word("RELOADING=1", "READY=1", MS_SITE_SOON));
	ck_assert(hear_word("READY=1", "RELOADING=1", MS_SITE_SOON));
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- who asks for nothing ---- */

static const struct asked {
	const char *period, *pid;
} not_asked[] = {
	{ NULL, NULL },
	{ WATCHDOG_US, "1" }, /* another process */
	{ "soon", NULL },
};

START_TEST(who_does_not_ask_is_told_nothing)
{
	if (not_asked[_i].period)
		setenv("WATCHDOG_USEC", not_asked[_i].period, 1);
	else
		unsetenv("WATCHDOG_USEC");
	if (not_asked[_i].pid)
		setenv("WATCHDOG_PID", not_asked[_i].pid, 1);
	ms_proc_start(microsegd, NULL);
	ck_assert(!hear(SILENT));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/watchdog");
	TCase *tcase = tcase_create("watchdog");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, it_is_told_in_time_while_a_long_policy_is_compiled);
	tcase_add_test(tcase, a_commit_that_never_ends_is_not_spoken_for);
	tcase_add_test(tcase, a_daemon_that_is_stopped_tells_nothing);
	tcase_add_test(tcase, a_loop_that_hangs_tells_nothing);
	tcase_add_test(tcase, a_manager_that_does_not_listen_holds_up_nothing);
	tcase_add_test(tcase, a_reload_is_told_when_there_is_room);
	tcase_add_loop_test(tcase, who_does_not_ask_is_told_nothing, 0,
			    (int)ms_array_size(not_asked));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
