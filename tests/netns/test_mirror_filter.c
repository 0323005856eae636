/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plugin mirror has on the egress of a tap where the kernel has no TCX (before 6.6), so
 * that copies are shortened: a filter of its own, and as long as a rule wants it. What is there is
 * read from the kernel.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define BPFFS MS_NETNS_BPFFS "/microseg"
#define SNAP 100
#define LENGTH (14 + 28 + 1000) /* bytes of a whole copy */

static const char policy[] = "version: 1\n"
			     "groups:\n"
			     "  - { name: work, match: [{ name: \"veth-*\" }],\n"
			     "      default: { in: allow, out: allow } }\n";
/* The tap, too, is protected. */
static const char wider[] = "version: 1\n"
			    "groups:\n"
			    "  - { name: work, match: [{ name: \"veth-*\" }, { name: tap0 }],\n"
			    "      default: { in: allow, out: allow } }\n";
static const char short_rule[] = "version: 1\nrules:\n"
				 "  - { id: u, proto: udp, dport: 9000, fallback: deny,\n"
				 "      action: [{ mirror: { to: tap0, snap: 100 } }, allow] }\n";
static const char whole_rule[] = "version: 1\nrules:\n"
				 "  - { id: u, proto: udp, dport: 9000, fallback: deny,\n"
				 "      action: [{ mirror: { to: tap0 } }, allow] }\n";
static const char no_rule[] = "version: 1\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_netns_tap();
	ms_plugin_folder_add("mirror");
	ms_plugin_folder_without_tcx(MS_TEST_NO_TCX);
}

static void rule(const char *document)
{
	ms_proc_write_policy(microsegd, "05-action.yaml", document);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static void start(const char *document)
{
	ms_proc_write_policy(microsegd, "05-action.yaml", document);
	ms_plugin_folder_start(microsegd, "plugins: { mirror: {} }\n");
}

/* ---- what the kernel has ---- */

static const char *filters(void)
{
	return ms_netns_read_command(text, sizeof(text),
				     "tc filter show dev tap0 ingress; "
				     "tc filter show dev tap0 egress");
}

/* On either hook of the tap. */
static unsigned int count_ours(void)
{
	unsigned int count = 0;

	filters();
	for (const char *at = text; (at = strstr(at, " ms_action_mirror ")); at++)
		count++;
	return count;
}

static bool is_there(void *user)
{
	(void)user;
	return count_ours() == 1;
}

static bool is_gone(void *user)
{
	(void)user;
	return count_ours() == 0;
}

/* Of its program. */
static unsigned int read_id(void)
{
	const char *at;

	ck_assert_uint_eq(count_ours(), 1);
	at = strstr(text, "direct-action not_in_hw id ");
	ck_assert_msg(at != NULL, "%s", text);
	return (unsigned int)atoi(at + strlen("direct-action not_in_hw id "));
}

static bool has_clsact(void)
{
	return ms_netns_try_command("tc qdisc show dev tap0 | grep -q clsact") == 0;
}

static void expect_no_trace(void)
{
	ck_assert_str_eq(filters(), "");
	ck_assert(!has_clsact());
}

static uint64_t received(void)
{
	ms_netns_read_command(
		text, sizeof(text),
		"sed -n 's/.*tap1: *\\([0-9]*\\) .*/\\1/p' /proc/thread-self/net/dev");
	return strtoull(text, NULL, 10);
}

/* Bytes of a copy: of every one of some. */
static uint64_t copy_length(void)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	uint64_t before = received();
	char payload[1000] = { 0 };

	for (int sent = 0; sent < 4;)
		sent += send(fd, payload, sizeof(payload), 0) == sizeof(payload);
	return (received() - before) / 4;
}

/* ---- as long as a rule wants it ---- */

START_TEST(it_comes_and_goes_with_its_rule)
{
	start(whole_rule);
	ck_assert_uint_eq(copy_length(), LENGTH);
	expect_no_trace();
	rule(short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	ck_assert_msg(strstr(text, "pref 48 bpf chain 0 handle 0x6d73 ms_action_mirror"), "%s",
		      text);
	ck_assert_uint_eq(copy_length(), SNAP);
	rule(whole_rule);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	expect_no_trace();
	ck_assert_uint_eq(copy_length(), LENGTH);
	/* What is only asked about leaves nothing either. */
	ms_proc_write_policy(microsegd, "05-action.yaml", short_rule);
	ms_ctl_do(microsegd, "policy", "apply", "--dry-run", NULL);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	expect_no_trace();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(it_stays_without_the_daemon_and_is_taken_over)
{
	unsigned int before;

	start(short_rule);
	before = read_id();
	ms_proc_kill(microsegd);
	ck_assert_uint_eq(read_id(), before);
	ck_assert_uint_eq(copy_length(), SNAP);
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert_uint_ne(read_id(), before);
	ck_assert_msg(strstr(text, "handle 0x6d73 ms_action_mirror"), "%s", text);
	ck_assert_uint_eq(copy_length(), SNAP);
	/* The next one's rules want none. */
	ms_proc_kill(microsegd);
	ck_assert_uint_eq(count_ours(), 1);
	ms_proc_write_policy(microsegd, "05-action.yaml", no_rule);
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	expect_no_trace();
	ms_proc_stop(microsegd);
}
END_TEST

static void reload_with(const char *config, const char *document)
{
	ms_proc_write_config(microsegd, config);
	ms_proc_write_policy(microsegd, "05-action.yaml", document);
	ms_ctl_do(microsegd, "reload", NULL);
}

/* Which is not unloaded as long as a rule names it: at once with the last one. */
START_TEST(it_goes_with_the_plugin)
{
	start(short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	reload_with("plugins: {}\n", no_rule);
	expect_no_trace();
	reload_with("plugins: { mirror: {} }\n", short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	ck_assert_uint_eq(copy_length(), SNAP);
	ms_proc_stop(microsegd);
}
END_TEST

static void clean_up(const char *how)
{
	ms_netns_read_command(text, sizeof(text),
			      MS_TEST_BIN_DIR "/microsegctl cleanup %s --bpffs " BPFFS, how);
}

START_TEST(cleanup_takes_it_off)
{
	start(short_rule);
	ms_proc_stop(microsegd);
	clean_up("--dry-run");
	ck_assert_msg(strstr(text, "would remove tc egress of an action from tap0"), "%s", text);
	ck_assert_uint_eq(count_ours(), 1);
	clean_up("");
	ck_assert_msg(strstr(text, "removed tc egress of an action from tap0"), "%s", text);
	expect_no_trace();
	clean_up("");
	ck_assert_str_eq(text, "nothing of microseg is here");
}
END_TEST

/* ---- beside others' ---- */

START_TEST(what_others_have_there_stays)
{
	char before[4096];

	/* One of another kind has its priority. */
	ms_netns_run_command("tc qdisc add dev tap0 clsact; "
			     "tc filter add dev tap0 ingress bpf bytecode '1,6 0 0 0,'; "
			     "tc filter add dev tap0 egress protocol all prio 48 "
			     "u32 match u32 0 0");
	snprintf(before, sizeof(before), "%s", filters());
	start(short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	ck_assert_msg(strstr(text, "pref 49 bpf chain 0 handle 0x16d73 ms_action_mirror"), "%s",
		      text);
	ck_assert_uint_eq(copy_length(), SNAP);
	rule(whole_rule);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	ck_assert_str_eq(text, before);
	rule(short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	ms_proc_stop(microsegd);
	clean_up("");
	ck_assert_str_eq(filters(), before);
	ms_netns_run_command("tc filter del dev tap0 ingress; tc filter del dev tap0 egress");
	ck_assert(has_clsact());
}
END_TEST

static bool says(void *user)
{
	ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL);
	return strstr(text, user) != NULL;
}

/* It would take a filter for egress and run it at ingress. */
START_TEST(nothing_is_put_on_an_ingress_qdisc)
{
	ms_netns_run_command("tc qdisc add dev tap0 ingress");
	start(short_rule);
	ck_assert(ms_netns_wait(
		says,
		(void *)"nothing is copied to tap0: its copies cannot be shortened: an ingress "
			"qdisc is in the place of clsact",
		10));
	ck_assert_str_eq(filters(), "");
	ck_assert_uint_eq(copy_length(), 0);
	ms_netns_run_command("tc qdisc del dev tap0 ingress");
	ck_assert(ms_netns_wait(is_there, NULL, 10));
	ck_assert_uint_eq(copy_length(), SNAP);
	ms_proc_stop(microsegd);
}
END_TEST

/* Of the program's pin. */
static unsigned long read_inode(void)
{
	return strtoul(ms_netns_read_command(text, sizeof(text),
					     "stat -c %%i " BPFFS "/action-mirror/filter_*"),
		       NULL, 10);
}

START_TEST(it_is_put_back_when_somebody_took_it_off)
{
	unsigned long inode;

	start(short_rule);
	inode = read_inode();
	ck_assert_uint_ne(inode, 0);
	ms_netns_run_command("tc qdisc del dev tap0 clsact");
	ck_assert(ms_netns_wait(is_there, NULL, 10));
	ck_assert_uint_eq(copy_length(), SNAP);
	/* What is there stays, however often it is looked at. */
	ck_assert_uint_eq(read_inode(), inode);
	ms_proc_stop(microsegd);
}
END_TEST

static bool has_one_pin(void *user)
{
	(void)user;
	return strcmp(ms_netns_read_command(text, sizeof(text),
					    "ls " BPFFS "/action-mirror | grep -c filter_ || :"),
		      "1") == 0;
}

/* Before its pin had the name that it was to have; the interface may be gone for good. */
START_TEST(what_a_daemon_left_half_done_goes)
{
	start(short_rule);
	/* Killed while the plugin is told of its rules, it would be the plugin's fault. */
	ck_assert_uint_eq(copy_length(), SNAP);
	ms_proc_kill(microsegd);
	ms_netns_run_command("ln -s nowhere " BPFFS "/action-mirror/next_filter_4711; "
			     "ln -s nowhere " BPFFS "/action-mirror/next_filter_%u",
			     if_nametoindex("tap0"));
	ck_assert(!has_one_pin(NULL));
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert(ms_netns_wait(has_one_pin, NULL, 10));
	ck_assert_uint_eq(copy_length(), SNAP);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- another tap ---- */

START_TEST(it_follows_the_name_of_the_tap)
{
	start(short_rule);
	ms_netns_run_command("ip link del tap0");
	ck_assert(ms_netns_wait(says, (void *)"there is no such interface", 10));
	ms_netns_tap();
	ck_assert(ms_netns_wait(is_there, NULL, 10));
	ck_assert_uint_eq(copy_length(), SNAP);
	ck_assert(has_one_pin(NULL));
	ms_netns_run_command("ip link set tap0 down; ip link set tap0 name other0; "
			     "ip link set other0 up");
	ck_assert(ms_netns_wait(says, (void *)"there is no such interface", 10));
	ms_netns_run_command("! tc qdisc show dev other0 | grep clsact");
	ms_proc_stop(microsegd);
}
END_TEST

/* A protected interface is no tap: what was there for copies goes, and the qdisc, whoever of the
 * two made it, with the last of both. */
START_TEST(a_tap_may_become_protected_and_be_one_again)
{
	start(short_rule);
	ck_assert_uint_eq(count_ours(), 1);
	ms_proc_write_policy(microsegd, "10-test.yaml", wider);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_ctl_wait_iface(microsegd, "tap0", "protected");
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	ck_assert_msg(strstr(text, " ms_egress "), "%s", text);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(ms_netns_wait(is_there, NULL, 10));
	ck_assert_msg(!strstr(text, " ms_egress "), "%s", text);
	ck_assert_uint_eq(copy_length(), SNAP);
	rule(no_rule);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	expect_no_trace();
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/mirror_filter");
	TCase *tcase = tcase_create("mirror_filter");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, it_comes_and_goes_with_its_rule);
	tcase_add_test(tcase, it_stays_without_the_daemon_and_is_taken_over);
	tcase_add_test(tcase, it_goes_with_the_plugin);
	tcase_add_test(tcase, cleanup_takes_it_off);
	tcase_add_test(tcase, what_others_have_there_stays);
	tcase_add_test(tcase, nothing_is_put_on_an_ingress_qdisc);
	tcase_add_test(tcase, it_is_put_back_when_somebody_took_it_off);
	tcase_add_test(tcase, what_a_daemon_left_half_done_goes);
	tcase_add_test(tcase, it_follows_the_name_of_the_tap);
	tcase_add_test(tcase, a_tap_may_become_protected_and_be_one_again);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
