/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own action plugins in a daemon, with clients that are real. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define FOLDER MS_NETNS_DIR "/plugins"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_site_setup(microsegd);
	/* The tests' own tmpfs, which anybody may write. */
	ck_assert_int_eq(chmod("/run", 0755), 0);
	ck_assert_int_eq(mkdir(FOLDER, 0755), 0);
}

/* A daemon with one plugin; rules may name its action. */
static void start(const char *plugin)
{
	char config[64];

	ms_netns_run_command("install -m 0755 " MS_TEST_PLUGIN_DIR "/%s.so " FOLDER "/", plugin);
	snprintf(config, sizeof(config), "plugins: { %s: {} }\n", plugin);
	ms_proc_write_config(microsegd, config);
	ms_proc_start(microsegd, "--plugin-dir", FOLDER, NULL);
}

/* One more rule in front of everything for port 80. */
static void rule(const char *action)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n  - { id: r, dir: in, proto: tcp, dport: 80, fallback: deny, "
		 "action: %s }\n",
		 action);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t stat_of(const char *plugin, const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", plugin, NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	return number ? json_integer_value(json_object_get(number, "value")) : -1;
}

static uint64_t received_by(const char *ifname)
{
	char text[32];

	return strtoull(
		ms_netns_read_command(text, sizeof(text),
				      "ip -s -j link show dev %s | grep -o '\"rx\":{\"bytes\":"
				      "[0-9]*,\"packets\":[0-9]*' | grep -o '[0-9]*$'",
				      ifname),
		NULL, 10);
}

START_TEST(a_rejected_client_is_refused_at_once)
{
	start("reject");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	rule("[reject, deny]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	/* The twin: denied without an answer. */
	rule("deny");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_over_the_rate_does_not_arrive)
{
	start("ratelimit");
	/* One byte a second: the first packet fits a full bucket, the next one has to wait for it.
	 */
	rule("[{ ratelimit: { bytes: 1, burst: 1 } }, allow]");
	ck_assert_int_ne(ms_site_reach(80, MS_SITE_GONE), 0);
	ck_assert_int_gt(stat_of("ratelimit", "excess"), 0);
	ck_assert_int_eq(stat_of("ratelimit", "within"), 1);
	rule("[{ ratelimit: { pps: 100000, burst: 1000 } }, allow]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(copies_follow_the_name_of_their_interface)
{
	uint64_t before;

	start("mirror");
	rule("[{ mirror: { to: tap0 } }, allow]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_gt(stat_of("mirror", "failed"), 0);
	ck_assert_int_eq(stat_of("mirror", "copied"), 0);
	/* It appears while the daemon runs, without an address of its own. */
	ms_netns_run_command("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
			     "ip link add tap0 type veth peer name tap1; "
			     "ip link set tap1 up; ip link set tap0 up");
	ms_ctl_do(microsegd, "status", NULL); /* the loop has been round */
	before = received_by("tap1");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_gt(stat_of("mirror", "copied"), 0);
	ck_assert_uint_eq(received_by("tap1") - before, (uint64_t)stat_of("mirror", "copied"));
	/* And goes: the packets themselves do not mind. */
	ms_netns_run_command("ip link del tap0");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/actions");
	TCase *tcase = tcase_create("actions");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_rejected_client_is_refused_at_once);
	tcase_add_test(tcase, what_is_over_the_rate_does_not_arrive);
	tcase_add_test(tcase, copies_follow_the_name_of_their_interface);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
