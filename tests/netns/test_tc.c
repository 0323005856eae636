/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/tc.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"
#include "netlink/request.h"
#include "tests/harness/netns.h"
#include "tests/netns/hooks.h"

static struct ms_tc *tc;

static void set_up(void)
{
	ms_netns_setup();
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	/* Only frames of the test's own: no address, no neighbour discovery. */
	ms_netns_run_command("echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6");
	ms_hooks_up("a0", "a1");
	ms_hooks_load();
	ck_assert_int_eq(ms_tc_open(&tc), 0);
}

static void tear_down(void)
{
	tc = ms_tc_close(tc);
}

static struct ms_tc_request request_for(const char *ifname)
{
	return (struct ms_tc_request) {
		.ifindex = ms_hooks_ifindex(ifname),
		.program = { ms_hooks_fd(MS_HOOKS_INGRESS), ms_hooks_fd(MS_HOOKS_EGRESS) },
		.result = 1,
	};
}

static void attach(const char *ifname)
{
	struct ms_tc_request request = request_for(ifname);

	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_int_eq(request.result, 0);
}

static void detach(const char *ifname)
{
	ck_assert_int_eq(ms_tc_detach(tc, ms_hooks_ifindex(ifname)), 0);
}

static struct ms_tc_state query(const char *ifname)
{
	struct ms_tc_state state;

	ck_assert_int_eq(ms_tc_query(tc, ms_hooks_ifindex(ifname), &state), 0);
	return state;
}

/* What `tc` says, which knows nothing of us. */
static unsigned int shown(const char *ifname, const char *hook, const char *pattern)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text), "tc filter show dev %s %s | grep -c '%s' || true",
			      ifname, hook, pattern);
	return (unsigned int)strtoul(text, NULL, 10);
}

static bool has_clsact(const char *ifname)
{
	return ms_netns_try_command("tc qdisc show dev %s | grep -q clsact", ifname) == 0;
}

static void must_be_attached_once(const char *ifname)
{
	struct ms_tc_state state = query(ifname);

	ck_assert(has_clsact(ifname));
	for (int hook = 0; hook < 2; hook++) {
		ck_assert_uint_eq(state.ours[hook], 1);
		ck_assert_uint_eq(state.program_id[hook], ms_hooks_id((enum ms_hooks_program)hook));
	}
	ck_assert_uint_eq(shown(ifname, "ingress", " ms_ingress direct-action "), 1);
	ck_assert_uint_eq(shown(ifname, "egress", " ms_egress direct-action "), 1);
}

static void must_judge(void)
{
	ms_hooks_must_run("a1", 5, MS_HOOKS_INGRESS);
	ms_hooks_must_run("a0", 7, MS_HOOKS_EGRESS);
}

START_TEST(both_hooks_get_their_program)
{
	struct ms_tc_state state;

	attach("a0");
	must_be_attached_once("a0");
	must_judge();
	ck_assert(!has_clsact("a1"));

	detach("a0");
	ck_assert(!has_clsact("a0"));
	state = query("a0");
	ck_assert_uint_eq(state.ours[0] + state.ours[1], 0);
}
END_TEST

START_TEST(new_version_takes_the_place_of_the_old_one)
{
	uint32_t old = ms_hooks_id(MS_HOOKS_INGRESS);

	attach("a0");
	ck_assert_uint_eq(shown("a0", "ingress", "handle 0x6d73 "), 1);
	ms_hooks_load();
	ck_assert_uint_ne(ms_hooks_id(MS_HOOKS_INGRESS), old);
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(shown("a0", "ingress", "handle 0x6d73 "), 1);
	must_judge();
}
END_TEST

START_TEST(foreign_filter_in_our_place_stays_and_runs)
{
	struct ms_tc_state state;

	ms_netns_run_command("tc qdisc add dev a0 clsact");
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, MS_TC_PRIORITY, MS_TC_HANDLE, "theirs",
			    MS_HOOKS_FOREIGN);
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, MS_TC_PRIORITY, MS_TC_HANDLE | MS_TC_GUEST,
			    "theirs", MS_HOOKS_FOREIGN);
	attach("a0");
	must_be_attached_once("a0");
	state = query("a0");
	ck_assert_uint_eq(state.foreign[MS_HOOK_INGRESS], 2);
	ck_assert_uint_eq(state.foreign[MS_HOOK_EGRESS], 0);
	ms_hooks_must_run("a1", 5, MS_HOOKS_INGRESS);
	ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_FOREIGN), 10);
	/* again: what we gave way to is still given way to */
	attach("a0");
	must_be_attached_once("a0");

	detach("a0");
	ck_assert_uint_eq(shown("a0", "ingress", " theirs "), 2);
	ck_assert_uint_eq(shown("a0", "ingress", " ms_"), 0);
	ck_assert(has_clsact("a0"));
}
END_TEST

int __real_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent);
int __wrap_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent);

static bool somebody_is_quicker;
static bool somebody_comes_late; /* when it has been read who has a clsact qdisc */

int __wrap_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent)
{
	int r = __real_ms_request_dump(request, message, on_answer, user, ret_inconsistent);

	if (somebody_is_quicker) {
		somebody_is_quicker = false;
		ms_hooks_add_filter("a0", MS_HOOK_INGRESS, MS_TC_PRIORITY,
				    MS_TC_HANDLE | MS_TC_GUEST, "theirs", MS_HOOKS_FOREIGN);
	}
	if (somebody_comes_late && nlmsg_hdr(message)->nlmsg_type == RTM_GETQDISC) {
		somebody_comes_late = false;
		ms_netns_run_command("tc qdisc add dev a1 clsact");
	}
	return r;
}

START_TEST(foreign_qdisc_that_comes_during_a_batch_is_seen)
{
	struct ms_tc_request requests[] = { request_for("a0"), request_for("a1") };

	ms_netns_run_command("tc qdisc add dev a0 clsact");
	somebody_comes_late = true;
	ck_assert_int_eq(ms_tc_attach(tc, requests, 2), 0);
	ck_assert(!somebody_comes_late);
	ck_assert_int_eq(requests[1].result, 0);
	must_be_attached_once("a1");
}
END_TEST

START_TEST(foreign_filter_that_comes_between_look_and_attach_stays)
{
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	somebody_is_quicker = true;
	attach("a0");
	ck_assert(!somebody_is_quicker);
	must_be_attached_once("a0");
	ck_assert_uint_eq(shown("a0", "ingress", " theirs "), 1);
}
END_TEST

START_TEST(foreign_kind_at_our_priority_stays)
{
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	ms_netns_run_command("tc filter add dev a0 egress protocol all prio %d u32 match u32 0 0",
			     MS_TC_PRIORITY);
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(shown("a0", "egress", "pref 50 bpf .* ms_egress"), 1);
	ck_assert_uint_eq(shown("a0", "ingress", "pref 49 bpf .* ms_ingress"), 1);
	detach("a0");
	ck_assert_uint_ge(shown("a0", "egress", "u32"), 1);
}
END_TEST

START_TEST(ours_is_found_behind_any_number_of_others)
{
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	for (uint16_t i = 1; i <= 100; i++)
		ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 1, i, "theirs", MS_HOOKS_FOREIGN);
	attach("a0");
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(query("a0").foreign[MS_HOOK_INGRESS], 100);
	ck_assert_uint_eq(query("a0").before[MS_HOOK_INGRESS], 100);
}
END_TEST

START_TEST(more_than_one_of_ours_is_mended)
{
	attach("a0");
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 60, 0x77, "ms_ingress", MS_HOOKS_INGRESS);
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 60, 0x78, "theirs", MS_HOOKS_FOREIGN);
	ck_assert_uint_eq(query("a0").ours[MS_HOOK_INGRESS], 2);
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(shown("a0", "ingress", " theirs "), 1);
}
END_TEST

START_TEST(qdisc_goes_only_if_we_made_it_and_nothing_else_is_on_it)
{
	/* The author is known to a process that did not make it. */
	attach("a0");
	tc = ms_tc_close(tc);
	ck_assert_int_eq(ms_tc_open(&tc), 0);
	detach("a0");
	ck_assert(!has_clsact("a0"));

	/* Somebody else's, even if empty. */
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	attach("a0");
	must_be_attached_once("a0");
	detach("a0");
	ck_assert(has_clsact("a0"));
	ms_netns_run_command("tc qdisc del dev a0 clsact");

	/* Ours, but used by somebody else by now. */
	attach("a0");
	ms_hooks_add_filter("a0", MS_HOOK_EGRESS, 1, 1, "theirs", MS_HOOKS_FOREIGN);
	detach("a0");
	ck_assert(has_clsact("a0"));
	ck_assert_uint_eq(shown("a0", "egress", " theirs "), 1);
	ck_assert_uint_eq(shown("a0", "egress", " ms_"), 0);
}
END_TEST

START_TEST(half_that_was_removed_comes_back_under_the_same_mark)
{
	attach("a0");
	ms_netns_run_command("tc filter del dev a0 ingress prio %d", MS_TC_PRIORITY);
	ck_assert_uint_eq(query("a0").ours[MS_HOOK_INGRESS], 0);
	attach("a0");
	must_be_attached_once("a0");
	must_judge();
	detach("a0");
	ck_assert(!has_clsact("a0"));
}
END_TEST

START_TEST(one_hook_alone)
{
	struct ms_tc_request request = request_for("a0");

	request.program[MS_HOOK_EGRESS] = -1;
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_int_eq(request.result, 0);
	ck_assert_uint_eq(query("a0").ours[MS_HOOK_INGRESS], 1);
	ck_assert_uint_eq(query("a0").ours[MS_HOOK_EGRESS], 0);

	/* and off one that had it */
	attach("a1");
	request.ifindex = ms_hooks_ifindex("a1");
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_int_eq(request.result, 0);
	ck_assert_uint_eq(query("a1").ours[MS_HOOK_INGRESS], 1);
	ck_assert_uint_eq(query("a1").ours[MS_HOOK_EGRESS], 0);
}
END_TEST

/* Of the messages about qdiscs and filters, those of the latter that come before the first of each
 * next device: the qdisc's. */
static void must_be_told_device_by_device(int events, const struct ms_tc_request *requests,
					  unsigned int count)
{
	static char buf[65536] __attribute__((aligned(8)));
	unsigned int filters = 0, at = 0;
	ssize_t n;

	while ((n = recv(events, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *message = (struct nlmsghdr *)buf;

		for (unsigned int left = (unsigned int)n; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			const struct tcmsg *about = NLMSG_DATA(message);

			if (message->nlmsg_type != RTM_NEWTFILTER)
				continue;
			ck_assert_uint_lt(at, count);
			ck_assert_int_eq(about->tcm_ifindex, (int)requests[at].ifindex);
			at += ++filters % 2 == 0;
		}
	}
	ck_assert_uint_eq(at, count);
}

START_TEST(each_has_its_filters_before_the_next_one_is_begun)
{
	const struct sockaddr_nl local = { .nl_family = AF_NETLINK,
					   .nl_groups = 1u << (RTNLGRP_TC - 1) };
	ms_cleanup(ms_close_fd) int events =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct ms_tc_request requests[8];

	for (unsigned int i = 0; i < ms_array_size(requests); i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%u", i);
		ms_netns_run_command("ip link add %s type veth peer name p%s", name, name);
		requests[i] = request_for(name);
	}
	/* Somebody was there before us: settled in its turn, too. */
	ms_netns_run_command("tc qdisc add dev m3 clsact");
	ck_assert_int_eq(bind(events, (const struct sockaddr *)&local, sizeof(local)), 0);
	ck_assert_int_eq(ms_tc_attach(tc, requests, ms_array_size(requests)), 0);
	must_be_told_device_by_device(events, requests, ms_array_size(requests));
	must_be_attached_once("m3");
}
END_TEST

START_TEST(bad_one_in_a_batch_fails_alone)
{
	struct ms_tc_request requests[] = { request_for("a0"), request_for("a0"),
					    request_for("a1") };

	requests[1].ifindex = 4711;
	ck_assert_int_eq(ms_tc_attach(tc, requests, 3), 0);
	ck_assert_int_eq(requests[0].result, 0);
	ck_assert_int_eq(requests[1].result, -ENODEV);
	ck_assert_int_eq(requests[2].result, 0);
	must_be_attached_once("a0");
	must_be_attached_once("a1");
	ck_assert_int_eq(ms_tc_detach(tc, 4711), 0);
}
END_TEST

START_TEST(refused_program_leaves_no_qdisc_behind)
{
	struct ms_tc_request request = request_for("a0");

	request.program[MS_HOOK_INGRESS] = request.program[MS_HOOK_EGRESS] = 0; /* no program */
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_int_lt(request.result, 0);
	ck_assert(!has_clsact("a0"));
}
END_TEST

START_TEST(ingress_qdisc_is_not_replaced)
{
	struct ms_tc_request request = request_for("a0");

	ms_netns_run_command("tc qdisc add dev a0 ingress");
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_int_eq(request.result, -EBUSY);
	ms_netns_run_command("tc qdisc show dev a0 | grep -q 'qdisc ingress'");
	detach("a0");
	ms_netns_run_command("tc qdisc show dev a0 | grep -q 'qdisc ingress'");
}
END_TEST

START_TEST(what_passed_before_is_counted)
{
	struct ms_tc_request request = request_for("a0");

	ms_hooks_send("a1", 11);
	ms_hooks_send("a0", 4);
	request.wants_packets = true;
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert(request.has_packets);
	ck_assert_uint_eq(request.received, 11);
	ck_assert_uint_eq(request.sent, 4);
	/* on an interface that has a qdisc already, too */
	must_judge();
	request = request_for("a0");
	ck_assert_int_eq(ms_tc_attach(tc, &request, 1), 0);
	ck_assert_uint_eq(request.received, 11 + 5);
	ck_assert_uint_eq(request.sent, 4 + 7);
}
END_TEST

/* Made messages serve one interface after the other, with the counters or without, and on one hook
 * or both. */
START_TEST(each_of_many_gets_what_it_asks_for)
{
	struct ms_tc_request requests[6];

	for (unsigned int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%u", i);
		ms_netns_run_command("ip link add %s type veth peer name p%s", name, name);
		requests[i] = request_for(name);
		requests[i].wants_packets = i % 2;
		if (i >= 2 && i < 4)
			requests[i].program[MS_HOOK_EGRESS] = -1;
	}
	ck_assert_int_eq(ms_tc_attach(tc, requests, 6), 0);
	for (unsigned int i = 0; i < 6; i++) {
		struct ms_tc_state state;

		ck_assert_int_eq(requests[i].result, 0);
		ck_assert_int_eq(requests[i].has_packets, i % 2);
		ck_assert_int_eq(ms_tc_query(tc, requests[i].ifindex, &state), 0);
		ck_assert_uint_eq(state.ours[MS_HOOK_INGRESS], 1);
		ck_assert_uint_eq(state.ours[MS_HOOK_EGRESS], i < 2 || i >= 4);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/tc");
	TCase *tcase = tcase_create("tc");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, both_hooks_get_their_program);
	tcase_add_test(tcase, new_version_takes_the_place_of_the_old_one);
	tcase_add_test(tcase, foreign_filter_in_our_place_stays_and_runs);
	tcase_add_test(tcase, foreign_filter_that_comes_between_look_and_attach_stays);
	tcase_add_test(tcase, foreign_qdisc_that_comes_during_a_batch_is_seen);
	tcase_add_test(tcase, foreign_kind_at_our_priority_stays);
	tcase_add_test(tcase, ours_is_found_behind_any_number_of_others);
	tcase_add_test(tcase, more_than_one_of_ours_is_mended);
	tcase_add_test(tcase, qdisc_goes_only_if_we_made_it_and_nothing_else_is_on_it);
	tcase_add_test(tcase, half_that_was_removed_comes_back_under_the_same_mark);
	tcase_add_test(tcase, one_hook_alone);
	tcase_add_test(tcase, each_has_its_filters_before_the_next_one_is_begun);
	tcase_add_test(tcase, bad_one_in_a_batch_fails_alone);
	tcase_add_test(tcase, refused_program_leaves_no_qdisc_behind);
	tcase_add_test(tcase, ingress_qdisc_is_not_replaced);
	tcase_add_test(tcase, what_passed_before_is_counted);
	tcase_add_test(tcase, each_of_many_gets_what_it_asks_for);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
