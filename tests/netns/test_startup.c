/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon starts under a hundred live connections, a quarter each over loopback, a routed veth,
 * a bridged veth and a published port. None may lose a packet: with the policy that blocks nothing,
 * and with one that denies what the connections' answers look like when their beginning was never
 * seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define PER_PATH 25
#define PATHS 4
#define ROUNDS 10 /* of each connection after the start */

static const struct {
	const char *name, *policy;
} policies[] = {
	{ "blocks nothing",
	  "version: 1\n"
	  "groups:\n"
	  "  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	  "  - { name: work, match: { kind: veth }, default: { in: allow, out: allow } }\n" },
	/* Every connection was begun by a workload, so only their beginnings are allowed; and what
	 * the bridge tells its ports of groups when it pleases. */
	{ "allows what workloads begin",
	  "version: 1\n"
	  "groups:\n"
	  "  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	  "  - { name: work, match: { kind: veth }, default: { in: deny, out: allow } }\n"
	  "failsafe: { in: [], out: [] }\n"
	  "rules:\n"
	  "  - { id: igmp, dir: in, proto: igmp, action: allow }\n"
	  "  - { id: bridged, dir: in, to: 10.5.0.3, proto: tcp, dport: 80, action: allow }\n"
	  "  - { id: published, dir: in, to: 10.4.0.2, proto: tcp, dport: 80, action: allow }\n" },
};

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static struct ms_traffic_pump *pumps[PATHS * PER_PATH];

static void make_bridge(void)
{
	ms_netns_run_command("ip link add bridge0 type bridge && ip link set bridge0 up");
	for (int i = 2; i <= 3; i++) {
		char ns[8];

		snprintf(ns, sizeof(ns), "b%d", i);
		ms_netns_add(ns);
		ms_netns_run_command("ip link add port%d type veth peer name eth0 netns %s && "
				     "ip link set port%d master bridge0 up && "
				     "ip -n %s addr add 10.5.0.%d/24 dev eth0 && "
				     "ip -n %s link set eth0 up",
				     i, ns, i, ns, i, ns);
		ms_netns_go(ns);
		ms_netns_wait_carrier("eth0");
		ms_netns_go(NULL);
	}
}

static void make_machine(void)
{
	ms_netns_setup();
	/* Frames between ports of a bridge are judged by tc alone, not by iptables. */
	ms_netns_try_command("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables");
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_netns_add("c");
	ms_netns_veth("veth-c", "c", "10.4.0.", NULL);
	make_bridge();
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv4/ip_forward && "
			     "iptables -t nat -A PREROUTING -d 10.1.0.1 -p tcp --dport 8080 "
			     "-j DNAT --to-destination 10.4.0.2:80");
	ms_traffic_server(NULL, 80);
	ms_traffic_server("c", 80);
	ms_traffic_server("b3", 80);
}

static void connect_all(void)
{
	static const struct {
		const char *from, *to;
		uint16_t port;
	} paths[PATHS] = {
		{ NULL, "127.0.0.1", 80 }, /* loopback */
		{ "a", "10.1.0.1", 80 },   /* routed */
		{ "b2", "10.5.0.3", 80 },  /* bridged */
		{ "a", "10.1.0.1", 8080 }, /* published, behind veth-c */
	};

	for (int path = 0; path < PATHS; path++)
		for (int i = 0; i < PER_PATH; i++)
			pumps[path * PER_PATH + i] =
				ms_traffic_pump_start(paths[path].from, MS_TRAFFIC_TCP,
						      paths[path].to, paths[path].port, 20);
}

static bool all_have_advanced(void *user)
{
	const uint64_t *goals = user;

	for (int i = 0; i < PATHS * PER_PATH; i++)
		if (pumps[i]->rounds < goals[i])
			return false;
	return true;
}

static void expect_all_to_advance(void)
{
	uint64_t goals[PATHS * PER_PATH];

	for (int i = 0; i < PATHS * PER_PATH; i++)
		goals[i] = pumps[i]->rounds + ROUNDS;
	ck_assert_msg(ms_netns_wait(all_have_advanced, goals, 30), "a connection stands still");
}

/* What programs on clsact hooks have dropped, from the kernel. How long an answer took, or whether
 * TCP sent it twice, would tell of the machine's load as well. */
static unsigned long long dropped_by_hooks(void)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text),
			      "tc -s -j qdisc show | jq '[.[] | select(.kind == \"clsact\") | "
			      ".drops] | if length == 0 then error(\"no clsact\") else add end'");
	ck_assert_str_ne(text, "");
	return strtoull(text, NULL, 10);
}

START_TEST(no_live_connection_loses_a_packet)
{
	make_machine();
	connect_all();
	expect_all_to_advance();
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policies[_i].policy);
	ms_proc_start(microsegd, NULL);
	expect_all_to_advance();
	for (int i = 0; i < PATHS * PER_PATH; i++)
		ck_assert_msg(pumps[i]->error == 0, "%s: path %d: %s", policies[_i].name,
			      i / PER_PATH, strerror(pumps[i]->error));
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_uint_eq(dropped_by_hooks(), 0);
	/* Every one of them is known by now, on each interface that it crosses:
	 * lo 1, veth-a 1, two ports of the bridge, veth-a and veth-c. */
	ck_assert_int_ge(ms_ctl_stat(microsegd, "new_session"), PER_PATH * 6);
	ms_proc_stop(microsegd);
}
END_TEST

/* The twin: what the policy denies in both directions is not waved through as an old flow. */
START_TEST(a_live_connection_that_the_policy_denies_ends)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server(NULL, 80);
	pumps[0] = ms_traffic_pump_start("a", MS_TRAFFIC_TCP, "10.1.0.1", 80, 5);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml",
			     "version: 1\n"
			     "groups:\n"
			     "  - { name: work, match: { kind: veth }, "
			     "default: { in: deny, out: deny } }\n");
	ms_proc_start(microsegd, NULL);
	json_decref(ms_ctl_event(microsegd, "default/work/out", "deny"));
	ck_assert(ms_traffic_pump_stops(pumps[0]));
	ck_assert_uint_gt(dropped_by_hooks(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/startup");
	TCase *tcase = tcase_create("startup");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, no_live_connection_loses_a_packet, 0,
			    sizeof(policies) / sizeof(policies[0]));
	tcase_add_test(tcase, a_live_connection_that_the_policy_denies_ends);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
