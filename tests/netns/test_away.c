/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces are followed while a commit is under way, however long that takes, and all else waits
 * for its end. Nothing here hangs on time: the daemon stands still in the middle of the commit
 * until it is let go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/stage.h"
#include "tests/harness/traffic.h"

#define SOON 3000
#define GONE 400

static const char before[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n";

/* The group has another number, and one interface is of another group. */
static const char after[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: first, match: { name: \"veth-c\" }, default: { in: allow, out: allow } }\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: w, group: work, dir: in, proto: tcp, dport: 81, action: deny }\n"
	"  - { id: f, group: first, dir: in, proto: tcp, dport: 80, action: deny }\n"
	"  - { id: h, dir: out, to: \"set:host\", proto: tcp, dport: 82, action: deny }\n";

/* Port 80 passes through an action; where that is missing, not at all. */
static const char counted[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: counted, group: work, dir: in, proto: tcp, dport: 80,\n"
	"      action: [{ tally: 3 }, allow], fallback: deny }\n";

/* All that takes long with many rules, or waits for packets. Where one test is enough for what is
 * the same in each, it takes the first two. */
static const char *const stages[] = {
	"compile", "save", "read", "parse", "grace", "flips", "stage"
};
#define N_STAGES 2

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void add_peer(const char *name, const char *ns, const char *prefix)
{
	ms_netns_add(ns);
	ms_netns_veth(name, ns, prefix, NULL);
	ms_traffic_server(ns, 80);
	ms_traffic_server(ns, 81);
}

static void prepare(void)
{
	ms_netns_setup();
	add_peer("veth-a", "a", "10.1.0.");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", before);
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	/* What is freed is no policy any more, and shows it. */
	setenv("MALLOC_PERTURB_", "165", 1);
}

static void setup(void)
{
	prepare();
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, NULL);
}

static void setup_plugins(void)
{
	prepare();
	ms_plugin_folder_make();
	ms_plugin_folder_add("tally");
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
}

static int reach(const char *from, const char *address, uint16_t port, unsigned int ms)
{
	int fd = ms_traffic_connect(from, address, port, ms);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- the commit ---- */

/* Comes back when the commit stands still in the middle. */
static void begin(const char *stage, const char *words)
{
	ms_stage_begin(microsegd, stage, words);
}

static void let_go(const char *stage)
{
	ms_stage_end(microsegd, stage, "0");
}

static bool is_attached(void *user)
{
	const char *const *name = user;
	char count[16];

	/* By the kernel's word: the daemon answers nobody now. */
	return strcmp(ms_netns_read_command(
			      count, sizeof(count),
			      "tc filter show dev %s ingress | grep -c ms_ingress || :", *name),
		      "0") != 0;
}

static void expect_attached(const char *name)
{
	ck_assert_msg(ms_netns_wait(is_attached, &name, 20), "%s is not attached", name);
}

/* ---- tests ---- */

START_TEST(interfaces_come_while_a_policy_is_applied)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	begin(stages[_i], "policy apply");
	add_peer("veth-b", "b", "10.2.0.");
	add_peer("veth-c", "c", "10.3.0.");
	expect_attached("veth-b");
	expect_attached("veth-c");
	/* What was in force is in force. */
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 81, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.3.0.2", 80, SOON), 0);
	let_go(stages[_i]);
	/* And then the new one, for those that came meanwhile as for those that were there. */
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 80, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 81, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 80, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.3.0.2", 81, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Every few seconds, and what a generation left behind may be a million of them. */
START_TEST(interfaces_come_while_members_are_cleared)
{
	ms_stage_bar(microsegd, "clear");
	ms_stage_wait(microsegd, "clear");
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	ms_stage_let_go(microsegd, "clear");
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_interface_changes_its_group_while_a_policy_is_applied)
{
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	begin(stages[_i], "policy apply");
	/* The same group in the policy in force, another one in that to come. */
	ms_netns_run_command("ip link set veth-b down && ip link set veth-b name veth-c && "
			     "ip link set veth-c up");
	add_peer("veth-d", "d", "10.4.0.");
	expect_attached("veth-d"); /* then the renaming was heard, too */
	let_go(stages[_i]);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 80, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 81, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(an_interface_goes_while_a_policy_is_applied)
{
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	begin(stages[_i], "policy apply");
	ms_netns_run_command("ip link del veth-b");
	add_peer("veth-d", "d", "10.4.0.");
	expect_attached("veth-d");
	let_go(stages[_i]);
	ck_assert_int_eq(reach(NULL, "10.4.0.2", 81, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.4.0.2", 80, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(this_machines_addresses_are_followed_after_it)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	ck_assert_int_eq(reach("a", "10.1.0.1", 82, SOON), -ECONNREFUSED);
	begin(stages[_i], "policy apply");
	ms_netns_run_command("ip address add 10.8.0.1/32 dev lo");
	add_peer("veth-d", "d", "10.4.0.");
	expect_attached("veth-d");
	let_go(stages[_i]);
	ck_assert_int_eq(reach("a", "10.1.0.1", 82, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach("a", "10.8.0.1", 82, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach("a", "10.8.0.1", 83, SOON), -ECONNREFUSED);
	ms_proc_stop(microsegd);
}
END_TEST

/* What was prepared for a policy that does not come must not be asked for later interfaces. */
START_TEST(a_policy_that_only_was_tried_is_forgotten)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	begin("abandon", "policy apply --dry-run");
	/* It is not gone yet. */
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 81, SOON), 0);
	let_go("abandon");
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 81, SOON), 0);
	add_peer("veth-c", "c", "10.3.0.");
	ms_ctl_wait_iface(microsegd, "veth-c", "protected");
	ck_assert_int_eq(reach(NULL, "10.3.0.2", 80, SOON), 0);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *first, *words, *code, *says;
} waiting[] = {
	/* Before the commit it would have been unloaded: no rule in force named it. */
	{ "load", "plugin unload tally", "1", "rule counted names it" },
	{ "load", "plugin reload tally", "0", "" },
	{ NULL, "plugin load tally", "0", "" },
};

START_TEST(a_command_to_a_plugin_waits_for_the_commit)
{
	const char *stage = stages[_i / (int)ms_array_size(waiting)];
	size_t which = (size_t)_i % ms_array_size(waiting);
	char command[] = "command", answer[1024];

	if (waiting[which].first)
		ms_ctl_do(microsegd, "plugin", waiting[which].first, "tally", NULL);
	ms_proc_write_policy(microsegd, "10-test.yaml", counted);
	begin(stage, "policy apply");
	ms_stage_send(microsegd, command, waiting[which].words);
	ms_stage_wait_connected(2);
	/* Who follows interfaces could have taken it by then. */
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	ck_assert(!ms_stage_has_answered(microsegd, command));
	let_go(stage);
	ms_stage_expect(microsegd, command, waiting[which].code);
	ms_stage_answer(microsegd, command, answer, sizeof(answer));
	ck_assert_msg(strstr(answer, waiting[which].says) != NULL, "%s", answer);
	/* The policy came in force, and its action is there. */
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 80, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 80, SOON), 0);
	ms_ctl_do(microsegd, "rule", "show", "counted", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

#define SCRIPT MS_NETNS_DIR "/script"

static void configure_source(const char *more)
{
	char config[256];

	snprintf(config, sizeof(config), "plugins:\n  script: { file: " SCRIPT "%s }\n", more);
	ms_proc_write_config(microsegd, config);
}

static bool has_delivered(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "script", NULL);

	(void)user;
	return ms_ctl_int(json_array_get(lines, 0), "source.members") == 1;
}

static const char *const seeds[] = { "load", "offer" }; /* its file is read, and parsed */

/* Of a source that is configured otherwise, 160 MiB it may be. */
START_TEST(interfaces_come_while_what_is_saved_of_a_source_is_read)
{
	ms_plugin_folder_add("script");
	ms_netns_put_file(SCRIPT, "set block\nmember block 192.0.2.1\n");
	configure_source("");
	ms_ctl_do(microsegd, "reload", NULL);
	ck_assert(ms_netns_wait(has_delivered, NULL, 20));
	configure_source(", before: true");
	begin(seeds[_i], "reload");
	add_peer("veth-b", "b", "10.2.0.");
	expect_attached("veth-b");
	let_go(seeds[_i]);
	ck_assert_int_eq(reach(NULL, "10.2.0.2", 80, SOON), 0);
	ck_assert(has_delivered(NULL));
	ms_proc_stop(microsegd);
}
END_TEST

/* The twin: without the action port 80 is closed. */
START_TEST(a_commit_without_the_plugin_is_compiled_to_the_fallback)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", counted);
	begin("compile", "policy apply");
	let_go("compile");
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 80, GONE), -ETIMEDOUT);
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- killed on the way ---- */

static bool is_there(void *user)
{
	return access(user, F_OK) == 0;
}

/* The copy that a start falls back to is on its way while nobody is past the compiler. */
static void expect_staged(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/state/.last-good.json.new", microsegd->dir);
	ck_assert_msg(ms_netns_wait(is_there, path, 20), "nothing is written beside the compiler");
}

static void start_again(void)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
}

static const struct {
	const char *stage;
	bool by_path;
	bool is_after; /* what a start finds where the directory has gone bad */
} kills[] = {
	{ "stage", false, false },  { "stage", true, false }, { "compile", false, false },
	{ "compile", true, false }, { "save", false, false }, { "save", true, false },
	{ "switch", false, false }, { "switch", true, true },
};

START_TEST(a_kill_on_the_way_leaves_the_one_policy_or_the_other)
{
	const char *stage = kills[_i].stage;
	char words[300], path[256];

	snprintf(path, sizeof(path), "%s/after.yaml", microsegd->dir);
	ms_proc_write_policy(microsegd, kills[_i].by_path ? "../after.yaml" : "10-test.yaml",
			     after);
	snprintf(words, sizeof(words), "policy apply %s", kills[_i].by_path ? path : "");
	begin(stage, words);
	if (strcmp(stage, "compile") == 0)
		expect_staged();
	ms_proc_kill(microsegd);
	/* What is pinned judges on, as before. */
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, SOON), 0);
	ms_proc_write_policy(microsegd, "20-bad.yaml", "version: 1\nrules: [{ id: x }]\n");
	start_again();
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 80, SOON), 0);
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, kills[_i].is_after ? GONE : SOON),
			 kills[_i].is_after ? -ETIMEDOUT : 0);
	/* What the kill left lying about is in nobody's way. */
	ms_netns_run_command("rm %s/policy.d/20-bad.yaml", microsegd->dir);
	ms_ctl_do(microsegd, "policy", "apply", kills[_i].by_path ? path : NULL, NULL);
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, GONE), -ETIMEDOUT);
	ms_proc_kill(microsegd);
	ms_netns_run_command("rm -f %s/state/applied.json", microsegd->dir);
	ms_proc_write_policy(microsegd, "20-bad.yaml", "version: 1\nrules: [{ id: x }]\n");
	start_again();
	ck_assert_int_eq(reach(NULL, "10.1.0.2", 81, GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_only_asked_is_not_written)
{
	ms_proc_write_policy(microsegd, "10-test.yaml", after);
	ms_stage_bar(microsegd, "stage"); /* whoever stages waits for ever */
	ms_ctl_do(microsegd, "policy", "apply", "--dry-run", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- rules one by one ---- */

#define ADD "rule", "add", "--group", "work", "--dir", "in", "--proto", "tcp"

static void expect_reach(const char *address, int at_80, int at_81)
{
	ck_assert_int_eq(reach(NULL, address, 80, at_80 ? GONE : SOON), at_80);
	ck_assert_int_eq(reach(NULL, address, 81, at_81 ? GONE : SOON), at_81);
}

/* Whoever compiles now waits for ever, and the test's time is over. */
START_TEST(rules_come_and_go_and_nothing_is_compiled)
{
	const char denies_81[] = "version: 1\n"
				 "groups:\n"
				 "  - { name: work, match: { name: \"veth-*\" },\n"
				 "      default: { in: allow, out: allow } }\n"
				 "rules:\n"
				 "  - { id: d, group: work, dir: in, proto: tcp, dport: 81,\n"
				 "      action: deny }\n";

	ms_proc_write_policy(microsegd, "10-test.yaml", denies_81);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_reach("10.1.0.2", 0, -ETIMEDOUT);
	ms_stage_bar(microsegd, "compile");

	ms_ctl_do(microsegd, ADD, "--id", "a", "--dport", "80", "deny", NULL);
	expect_reach("10.1.0.2", -ETIMEDOUT, -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "a"), 0);
	/* Behind the document's, then before it. */
	ms_ctl_do(microsegd, ADD, "--id", "b", "--priority", "2000", "--dport", "81", "allow",
		  NULL);
	expect_reach("10.1.0.2", -ETIMEDOUT, -ETIMEDOUT);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "b"), 0);
	ms_ctl_do(microsegd, ADD, "--id", "c", "--priority", "1", "--dport", "81", "allow", NULL);
	expect_reach("10.1.0.2", -ETIMEDOUT, 0);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "c"), 0);
	/* Nothing comes of what is only asked. */
	ms_ctl_do(microsegd, "rule", "del", "c", "--dry-run", NULL);
	expect_reach("10.1.0.2", -ETIMEDOUT, 0);
	ms_ctl_do(microsegd, "rule", "del", "a", NULL);
	expect_reach("10.1.0.2", 0, 0);

	/* What came before a start is late after it, too. */
	ms_proc_stop(microsegd);
	ms_stage_unbar(microsegd, "compile");
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	expect_reach("10.1.0.2", 0, 0);
	ms_stage_bar(microsegd, "compile");
	ms_ctl_do(microsegd, "rule", "del", "c", NULL);
	expect_reach("10.1.0.2", 0, -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "d"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/away");
	TCase *tcase = tcase_create("away"), *plugins = tcase_create("plugins");
	TCase *saving = tcase_create("saving");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 90);
	tcase_add_loop_test(tcase, interfaces_come_while_a_policy_is_applied, 0,
			    (int)ms_array_size(stages));
	tcase_add_loop_test(tcase, an_interface_changes_its_group_while_a_policy_is_applied, 0,
			    N_STAGES);
	tcase_add_loop_test(tcase, an_interface_goes_while_a_policy_is_applied, 0, N_STAGES);
	tcase_add_loop_test(tcase, this_machines_addresses_are_followed_after_it, 0, N_STAGES);
	tcase_add_test(tcase, a_policy_that_only_was_tried_is_forgotten);
	tcase_add_test(tcase, interfaces_come_while_members_are_cleared);
	tcase_add_test(tcase, rules_come_and_go_and_nothing_is_compiled);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(plugins, setup_plugins, NULL);
	tcase_set_timeout(plugins, 90);
	tcase_add_loop_test(plugins, a_command_to_a_plugin_waits_for_the_commit, 0,
			    N_STAGES * (int)ms_array_size(waiting));
	tcase_add_test(plugins, a_commit_without_the_plugin_is_compiled_to_the_fallback);
	tcase_add_loop_test(plugins, interfaces_come_while_what_is_saved_of_a_source_is_read, 0,
			    (int)ms_array_size(seeds));
	suite_add_tcase(suite, plugins);
	tcase_add_checked_fixture(saving, setup, NULL);
	tcase_set_timeout(saving, 90);
	tcase_add_loop_test(saving, a_kill_on_the_way_leaves_the_one_policy_or_the_other, 0,
			    (int)ms_array_size(kills));
	tcase_add_test(saving, what_is_only_asked_is_not_written);
	suite_add_tcase(suite, saving);
	return ms_netns_run(suite);
}
