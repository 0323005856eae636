/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is not as desired, and whether a person can see it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"  - { name: tried, match: { kind: loopback }, default: { in: allow, out: allow }, "
	"mode: audit }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
}

static bool has_problem(const char *part)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	ms_cleanup(ms_free) char *text = json_dumps(ms_ctl_at(status, "0.problems"), 0);

	return strstr(text, part) != NULL;
}

static bool sweep_fails(void *user)
{
	return has_problem("sessions are not swept: Input/output error") == *(bool *)user;
}

static int check_status(void)
{
	char text[4096];

	return ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL);
}

START_TEST(a_sweep_that_fails_is_seen)
{
	bool expected = true;
	char file[256], lines[16];

	snprintf(file, sizeof(file), "%s/no-sweep", microsegd->dir);
	setenv("MS_TEST_NO_SWEEP_FILE", file, 1);
	ms_proc_start_program(microsegd, MS_TEST_NO_SWEEP, NULL);
	ck_assert_int_eq(check_status(), 0);
	ms_netns_run_command("touch %s", file);
	ck_assert_msg(ms_netns_wait(sweep_fails, &expected, 10), "status says nothing");
	ck_assert_int_eq(check_status(), 4);
	ms_netns_run_command("rm %s", file);
	expected = false;
	ck_assert_msg(ms_netns_wait(sweep_fails, &expected, 10), "status still complains");
	ck_assert_int_eq(check_status(), 0);
	/* Once in the log, however many steps failed. */
	ms_netns_read_command(lines, sizeof(lines), "grep -c 'are not swept' %s/daemon.log",
			      microsegd->dir);
	ck_assert_str_eq(lines, "1");
	ck_assert(ms_proc_logged(microsegd, "sessions are swept again"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/health");
	TCase *tcase = tcase_create("health");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_sweep_that_fails_is_seen);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
