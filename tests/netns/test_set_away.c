/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets that change while the loop goes on: a prefix by hand that has many others told anew, by
 * rounds, and members that go with a switch, beside the loop. All stands still in the middle.
 * Interfaces are attached, and whoever is judged is judged as before or as after. The tests are
 * 10.1.0.1, who has been told by then, and 10.2.0.1, who has not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/stage.h"
#include "tests/harness/traffic.h"
#include "tests/netns/held.h"

#define NEAR "10.1.0.2"
#define FAR "10.2.0.2"
#define WIDE "10.0.0.0/8"
#define MANY 600 /* more than are told with the change; twice as many do not fit a small table */
#define PLACES 128
#define CROWD 6 /* sets more than are asked of one by one */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* Port 80 of whoever is guarded is open to `some`, or shut for `some` alone. */
static void write_rules(bool is_open)
{
	char text[640];

	snprintf(
		text, sizeof(text),
		"version: 1\n"
		"groups:\n"
		"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
		"rules:\n"
		"  - { id: some, group: work, dir: in, proto: tcp, dport: 80, from: \"set:some\",\n"
		"      action: %s }\n"
		"  - { id: else, group: work, dir: in, proto: tcp, dport: 80, action: %s }\n",
		is_open ? "allow" : "deny", is_open ? "deny" : "allow");
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
}

/* `some` has so many members that are nobody here, and `member`; a set beside it has `others`. */
static void write_sets(unsigned int n_members, const char *member, unsigned int n_others)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\nsets:\n  some: [");
	for (unsigned int i = 0; i < n_members; i++)
		fprintf(out, "10.0.%u.%u, ", i / 256, i % 256);
	fprintf(out, "%s]\n  others: [", member);
	for (unsigned int i = 0; i < n_others; i++)
		fprintf(out, "10.0.%u.%u, ", i / 256, i % 256);
	fprintf(out, HELD_PLACE "]\n");
	for (unsigned int i = 0; i < CROWD; i++)
		fprintf(out, "  crowd%u: [192.0.2.%u]\n", i, i);
	for (unsigned int i = 0; i < PLACES; i++)
		fprintf(out, "  fill%u: []\n", i);
	ms_site_put_crowd(out, CROWD);
	ck_assert_int_eq(fclose(out), 0);
	ms_proc_write_policy(microsegd, "20-sets.yaml", text);
}

static void add_peer(const char *name, const char *ns, const char *prefix)
{
	ms_netns_add(ns);
	ms_netns_veth(name, ns, prefix, NULL);
	ms_traffic_server(ns, 80);
}

static void start(void)
{
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
}

static void prepare(void)
{
	ms_site_setup(microsegd);
	add_peer("veth-b", "b", "10.2.0.");
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	write_rules(true);
	ms_plugin_folder_make();
}

static void setup(void)
{
	prepare();
	write_sets(0, "", MANY);
	start();
}

/* Each time that it is shown, a plugin puts in or takes out. */
static void write_warden(const char *way)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "rules:\n"
		 "  - { id: warden, group: work, dir: in, proto: udp, dport: 9,\n"
		 "      action: [{ warden: { way: %s, set: some, member: \"" WIDE
		 "\" } }, allow] }\n",
		 way);
	ms_proc_write_policy(microsegd, "30-warden.yaml", text);
}

static void setup_warden(void)
{
	prepare();
	write_sets(0, "", MANY);
	write_warden("add");
	ms_plugin_folder_add("warden");
	ms_proc_write_config(microsegd, "plugins: { warden: {} }\n");
	start();
}

/* No room for `some` as it will be beside `some` as it is. */
static void setup_small(void)
{
	prepare();
	write_sets(MANY, "10.1.0.1", 0);
	ms_proc_write_config(microsegd, "limits: { set_members: 1024 }\n");
	start();
}

/* ---- packets ---- */

static void expect_reach(const char *address, bool is_open)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, address, 80, is_open ? MS_SITE_SOON : MS_SITE_GONE),
			 is_open ? 0 : -ETIMEDOUT);
}

static void expect_both(bool near, bool far)
{
	expect_reach(NEAR, near);
	expect_reach(FAR, far);
}

/* ---- rounds ---- */

/* A file of which held.c knows. */
static void put_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", microsegd->dir, name);
	ms_netns_put_file(path, "");
}

static void take_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", microsegd->dir, name);
	ck_assert_int_eq(unlink(path), 0);
}

static bool is_halfway(void *user)
{
	char path[256];

	(void)user;
	snprintf(path, sizeof(path), "%s/halfway", microsegd->dir);
	return access(path, F_OK) == 0;
}

/* Comes back when the rounds stand still in the middle. */
static void begin(const char *verb)
{
	char words[64];

	snprintf(words, sizeof(words), "set %s some " WIDE, verb);
	put_file("half");
	ms_stage_send(microsegd, "change", words);
	ck_assert(ms_netns_wait(is_halfway, NULL, 20));
}

/* Nobody is asked of `some` any more: a daemon that starts tells all. */
static void begin_removal(void)
{
	ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	ms_proc_stop(microsegd);
	start();
	expect_both(true, true);
	begin("del");
	expect_both(false, true);
}

static void let_go(void)
{
	take_file("half");
	ms_stage_expect(microsegd, "change", "0");
}

static void expect_interface(void)
{
	add_peer("veth-c", "c", "10.3.0.");
	ms_ctl_wait_iface(microsegd, "veth-c", "protected");
}

/* Who has not been told asks. */
START_TEST(what_comes_in_is_in_force_at_once)
{
	expect_both(false, false);
	begin("add");
	ms_stage_expect(microsegd, "change", "0");
	expect_both(true, true);
	expect_interface();
	expect_reach("10.3.0.2", true);
	let_go();
	expect_both(true, true);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_goes_is_answered_for_behind_the_rounds)
{
	begin_removal();
	expect_interface();
	expect_reach("10.3.0.2", false);
	ck_assert(!ms_stage_has_answered(microsegd, "change"));
	let_go();
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_flow_that_was_judged_meanwhile_is_judged_again)
{
	struct ms_traffic_pump *pump;

	begin_removal();
	pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, FAR, 80, 1);
	ck_assert(ms_traffic_pump_advances(pump, 10));
	let_go();
	ck_assert(ms_traffic_pump_stops(pump));
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_shut(void *user)
{
	(void)user;
	return ms_traffic_reach(NULL, FAR, 80, MS_SITE_GONE) == -ETIMEDOUT;
}

/* When its call returns, which cannot wait; what it takes out goes by rounds. */
START_TEST(what_a_plugin_puts_in_is_in_force_at_once)
{
	put_file("half");
	expect_both(false, false);
	ms_ctl_do(microsegd, "plugin", "show", "warden", NULL);
	expect_both(true, true);
	take_file("half");
	write_warden("del");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	expect_both(true, true);
	put_file("half");
	ms_ctl_do(microsegd, "plugin", "show", "warden", NULL);
	expect_reach(FAR, true);
	take_file("half");
	ck_assert(ms_netns_wait(is_shut, NULL, 20));
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what comes meanwhile ---- */

START_TEST(a_member_that_comes_meanwhile_is_in_at_once)
{
	begin_removal();
	ms_ctl_do(microsegd, "set", "add", "some", "10.1.0.1", NULL);
	expect_both(true, true);
	ms_ctl_do(microsegd, "set", "add", "some", "10.2.0.1", NULL);
	ms_ctl_do(microsegd, "set", "del", "some", "10.1.0.1", NULL);
	expect_both(false, true);
	ck_assert(!ms_stage_has_answered(microsegd, "change"));
	let_go();
	expect_both(false, true);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(the_same_one_may_come_back_meanwhile)
{
	begin_removal();
	ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	expect_both(true, true);
	let_go();
	expect_both(true, true);
	ms_ctl_do(microsegd, "set", "del", "some", WIDE, NULL);
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(the_same_one_may_go_again_meanwhile)
{
	begin("add");
	ms_stage_expect(microsegd, "change", "0");
	ms_stage_send(microsegd, "second", "set del some " WIDE);
	/* Not before the rounds are through: the near one has been told. */
	expect_interface();
	expect_both(true, false);
	ck_assert(!ms_stage_has_answered(microsegd, "second"));
	let_go();
	ms_stage_expect(microsegd, "second", "0");
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

/* What a switch loads tells all that is to be told. */
START_TEST(a_policy_that_is_applied_meanwhile_ends_it)
{
	begin_removal();
	write_rules(false);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_stage_expect(microsegd, "change", "0");
	expect_both(true, true);
	let_go();
	ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nobody has been answered, but it is on disk, and the next one tells all. */
START_TEST(a_daemon_that_ends_meanwhile_has_it_done_by_the_next)
{
	begin_removal();
	if (_i == 0)
		ms_proc_stop(microsegd);
	else
		ms_proc_kill(microsegd);
	ms_stage_expect(microsegd, "change", "3");
	expect_both(false, true);
	start();
	expect_both(false, false);
	ms_proc_stop(microsegd);
}
END_TEST

static int connect_daemon(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/run/control.sock",
		 microsegd->dir);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void ask(int fd, const char *verb, const char *set)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
			      "{\"method\":\"set.%s\",\"parameters\":{\"name\":\"%s\","
			      "\"members\":[\"" WIDE "\"]}}",
			      verb, set) +
		     1;

	ck_assert_int_eq(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
}

START_TEST(who_asked_may_be_gone)
{
	int fd = connect_daemon();

	ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	put_file("half");
	ask(fd, "del", "some");
	ck_assert(ms_netns_wait(is_halfway, NULL, 20));
	close(fd);
	ms_ctl_do(microsegd, "status", NULL);
	take_file("half");
	ck_assert(ms_netns_wait(is_shut, NULL, 20));
	ms_proc_stop(microsegd);
}
END_TEST

/* As many sets can be asked of as there are places: what finds none is answered for when it is
 * told. */
START_TEST(without_a_place_it_waits_for_the_rounds)
{
	ms_cleanup(ms_close_fd) int fd = connect_daemon();
	char set[16], answer[256];

	put_file("half");
	for (unsigned int i = 0; i < PLACES; i++) {
		snprintf(set, sizeof(set), "fill%u", i);
		ask(fd, "add", set);
		ck_assert_int_gt(recv(fd, answer, sizeof(answer), 0), 0);
	}
	ck_assert(ms_netns_wait(is_halfway, NULL, 20));
	ms_stage_send(microsegd, "change", "set add some " WIDE);
	expect_interface();
	expect_both(false, false);
	ck_assert(!ms_stage_has_answered(microsegd, "change"));
	let_go();
	expect_both(true, true);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what cannot be written ---- */

static bool has_logged(void *user)
{
	return ms_proc_logged(microsegd, user);
}

static bool has_problem(void *user)
{
	(void)user;
	return ms_ctl_has_problem(microsegd, "each new flow is asked of every set");
}

START_TEST(where_the_rest_cannot_be_told_all_are_asked)
{
	char told[] = "addresses are told again";
	bool is_add = _i == 0;

	if (is_add)
		begin("add");
	else
		begin_removal();
	put_file("no-tell");
	let_go();
	ck_assert(ms_netns_wait(has_problem, NULL, 20));
	expect_both(is_add, is_add);
	take_file("no-tell");
	ck_assert(ms_netns_wait(has_logged, told, 40));
	expect_both(is_add, is_add);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *verb, *file;
} refusals[] = { { "add", "no-set" }, { "add", "no-save" }, { "del", "no-save" } };

/* At once, and when the rounds are through. */
START_TEST(what_is_refused_is_as_it_was)
{
	bool is_add = strcmp(refusals[_i].verb, "add") == 0;
	char text[512];

	if (!is_add)
		ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	put_file(refusals[_i].file);
	put_file("half");
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", refusals[_i].verb,
				       "some", WIDE, NULL),
			 1);
	expect_both(!is_add, !is_add);
	take_file("half");
	expect_both(!is_add, !is_add);
	take_file(refusals[_i].file);
	ms_ctl_do(microsegd, "set", refusals[_i].verb, "some", WIDE, NULL);
	expect_both(is_add, is_add);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- beside the loop ---- */

/* The same set's, which may end otherwise than they did. */
START_TEST(interfaces_come_while_many_of_its_own_are_written)
{
	ms_ctl_do(microsegd, "set", "add", "some", WIDE, NULL);
	ms_stage_bar(microsegd, "drop");
	ms_stage_send(microsegd, "change", "set del some " WIDE);
	ms_stage_wait(microsegd, "drop");
	add_peer("veth-c", "c", "10.3.0.");
	ms_stage_wait_attached("veth-c");
	ck_assert(!ms_stage_has_answered(microsegd, "change"));
	ms_stage_let_go(microsegd, "drop");
	ms_stage_expect(microsegd, "change", "0");
	expect_both(true, false);
	ms_proc_stop(microsegd);
}
END_TEST

/* Comes back when the new policy judges and nobody has gone yet. */
static void begin_switch(void)
{
	write_sets(MANY + 1, "", 0);
	ms_stage_bar(microsegd, "drop");
	ms_stage_send(microsegd, "change", "policy apply");
	ms_stage_wait(microsegd, "drop");
}

static void end_switch(void)
{
	ck_assert(!ms_stage_has_answered(microsegd, "change"));
	ms_stage_let_go(microsegd, "drop");
	ms_stage_expect(microsegd, "change", "0");
}

START_TEST(interfaces_come_while_members_go_with_a_switch)
{
	begin_switch();
	add_peer("veth-c", "c", "10.3.0.");
	ms_stage_wait_attached("veth-c");
	end_switch();
	expect_reach(NEAR, false);
	ms_proc_stop(microsegd);
}
END_TEST

/* Who is no member any more is none before anybody new is judged. */
START_TEST(members_go_before_interfaces_come_with_a_policy)
{
	ms_netns_add("c");
	ms_netns_veth("late-c", "c", "10.3.0.", NULL);
	ms_proc_write_policy(
		microsegd, "30-late.yaml",
		"version: 1\ngroups: [{ name: late, match: { name: \"late-*\" }, default: { in: allow, out: allow } }]\n");
	begin_switch();
	ms_netns_run_command("! tc qdisc show dev late-c | grep -q clsact");
	end_switch();
	ms_ctl_wait_iface(microsegd, "late-c", "protected");
	ms_proc_stop(microsegd);
}
END_TEST

/* It was judged by the new policy, as the member that it still was. */
START_TEST(a_flow_of_one_that_goes_with_a_switch_is_judged_again)
{
	struct ms_traffic_pump *pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, NEAR, 80, 1);

	begin_switch();
	ck_assert(ms_traffic_pump_advances(pump, 10));
	end_switch();
	ck_assert(ms_traffic_pump_stops(pump));
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/set_away");
	TCase *wide = tcase_create("wide"), *small = tcase_create("small");
	TCase *warden = tcase_create("warden");

	tcase_add_checked_fixture(wide, setup, NULL);
	tcase_set_timeout(wide, 90);
	tcase_add_test(wide, what_comes_in_is_in_force_at_once);
	tcase_add_test(wide, what_goes_is_answered_for_behind_the_rounds);
	tcase_add_test(wide, a_flow_that_was_judged_meanwhile_is_judged_again);
	tcase_add_test(wide, a_member_that_comes_meanwhile_is_in_at_once);
	tcase_add_test(wide, the_same_one_may_come_back_meanwhile);
	tcase_add_test(wide, the_same_one_may_go_again_meanwhile);
	tcase_add_test(wide, a_policy_that_is_applied_meanwhile_ends_it);
	tcase_add_loop_test(wide, a_daemon_that_ends_meanwhile_has_it_done_by_the_next, 0, 2);
	tcase_add_test(wide, who_asked_may_be_gone);
	tcase_add_test(wide, without_a_place_it_waits_for_the_rounds);
	tcase_add_loop_test(wide, where_the_rest_cannot_be_told_all_are_asked, 0, 2);
	tcase_add_loop_test(wide, what_is_refused_is_as_it_was, 0, (int)ms_array_size(refusals));
	suite_add_tcase(suite, wide);
	tcase_add_checked_fixture(warden, setup_warden, NULL);
	tcase_set_timeout(warden, 90);
	tcase_add_test(warden, what_a_plugin_puts_in_is_in_force_at_once);
	suite_add_tcase(suite, warden);
	tcase_add_checked_fixture(small, setup_small, NULL);
	tcase_set_timeout(small, 90);
	tcase_add_test(small, interfaces_come_while_members_go_with_a_switch);
	tcase_add_test(small, members_go_before_interfaces_come_with_a_policy);
	tcase_add_test(small, a_flow_of_one_that_goes_with_a_switch_is_judged_again);
	tcase_add_test(small, interfaces_come_while_many_of_its_own_are_written);
	suite_add_tcase(suite, small);
	return ms_netns_run(suite);
}
