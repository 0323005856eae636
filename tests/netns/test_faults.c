/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel refuses is seen as refused, told, and tried again until it works. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define NO_BUFFERS MS_NETNS_DIR "/no-buffers"
#define ATTACHED MS_NETNS_DIR "/attached"
#define PAIRS 60
#define CALM_MS 20 /* MS_GAP_CALM_NS */
#define EXIT_NOT_AS_DESIRED 4

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static unsigned int filters_on(const char *ifname)
{
	char count[16];

	return (unsigned int)strtoul(
		ms_netns_read_command(count, sizeof(count),
				      "(tc filter show dev %s ingress; tc filter show dev %s "
				      "egress) | grep -c ' ms_.*direct-action' || :",
				      ifname, ifname),
		NULL, 10);
}

START_TEST(what_could_not_be_attached_is_shown_and_tried_again)
{
	char shown[4096];

	ms_netns_setup();
	ms_netns_add("a");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", ms_site_policy);
	setenv("MS_TEST_NO_BUFFERS", NO_BUFFERS, 1);
	ms_proc_start_program(microsegd, MS_TEST_FAILING_ATTACH, NULL);
	close(open(NO_BUFFERS, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server("a", 81);
	ms_ctl_wait_iface(microsegd, "veth-a", "failed");
	ck_assert_uint_eq(filters_on("veth-a"), 0);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_GONE), 0);
	ck_assert_int_eq(ms_ctl_status(microsegd, shown, sizeof(shown), "status", "--check", NULL),
			 EXIT_NOT_AS_DESIRED);
	ck_assert_msg(strstr(shown, "veth-a"), "%s", shown);

	unlink(NO_BUFFERS);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	ck_assert_uint_eq(filters_on("veth-a"), 2);
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_GONE), -ETIMEDOUT);
	json_decref(ms_ctl_event(microsegd, "shut", "deny"));
	ms_ctl_do(microsegd, "status", "--check", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool all_are_protected(void *user)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	(void)user;
	return ms_ctl_int(status, "0.interfaces.protected") >= PAIRS;
}

/* Whoever makes them holds the lock of the network, and each question waits for it. */
START_TEST(a_burst_is_not_asked_for_counters)
{
	unsigned int asked, all;
	char shown[64];
	int64_t began;

	ms_netns_setup();
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", ms_site_policy);
	setenv("MS_TEST_ATTACHED", ATTACHED, 1);
	ms_proc_start_program(microsegd, MS_TEST_FAILING_ATTACH, NULL);

	began = now_ms();
	ms_netns_run_command("for i in $(seq %d); do echo link add veth-$i up type veth peer name "
			     "p$i; done | ip -batch -",
			     PAIRS);
	ck_assert(ms_netns_wait(all_are_protected, NULL, 20));
	ms_netns_read_command(shown, sizeof(shown), "grep -c 1 " ATTACHED "; wc -l <" ATTACHED);
	ck_assert_int_eq(sscanf(shown, "%u %u", &asked, &all), 2);
	ck_assert_uint_ge(all, PAIRS);
	/* The first of them, and who came after a pause. */
	ck_assert_uint_ge(asked, 1);
	ck_assert_uint_le(asked, 1 + (now_ms() - began) / CALM_MS);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/faults");
	TCase *tcase = tcase_create("faults");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_could_not_be_attached_is_shown_and_tried_again);
	tcase_add_test(tcase, a_burst_is_not_asked_for_counters);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
