/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members come while a policy is on its way: they are in force at once, and in the policy that
 * comes.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/stage.h"
#include "tests/harness/traffic.h"

#define HERE "10.1.0.1" /* whose packets come to THERE */
#define THERE "10.1.0.2"
#define WATCHED 9000
#define OPEN 9001
#define FLOW 500
#define N_MORE 6 /* sets: rules of a few only are asked one by one, and nobody told of them */
#define MOST 100 /* packets that come through behind the first one */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* Datagrams to WATCHED have the action; who is in `bad` is denied everything. That has so many
 * members from the start. */
static void write_filled(unsigned int n_members, const char *members, const char *more)
{
	char text[32768];
	size_t length = (size_t)snprintf(text, sizeof(text),
					 "version: 1\nsets:\n  other: [192.0.2.2]\n  bad: [");

	for (unsigned int i = 0; i < n_members; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "20.0.%u.%u,",
					   i / 256, i % 256);
	length += (size_t)snprintf(text + length, sizeof(text) - length, "%s]\n", members);
	for (unsigned int i = 0; i < N_MORE; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "  more-%u: [192.0.2.%u]\n", i, 10 + i);
	length += (size_t)snprintf(text + length, sizeof(text) - length, "rules:\n");
	for (unsigned int i = 0; i < N_MORE; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "  - { id: more-%u, dir: in, proto: tcp, from: "
					   "\"set:more-%u\", action: deny }\n",
					   i, i);
	snprintf(text + length, sizeof(text) - length,
		 "  - { id: in/bad, dir: in, from: \"set:bad\", action: deny }\n"
		 "  - { id: in/other, dir: in, proto: tcp, from: \"set:other\", action: deny }\n"
		 "  - { id: watched, dir: in, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: [{ quarantine: bad }, allow] }\n"
		 "  - { id: open, dir: in, proto: udp, dport: 9001, action: allow }\n"
		 "%s",
		 more);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
}

static void write_policy(const char *more)
{
	write_filled(1, "", more);
}

/* Who wants the CPU, too, is no matter. */
static void go_first(void)
{
	ck_assert_int_eq(setpriority(PRIO_PROCESS, (id_t)microsegd->pid, -20), 0);
}

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("quarantine");
	write_policy("");
}

static void write_limits(const char *more)
{
	char text[256];

	snprintf(text, sizeof(text), "plugins: { quarantine: {} }\nlimits: { rules: 100000%s }\n",
		 more);
	ms_proc_write_config(microsegd, text);
}

static void start_held(const char *limits)
{
	write_limits(limits);
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	/* What is freed is no member any more, and shows it. */
	setenv("MALLOC_PERTURB_", "165", 1);
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	go_first();
}

static bool is_member(const char *set, const char *addr)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "show", set, NULL);

	return ms_ctl_find(lines, "members", "addr", addr) != NULL;
}

static void expect_shut_out(void)
{
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
}

static void expect_let_in(void)
{
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
}

/* ---- quarantine ---- */

#define NEW "  - { id: new, dir: in, proto: tcp, dport: 82, action: deny }\n"

/* A set that does not change stays what it is; one that does is put beside what it was, or, where
 * there is no room for both, changed in place. With limits there is room for one more, then. */
static const struct {
	unsigned int n_members;
	const char *more, *limits;
} sets[] = {
	{ 1, "", "" },
	{ 1, "192.0.2.7", "" },
	{ 1022 - N_MORE, "", ", set_members: 1024" },
	{ 1021 - N_MORE, "192.0.2.7", ", set_members: 1024" },
};

static const struct {
	const char *stage, *words;
	const char *more, *code;
	bool comes, has_no_space;
} ways[] = {
	{ "read", "policy apply", NEW, "0", true, false },
	{ "parse", "policy apply", NEW, "0", true, false },
	{ "grace", "policy apply", NEW, "0", true, false },
	{ "sets", "policy apply", NEW, "0", true, false },
	{ "compile", "policy apply", NEW, "0", true, false },
	{ "flips", "policy apply", NEW, "0", true, false },
	{ "compile", "policy apply --dry-run", NEW, "0", false, false },
	{ "abandon", "policy apply --dry-run", NEW, "0", false, false },
	/* Refused when it is read, and right before the switch. */
	{ "parse", "policy apply", "  - { id: x }\n", "1", false, false },
	{ "compile", "policy apply", NEW, "1", false, true },
};

static void expect_in_force(json_int_t n_sent)
{
	json_int_t arrived = ms_ctl_rule_packets(microsegd, "watched");

	ck_assert_int_ge(arrived, 1);
	ck_assert_int_le(arrived, 1 + MOST);
	ck_assert_int_ge(arrived + ms_ctl_rule_packets(microsegd, "in/bad"), n_sent);
	/* By packet, in the policy that is in force now. */
	ms_traffic_flow(THERE, WATCHED, 20);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "watched"), arrived);
	expect_shut_out();
	ck_assert(is_member("bad", HERE));
}

START_TEST(who_is_put_in_is_in_at_once)
{
	size_t way = (size_t)_i / ms_array_size(sets), set = (size_t)_i % ms_array_size(sets);
	char said[512];

	write_filled(sets[set].n_members, "", "");
	start_held(sets[set].limits);
	/* The twin: without the action all arrive. */
	ms_traffic_flow(THERE, OPEN, 200);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "open"), 200);
	expect_let_in();
	write_filled(sets[set].n_members, sets[set].more, ways[way].more);
	ms_stage_begin(microsegd, ways[way].stage, ways[way].words);
	ms_traffic_flow(THERE, WATCHED, FLOW);
	expect_shut_out();
	if (ways[way].has_no_space)
		ms_netns_run_command("touch %s/no-space", microsegd->dir);
	ms_stage_end(microsegd, ways[way].stage, ways[way].code);
	expect_in_force(FLOW);
	ck_assert_int_eq(ms_ctl_status(microsegd, said, sizeof(said), "rule", "show", "new", NULL),
			 ways[way].comes ? 0 : 1);
	/* It is a member like any other, and counts as one: let out, and put in again. */
	ms_ctl_do(microsegd, "set", "del", "bad", HERE, NULL);
	expect_let_in();
	ms_ctl_do(microsegd, "set", "add", "bad", HERE, NULL);
	expect_shut_out();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- by hand ---- */

START_TEST(a_member_by_hand_does_not_wait)
{
	struct ms_traffic_pump *pump;

	start_held(sets[_i].limits);
	write_filled(sets[_i].n_members, sets[_i].more, NEW);
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, THERE, 80, 1);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "first", "set add bad 192.0.2.9");
	ms_stage_expect(microsegd, "first", "0");
	ck_assert(ms_traffic_pump_advances(pump, 10));
	ms_stage_send(microsegd, "second", "set add bad " HERE " --for 1h");
	ms_stage_expect(microsegd, "second", "0");
	expect_shut_out();
	/* What was under way as well. */
	ck_assert(ms_traffic_pump_stops(pump));
	ms_stage_end(microsegd, "compile", "0");
	expect_shut_out();
	ck_assert(is_member("bad", HERE));
	ck_assert(is_member("bad", "192.0.2.9"));
	ms_ctl_do(microsegd, "rule", "show", "new", NULL);
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

/* More than is read at once, and as many as a command takes. */
START_TEST(thousands_by_hand_do_not_wait)
{
	json_auto_t *lines = NULL;

	start_held("");
	write_filled(1, "192.0.2.7", NEW);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "add",
		      "set add bad " HERE
		      " $(seq -f 30.0.0.%g 0 255) $(for i in $(seq 14); do seq -f "
		      "30.0.$i.%g 0 255; done)");
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ck_assert(!ms_stage_has_answered(microsegd, "commit"));
	ms_stage_end(microsegd, "compile", "0");
	expect_shut_out();
	lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
	ck_assert_uint_eq(ms_ctl_count(lines, "members", NULL, NULL), 1 + 1 + 1 + 15 * 256);
	ms_ctl_do(microsegd, "rule", "show", "new", NULL);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(interfaces_come_between_thousands_by_hand)
{
	start_held("");
	ms_netns_add("c");
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_bar(microsegd, "turn");
	ms_stage_bar(microsegd, "next-turn");
	ms_stage_send(microsegd, "add", "set add bad $(seq -f 30.0.0.%g 0 99)");
	ms_stage_wait(microsegd, "turn");
	ms_netns_veth("veth-c", "c", "10.4.0.", NULL);
	ms_stage_let_go(microsegd, "turn");
	ms_stage_wait(microsegd, "next-turn");
	ms_stage_wait_attached("veth-c");
	ck_assert(!ms_stage_has_answered(microsegd, "add"));
	ms_stage_let_go(microsegd, "next-turn");
	ms_stage_expect(microsegd, "add", "0");
	ms_stage_end(microsegd, "compile", "0");
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *words;
	bool is_shut_out; /* before, and then not */
} waiters[] = {
	{ "set del bad " HERE, true },
	{ "set add fresh " HERE, false }, /* a policy comes of it */
	{ "status", false },
};

START_TEST(all_else_waits)
{
	start_held("");
	ms_ctl_do(microsegd, "set", "add", "bad", waiters[_i].is_shut_out ? HERE : "192.0.2.9",
		  NULL);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "waiter", waiters[_i].words);
	ms_stage_wait_connected(2);
	/* What comes behind it is answered. */
	ms_stage_send(microsegd, "other", "set add other 192.0.2.9");
	ms_stage_expect(microsegd, "other", "0");
	ck_assert(!ms_stage_has_answered(microsegd, "waiter"));
	if (waiters[_i].is_shut_out)
		expect_shut_out();
	ms_stage_end(microsegd, "compile", "0");
	ms_stage_expect(microsegd, "waiter", "0");
	expect_let_in();
	ck_assert(is_member("other", "192.0.2.9"));
	ms_proc_stop(microsegd);
}
END_TEST

/* The answer says that it is on disk, whatever becomes of the policy. */
START_TEST(what_was_answered_outlives_a_kill)
{
	start_held(sets[_i].limits);
	write_filled(sets[_i].n_members, sets[_i].more, NEW);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "add", "set add bad " HERE);
	ms_stage_expect(microsegd, "add", "0");
	ms_proc_kill(microsegd);
	expect_shut_out();
	ms_stage_unbar(microsegd, "compile");
	start_held(sets[_i].limits);
	expect_shut_out();
	ck_assert(is_member("bad", HERE));
	ms_proc_stop(microsegd);
}
END_TEST

/* The policy that comes has neither the set nor a rule that names it: it is there all the same, for
 * the member's sake, as if that had come before. */
START_TEST(a_set_that_goes_keeps_who_came)
{
	json_auto_t *lines = NULL;

	start_held("");
	ms_proc_write_policy(microsegd, "05-action.yaml", "version: 1\nrules:\n" NEW);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "add", "set add bad " HERE);
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ms_stage_end(microsegd, "compile", "0");
	expect_let_in();
	lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
	ck_assert_uint_eq(ms_ctl_count(lines, "members", NULL, NULL), 1);
	ck_assert_ptr_nonnull(ms_ctl_find(lines, "members", "addr", HERE));
	/* And with a rule he is shut out again. */
	write_policy("");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_shut_out();
	ms_proc_stop(microsegd);
}
END_TEST

/* Of a set that is changed in place: he was in, is not to be any more, and comes by hand before he
 * has gone, or behind that. */
START_TEST(who_comes_while_others_go_stays)
{
	static const char *const stages[] = { "pause", "dropped" };

	write_filled(1021 - N_MORE, HERE, "");
	start_held(", set_members: 1024");
	expect_shut_out();
	write_filled(900, "", NEW);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_bar(microsegd, stages[_i]);
	ms_stage_let_go(microsegd, "compile");
	ms_stage_wait(microsegd, stages[_i]);
	ms_stage_send(microsegd, "add", "set add bad " HERE);
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ms_stage_end(microsegd, stages[_i], "0");
	expect_shut_out();
	ck_assert(is_member("bad", HERE));
	/* He counts once: with 901 there, and one in each other set. */
	ms_stage_send(microsegd, "fill", "set add other $(seq -f 30.0.0.%g 116)");
	ms_stage_expect(microsegd, "fill", "0");
	ms_stage_send(microsegd, "more", "set add other 30.0.1.1");
	ms_stage_expect(microsegd, "more", "1");
	ms_ctl_do(microsegd, "set", "del", "bad", HERE, NULL);
	expect_let_in();
	ms_proc_stop(microsegd);
}
END_TEST

#define WIDE "0.0.0.0/1" /* all others are within it, and are told by rounds */

START_TEST(a_wide_prefix_does_not_wait)
{
	static const char *const limits[] = { "", "", ", set_members: 1024" };

	write_filled(1000, "", "");
	start_held(limits[_i]);
	write_filled(1000, _i ? "192.0.2.7" : "", NEW);
	ms_stage_begin(microsegd, "compile", "policy apply");
	ms_stage_send(microsegd, "add", "set add bad " WIDE);
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ms_stage_end(microsegd, "compile", "0");
	expect_shut_out();
	ck_assert(is_member("bad", WIDE));
	ms_ctl_do(microsegd, "rule", "show", "new", NULL);
	/* Told by now, as it was to be answered behind that. */
	ms_ctl_do(microsegd, "set", "del", "bad", WIDE, NULL);
	expect_let_in();
	ms_proc_stop(microsegd);
}
END_TEST

/* Rules that are put beside those in force wait for packets only. */
START_TEST(a_late_rule_takes_over_who_came)
{
	start_held("");
	ms_stage_begin(microsegd, "flips", "rule add --dir in --proto tcp --dport 82 deny");
	ms_stage_send(microsegd, "add", "set add bad " HERE);
	ms_stage_expect(microsegd, "add", "0");
	expect_shut_out();
	ms_stage_end(microsegd, "flips", "0");
	expect_shut_out();
	ck_assert(is_member("bad", HERE));
	ms_proc_kill(microsegd);
	start_held("");
	expect_shut_out();
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a long policy ---- */

#define RULES "60000"
#define TARGETS 8
#define EARLY 4 /* of them come before the switch, however soon that would be */
#define EACH 300

/* Who is written to is put in. A rule for each, which counts what came through to him. */
static void write_targets(void)
{
	ms_netns_run_command(
		"( echo 'version: 1'; echo 'sets: { bad: [192.0.2.1] }'; echo 'rules:'; "
		"  echo '  - { id: to/bad, dir: in, to: \"set:bad\", action: deny }'; seq 0 7 | "
		"  awk '{ printf \"  - { id: to/%%d, dir: in, to: 10.3.0.%%d, fallback: deny, proto: "
		"udp, dport: 9000, action: [{ quarantine: { set: bad, who: destination } }, allow] "
		"}\\n\", $1, $1 }' ) >%s/policy.d/05-action.yaml",
		microsegd->dir);
}

/* With sets that have many members, too: they are told to their addresses. */
static void write_long_policy(void)
{
	ms_netns_run_command(
		"( echo 'version: 1'; echo 'sets:'; seq 0 29 | awk '{ printf \"  s%%d: [\", $1; "
		"for (i = 0; i < 4000; i++) printf \"%%s20.%%d.%%d.%%d\", i ? \",\" : \"\", $1, i / "
		"256, i %% 256; print \"]\" }'; echo 'rules:'; seq " RULES
		" | awk '{ printf \"  - { id: r/%%d, dir: in, from: \\\"set:s%%d\\\", proto: tcp, "
		"dport: %%d, action: deny }\\n\", $1, $1 %% 30, 1000 + $1 %% 50000 }' ) "
		">%s/policy.d/50-long.yaml",
		microsegd->dir);
}

static void address_of(unsigned int target, char address[16])
{
	snprintf(address, 16, "10.3.0.%u", target);
}

/* To the first one, all the while: who is in is never out. */
static void flow_on(void *user)
{
	char address[16];

	(void)user;
	address_of(0, address);
	for (;;)
		ms_traffic_flow(address, WATCHED, 1000);
}

static json_int_t packets_of(unsigned int target)
{
	char id[32];

	snprintf(id, sizeof(id), "to/%u", target);
	return ms_ctl_rule_packets(microsegd, id);
}

/* A worker is, beside the loop. */
static bool is_at_work(void *user)
{
	char count[16];

	(void)user;
	return atoi(ms_netns_read_command(count, sizeof(count), "ls /proc/%d/task | wc -l",
					  (int)microsegd->pid)) > 1;
}

/* What is in the policy directory, read by the daemon or sent by the client. */
START_TEST(a_long_policy_keeps_nobody_waiting)
{
	char address[16], words[300];
	json_auto_t *lines = NULL;
	unsigned int sent = 0;
	json_int_t arrived;
	pid_t flow;

	ms_netns_run_command("ip route add 10.3.0.0/16 via " THERE);
	write_targets();
	start_held("");
	write_long_policy();
	snprintf(words, sizeof(words), "policy apply %s/policy.d", microsegd->dir);
	flow = ms_proc_fork(NULL, flow_on, NULL);
	ms_stage_bar(microsegd, "flips");
	ms_stage_send(microsegd, "commit", _i ? words : "policy apply");
	ck_assert_msg(ms_netns_wait(is_at_work, NULL, 20), "nobody is at work");
	while (++sent < TARGETS && !ms_stage_has_answered(microsegd, "commit")) {
		address_of(sent, address);
		ms_traffic_flow(address, WATCHED, EACH);
		if (sent == EARLY) {
			ms_stage_wait(microsegd, "flips");
			ms_stage_let_go(microsegd, "flips");
		}
	}
	ms_stage_expect(microsegd, "commit", "0");
	ms_proc_end(flow);
	lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
	for (unsigned int i = 0; i < sent; i++) {
		arrived = packets_of(i);
		address_of(i, address);
		ck_assert_int_ge(arrived, 1);
		ck_assert_msg(arrived <= 1 + MOST, "%s: %lld came through", address,
			      (long long)arrived);
		ck_assert_ptr_nonnull(ms_ctl_find(lines, "members", "addr", address));
	}
	/* Still, by packet. */
	arrived = packets_of(1);
	address_of(1, address);
	ms_traffic_flow(address, WATCHED, 20);
	ck_assert_int_eq(packets_of(1), arrived);
	ms_ctl_do(microsegd, "rule", "show", "r/" RULES, NULL);
	ms_proc_stop(microsegd);
}
END_TEST

static TCase *new_tcase(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("netns/early");
	TCase *quarantine = new_tcase(suite, "quarantine"), *hand = new_tcase(suite, "hand");
	TCase *going = new_tcase(suite, "going"), *large = new_tcase(suite, "large");

	tcase_add_loop_test(quarantine, who_is_put_in_is_in_at_once, 0,
			    (int)(ms_array_size(ways) * ms_array_size(sets)));
	tcase_add_loop_test(hand, a_member_by_hand_does_not_wait, 0, 2);
	tcase_add_test(hand, thousands_by_hand_do_not_wait);
	tcase_add_test(hand, interfaces_come_between_thousands_by_hand);
	tcase_add_loop_test(hand, all_else_waits, 0, (int)ms_array_size(waiters));
	tcase_add_loop_test(hand, what_was_answered_outlives_a_kill, 0, 2);
	tcase_add_test(hand, a_set_that_goes_keeps_who_came);
	tcase_add_test(hand, a_late_rule_takes_over_who_came);
	tcase_add_loop_test(going, who_comes_while_others_go_stays, 0, 2);
	tcase_add_loop_test(going, a_wide_prefix_does_not_wait, 0, 3);
	tcase_set_timeout(large, 240);
	tcase_add_loop_test(large, a_long_policy_keeps_nobody_waiting, 0, 2);
	return ms_netns_run(suite);
}
