/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugins in a daemon. The rule of every test lets a port pass through the action `tally` and
 * denies it where that action is missing, so a connection tells which it was.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"
#include "tests/plugins/faulty.h"

#define GUARDED "10.1.0.2"
#define KEPT MS_NETNS_BPFFS "/microseg/action-tally/tally_seen"
#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: counted, group: work, dir: in, proto: tcp, dport: 80,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n"
	"  - { id: datagrams, group: work, dir: in, proto: udp, dport: 9,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n"
	"  - { id: plain, group: work, dir: in, proto: tcp, dport: 81, action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void start(const char *config)
{
	ms_plugin_folder_start(microsegd, config);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("tally");
}

static void expect_acting(void)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 81, SOON), 0);
}

static json_int_t missing(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "stats", NULL);
	json_t *reason = ms_ctl_find(lines, "reasons", "reason", "missing_action");

	return reason ? json_integer_value(json_object_get(reason, "denied_packets")) : 0;
}

static void expect_fallback(void)
{
	json_int_t before = missing();

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, GONE), -ETIMEDOUT);
	ck_assert_int_gt(missing(), before);
	/* Other rules hold. */
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 81, SOON), 0);
}

static void expect_state(const char *name, const char *state, const char *reason)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);
	json_t *entry = ms_ctl_find(lines, "plugins", "name", name);
	const char *why;

	ck_assert_msg(entry != NULL, "%s is not listed", name);
	why = json_string_value(json_object_get(entry, "reason"));
	ck_assert_msg(strcmp(ms_ctl_text(entry, "state"), state) == 0, "%s: %s", name,
		      why ? why : "no reason");
	if (reason)
		ck_assert_msg(why && strstr(why, reason), "%s: %s", name, why ? why : "no reason");
}

/* Packets that the action has counted under counter 3, in the map that it keeps. */
static uint64_t tallied(void)
{
	ms_cleanup(ms_close_fd) int fd = bpf_obj_get(KEPT);
	uint64_t value = 0;
	uint32_t key = 3;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_map_lookup_elem(fd, &key, &value), 0);
	return value;
}

START_TEST(a_loaded_action_acts)
{
	json_auto_t *traced = NULL;
	uint64_t before;

	start("plugins: { tally: {} }\n");
	expect_state("tally", "loaded", NULL);
	/* Before there is a connection, whose last packets come when they like. */
	before = tallied();
	traced = ms_ctl(microsegd, "trace", "tcp 10.1.0.1:4000 > 10.1.0.2:80 syn", "--iface",
			"veth-a", "--dir", "in", NULL);
	ck_assert_str_eq(json_string_value(json_array_get(
				 json_object_get(json_array_get(traced, 0), "actions"), 0)),
			 "tally");
	ck_assert_uint_eq(tallied(), before);
	expect_acting();
	ck_assert(!ms_proc_logged(microsegd, "is on its fallback"));
	ck_assert_uint_gt(tallied(), before);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_not_named_is_not_loaded)
{
	static const char *const verbs[] = { "show", "reload" };

	start("");
	expect_fallback();
	ck_assert(ms_proc_logged(microsegd, "is on its fallback, deny"));
	for (size_t i = 0; i < ms_array_size(verbs); i++) {
		ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "plugin", verbs[i],
					       "tally", NULL),
				 1);
		ck_assert_msg(strstr(text, "no plugin 'tally' is loaded, but its file is there: "
					   "see `microsegctl plugin probe` and `plugin load`"),
			      "%s", text);
		/* Nor is anybody told of files elsewhere. */
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", verbs[i], "./tally", NULL);
		ck_assert_msg(strstr(text, "no plugin './tally' is loaded\""), "%s", text);
	}
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_acting();
	ck_assert(ms_proc_logged(microsegd, "no rule is on its fallback any more"));
	ms_proc_stop(microsegd);
}
END_TEST

/* Where note or file are wrong, no code of it may run, its constructor's neither. */
enum runs { NEVER, RUNS };
static const struct {
	const char *name, *says;
	enum runs runs;
	const char *spoil; /* a command, NULL = the file alone is the fault */
} faults[] = {
	{ "abi_major", "is for plugin ABI 9.4", NEVER, NULL },
	{ "abi_minor", "is for plugin ABI 1.77", NEVER, NULL },
	{ "struct_size", "have not the sizes of plugin ABI 1.4", NEVER, NULL },
	{ "no_note", "has no note of microseg", NEVER, NULL },
	{ "runpath", "has a RUNPATH", NEVER, NULL },
	{ "fine", "can be written by others than root", NEVER,
	  "chmod 0757 " MS_PLUGIN_FOLDER "/fine.so" },
	{ "fine", "belongs to uid 65534, not to root", NEVER,
	  "chown 65534 " MS_PLUGIN_FOLDER "/fine.so" },
	{ "fine", "is a symbolic link", NEVER,
	  "mv " MS_PLUGIN_FOLDER "/fine.so " MS_PLUGIN_FOLDER "/x && ln -s x " MS_PLUGIN_FOLDER
	  "/fine.so" },
	{ "fine", "has another name elsewhere", NEVER,
	  "ln " MS_PLUGIN_FOLDER "/fine.so " MS_PLUGIN_FOLDER "/other.so" },
	{ "no_destroy", "it has no destroy()", RUNS, NULL },
	{ "bad_type", "item rate is of type 99", RUNS, NULL },
	{ "create_fails", "no more of these", RUNS, NULL },
	{ "create_crashes", "crashed while it was set up", RUNS, NULL },
	{ "load_crashes", "crashed while it loaded its action", RUNS, NULL },
	{ "create_hangs", "did not come back within 10 s while it was set up", RUNS, NULL },
	{ "unverifiable", "the verifier said no", RUNS, NULL },
	{ "own_code", "of its own", RUNS, NULL },
	{ "start_fails", "start_fails: not today", RUNS, NULL },
	{ "twin", "plugin tally has an action tally already", RUNS, NULL },
};

START_TEST(a_faulty_one_leaves_the_daemon_and_the_others_alone)
{
	char config[128];
	pid_t pid;

	ms_plugin_folder_add(faults[_i].name);
	if (faults[_i].spoil)
		ms_netns_run_command("%s", faults[_i].spoil);
	snprintf(config, sizeof(config), "plugins: { tally: {}, %s: {} }\n", faults[_i].name);
	start(config);
	pid = microsegd->pid;
	expect_state("tally", "loaded", NULL);
	expect_state(faults[_i].name, "failed", faults[_i].says);
	expect_acting();
	/* And the same asked of a daemon that runs. */
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load",
				       faults[_i].name, NULL),
			 1);
	ck_assert_msg(strstr(text, faults[_i].says) != NULL, "%s", text);
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ck_assert_msg((access(MS_TEST_CONSTRUCTOR_MARK, F_OK) == 0) == (faults[_i].runs == RUNS),
		      "%s: its constructor %s", faults[_i].name,
		      faults[_i].runs == RUNS ? "did not run" : "ran");
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* The descriptor of a file that was loaded and failed must not stand for the next one. */
START_TEST(one_that_failed_is_not_taken_for_another)
{
	ms_plugin_folder_add("start_fails");
	ms_plugin_folder_add("fine");
	start("plugins: { start_fails: {}, fine: {}, tally: {} }\n");
	expect_state("start_fails", "failed", "not today");
	expect_state("fine", "loaded", NULL);
	expect_state("tally", "loaded", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_folder_that_others_may_write_is_not_used)
{
	pid_t pid;

	ms_plugin_folder_add("fine");
	ck_assert_int_eq(chmod(MS_PLUGIN_FOLDER, 0777), 0);
	start("plugins: { tally: {}, fine: {} }\n");
	pid = microsegd->pid;
	expect_state("tally", "failed", "can be written by others than root");
	expect_state("fine", "failed", "can be written by others than root");
	expect_fallback();
	ck_assert_int_ne(access(MS_TEST_CONSTRUCTOR_MARK, F_OK), 0);
	ck_assert_int_eq(chmod(MS_PLUGIN_FOLDER, 0755), 0);
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	ms_ctl_do(microsegd, "plugin", "load", "fine", NULL);
	expect_state("tally", "loaded", NULL);
	expect_acting();
	/* The mark tells. */
	ck_assert_int_eq(access(MS_TEST_CONSTRUCTOR_MARK, F_OK), 0);
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(configuration_is_refused_with_its_place)
{
	ms_plugin_folder_add("fine");
	start("plugins:\n  fine: { rate: 0 }\n");
	expect_state("fine", "failed", "microseg.yaml:2:11: fine: its configuration: rate must");
	ms_proc_stop(microsegd);
	ms_proc_write_config(microsegd, "plugins:\n  fine: { pace: 10 }\n");
	ms_plugin_folder_start(microsegd, NULL);
	expect_state(
		"fine", "failed",
		"microseg.yaml:2:11: fine: its configuration: there is no item 'pace': there are rate");
	ms_proc_stop(microsegd);
}
END_TEST

/* Before a restart with it, which would put its rules on their fallback. */
START_TEST(check_config_tries_plugins_too)
{
	ms_plugin_folder_add("fine");
	ms_proc_write_config(microsegd, "plugins:\n  fine: { rate: 10 }\n");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, "--check-config", "--plugin-dir",
					       MS_PLUGIN_FOLDER, NULL),
			 0);
	ms_proc_write_config(microsegd, "plugins:\n  fine: { rate: 0 }\n");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, "--check-config", "--plugin-dir",
					       MS_PLUGIN_FOLDER, NULL),
			 1);
	ck_assert(ms_proc_logged(microsegd, "microseg.yaml:2:11: fine: its configuration: rate"));
	ms_proc_write_config(microsegd, "plugins: { nosuch: {} }\n");
	ck_assert_int_eq(ms_proc_start_refused(microsegd, "--check-config", "--plugin-dir",
					       MS_PLUGIN_FOLDER, NULL),
			 1);
}
END_TEST

START_TEST(arguments_are_refused_with_their_place)
{
	static const struct {
		const char *action, *says;
	} wrong[] = {
		{ "{ tally: 16 }", "20-more.yaml:3:72: counter must not be above 15" },
		{ "{ tally: x }", "20-more.yaml:3:72: counter must be a whole number, not 'x'" },
		{ "{ tally: { count: 1 } }", "20-more.yaml:3:74: there is no item 'count'" },
	};
	char more[512];

	start("plugins: { tally: {} }\n");
	for (size_t i = 0; i < ms_array_size(wrong); i++) {
		snprintf(
			more, sizeof(more),
			"version: 1\nrules:\n"
			"  - { id: more, dir: in, proto: tcp, dport: 82, fallback: deny, action: [%s, "
			"allow] }\n",
			wrong[i].action);
		ms_proc_write_policy(microsegd, "20-more.yaml", more);
		ck_assert_int_eq(
			ms_ctl_status(microsegd, text, sizeof(text), "policy", "apply", NULL), 1);
		ck_assert_msg(strstr(text, strchr(wrong[i].says, ' ') + 1) != NULL, "%s: %s",
			      wrong[i].says, text);
		ck_assert_msg(strstr(text, "\"line\": 3") || strstr(text, "\"line\":3"), "%s",
			      text);
		ck_assert_ptr_nonnull(strstr(text, "20-more.yaml"));
		expect_acting();
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(one_in_use_is_not_unloaded)
{
	start("plugins: { tally: {} }\n");
	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "plugin", "unload", "tally", NULL), 1);
	ck_assert_msg(strstr(text, "rule counted names it"), "%s", text);
	ck_assert_msg(strstr(text, "\"code\":\"refused\""), "%s", text);
	expect_acting();
	ms_proc_write_policy(microsegd, "10-test.yaml",
			     "version: 1\ngroups:\n  - { name: work, match: { name: \"veth-*\" }, "
			     "default: { in: allow, out: allow } }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_ctl_do(microsegd, "plugin", "unload", "tally", NULL);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_fallback();
	ms_ctl_do(microsegd, "plugin", "load", "tally", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* They are judged beside what is compiled, in two banks by turns: lists are found in both. */
START_TEST(a_rule_that_comes_later_leaves_lists_alone)
{
	uint64_t before;

	start("plugins: { tally: {} }\n");
	for (int i = 0; i < 4; i++) {
		ms_ctl_do(microsegd, "rule", "add", "--proto", "tcp", "--dport", "9", "deny", NULL);
		before = tallied();
		ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, 80, SOON), 0);
		ck_assert_uint_gt(tallied(), before);
	}
	ck_assert_int_eq(missing(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_reload_under_a_flow_loses_nothing)
{
	struct ms_traffic_pump *pump;

	start("plugins: { tally: {} }\n");
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 0);
	for (int i = 0; i < 20; i++) {
		ms_ctl_do(microsegd, "plugin", "reload", "tally", NULL);
		ck_assert(ms_traffic_pump_advances(pump, 20));
	}
	ck_assert_int_eq(pump->error, 0);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_int_eq(missing(), 0);
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a thousand reloads ---- */

#define RELOADS MS_CHECK_ROUNDS(1000)

/* Shared with the sender: how many datagrams it has sent, and that it is to stop. */
struct sending {
	volatile uint64_t sent;
	volatile bool is_over, has_ended;
};

static void send_datagrams(void *user)
{
	struct sending *sending = user;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, GUARDED, &to.sin_addr);
	/* Not connected: what comes back does not keep the next one from being sent. */
	while (!sending->is_over) {
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1)
			sending->sent++;
		sched_yield();
	}
	sending->has_ended = true;
	for (;;)
		pause();
}

static bool has_ended(void *user)
{
	return ((struct sending *)user)->has_ended;
}

/* Other tests may run the same action: ours has the map that we keep. */
static bool is_ours(const struct bpf_prog_info *info, const uint32_t *maps)
{
	ms_cleanup(ms_close_fd) int fd = bpf_obj_get(KEPT);
	struct bpf_map_info kept = { 0 };
	uint32_t length = sizeof(kept);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &kept, &length), 0);
	for (uint32_t i = 0; i < info->nr_map_ids; i++) {
		if (maps[i] == kept.id)
			return true;
	}
	return false;
}

/* Programs of the action that the kernel still has. */
static unsigned int count_programs(void)
{
	unsigned int count = 0;
	uint32_t id = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		ms_cleanup(ms_close_fd) int fd = bpf_prog_get_fd_by_id(id);
		uint32_t maps[64];
		struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (uintptr_t)maps };
		uint32_t length = sizeof(info);

		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &length) == 0 &&
		    strcmp(info.name, "tally") == 0)
			count += is_ours(&info, maps);
	}
	return count;
}

static unsigned int count_pins(void)
{
	char buf[32];

	ms_netns_read_command(buf, sizeof(buf), "find " MS_NETNS_BPFFS "/microseg | wc -l");
	return (unsigned int)atoi(buf);
}

/* The old ones go when no packet can be in them any more. */
static bool is_one_left(void *user)
{
	return count_programs() == 1 && count_pins() == *(unsigned int *)user;
}

/* The command that came last may still have its connection. */
static bool has_no_more_open(void *user)
{
	return ms_proc_open_fds(microsegd) <= *(unsigned int *)user;
}

START_TEST(a_thousand_reloads_lose_no_packet_and_leak_nothing)
{
	struct sending *sending = mmap(NULL, sizeof(*sending), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int fds = 0, pins;
	uint64_t before;
	size_t rss = 0;
	pid_t sender;

	ck_assert_ptr_ne(sending, MAP_FAILED);
	start("plugins: { tally: {} }\n");
	pins = count_pins();
	before = tallied();
	sender = ms_proc_fork(NULL, send_datagrams, sending);
	for (int i = 0; i < RELOADS; i++) {
		/* By then all that is made once is there. */
		if (i == RELOADS / 10) {
			rss = ms_proc_rss_bytes(microsegd);
			fds = ms_proc_open_fds(microsegd);
		}
		ms_ctl_do(microsegd, "plugin", "reload", "tally", NULL);
	}
	sending->is_over = true;
	ck_assert(ms_netns_wait(has_ended, sending, 10));
	ms_proc_end(sender);
	ck_assert_uint_gt(sending->sent, RELOADS);
	ck_assert_uint_eq(tallied() - before, sending->sent);
	ck_assert_int_eq(missing(), 0);
	/* A map lives by a program, a descriptor or a pin: none of them is more than there were. */
	ck_assert(ms_netns_wait(has_no_more_open, &fds, 10));
	ck_assert(ms_netns_wait(is_one_left, &pins, 10));
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed for a while */
	ck_assert_uint_lt(ms_proc_rss_bytes(microsegd), rss + (512u << 10));
#else
	(void)rss;
#endif
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(it_acts_on_without_the_daemon)
{
	uint64_t before;

	start("plugins: { tally: {} }\n");
	expect_acting();
	ms_proc_kill(microsegd);
	before = tallied();
	expect_acting();
	ck_assert_uint_gt(tallied(), before);
	before = tallied();
	start("plugins: { tally: {} }\n");
	expect_acting();
	ck_assert_int_eq(missing(), 0);
	/* In the same map, which the plugin keeps. */
	ck_assert_uint_gt(tallied(), before);
	/* A daemon that is not told of it any more takes it out. */
	ms_proc_stop(microsegd);
	start("");
	expect_fallback();
	ms_proc_stop(microsegd);
	ck_assert_int_eq(ms_proc_start_refused(microsegd, "--cleanup", NULL), 0);
	ck_assert_int_lt(access(MS_NETNS_BPFFS "/microseg", F_OK), 0);
}
END_TEST

/* start() is not tried: a plugin that crashes there does so in the daemon. */
START_TEST(one_that_took_the_daemon_down_is_left_alone)
{
	ms_plugin_folder_add("start_crashes");
	start("plugins: { tally: {} }\n");
	ms_ctl_status(microsegd, text, sizeof(text), "plugin", "load", "start_crashes", NULL);
	ck_assert(ms_netns_wait(ms_proc_has_ended, microsegd, 10));
	ms_proc_kill(microsegd);
	expect_acting();
	start("plugins: { tally: {}, start_crashes: {} }\n");
	expect_state("start_crashes", "failed",
		     "the last daemon ended while this plugin was started");
	expect_state("tally", "loaded", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

/* The service's watchdog ends a daemon that hangs, with a signal as here. */
START_TEST(one_that_hangs_later_harms_no_packet_and_is_left_alone)
{
	pid_t loading;

	ms_plugin_folder_add("later_hangs");
	start("plugins: { tally: {} }\n");
	loading = ms_plugin_folder_begin_load(microsegd, "later_hangs");
	ck_assert(ms_netns_wait(ms_plugin_folder_hangs, microsegd, 10));
	expect_acting();
	ms_proc_kill(microsegd);
	ms_proc_end(loading);
	expect_acting();
	start("plugins: { tally: {}, later_hangs: {} }\n");
	expect_state("later_hangs", "failed", "the last daemon ended while this plugin");
	expect_state("tally", "loaded", NULL);
	expect_acting();
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/plugins");
	TCase *tcase = tcase_create("plugins");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_loaded_action_acts);
	tcase_add_test(tcase, what_is_not_named_is_not_loaded);
	tcase_add_loop_test(tcase, a_faulty_one_leaves_the_daemon_and_the_others_alone, 0,
			    ms_array_size(faults));
	tcase_add_test(tcase, one_that_failed_is_not_taken_for_another);
	tcase_add_test(tcase, a_folder_that_others_may_write_is_not_used);
	tcase_add_test(tcase, configuration_is_refused_with_its_place);
	tcase_add_test(tcase, check_config_tries_plugins_too);
	tcase_add_test(tcase, arguments_are_refused_with_their_place);
	tcase_add_test(tcase, one_in_use_is_not_unloaded);
	tcase_add_test(tcase, a_rule_that_comes_later_leaves_lists_alone);
	tcase_add_test(tcase, a_reload_under_a_flow_loses_nothing);
	tcase_add_test(tcase, a_thousand_reloads_lose_no_packet_and_leak_nothing);
	tcase_add_test(tcase, it_acts_on_without_the_daemon);
	tcase_add_test(tcase, one_that_took_the_daemon_down_is_left_alone);
	tcase_add_test(tcase, one_that_hangs_later_harms_no_packet_and_is_left_alone);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
