/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel refuses is seen as refused, told, and tried again until it works. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define NO_BUFFERS MS_NETNS_DIR "/no-buffers"
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

int main(void)
{
	Suite *suite = suite_create("netns/faults");
	TCase *tcase = tcase_create("faults");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_could_not_be_attached_is_shown_and_tried_again);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
