/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF programs of our own action plugins, run by the datapath for rules that name them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "plugins/mark/mark.h"
#include "plugins/mirror/mirror.h"
#include "plugins/ratelimit/ratelimit.h"
#include "tests/bpf/rig_plugin.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define C "10.0.0.7"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
/* ---- ratelimit ---- */

/* A byte a second, so that no stall of the test adds a packet: two fit the burst, no third. */
static struct ratelimit_args two_packets(uint8_t by)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	return (struct ratelimit_args) { .rate = 1,
					 .burst = (pkt.len - pkt.l3) * 5 / 2,
					 .id = 1,
					 .is_bytes = 1,
					 .by = by,
					 .excess = MS_VERDICT_DENY };
}

static void limit(struct ratelimit_args args, const char *list)
{
	ms_rig_add_plugin("ratelimit", &args, sizeof(args));
	ms_rig_plugin_rule(list, "");
}

static void put_through(enum ms_rig_hook hook, const struct ms_pkt *pkt, uint32_t ifindex,
			const char *verdict)
{
	ms_rig_iface(&(struct ms_rig_iface) {
		.group = "g", .zone = (uint16_t)ifindex, .ifindex = ifindex });
	ck_assert_str_eq(ms_rig_run(hook, pkt).verdict, verdict);
}

START_TEST(a_rules_packets_share_a_bucket)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), two = ms_pkt_udp(C, 1, B, 2);

	limit(two_packets(RATELIMIT_BY_RULE), "[ratelimit, allow]");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &two, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "deny action r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &two, "deny action r");
	/* The twin without the limit. */
	ms_rig_plugin_rule("allow", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow rule r");
}
END_TEST

START_TEST(a_source_has_a_bucket_of_its_own)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), other_port = ms_pkt_udp(A, 9, B, 2);
	struct ms_pkt two = ms_pkt_udp(C, 1, B, 2), six = ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN);

	limit(two_packets(RATELIMIT_BY_SOURCE), "[ratelimit, allow]");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &other_port, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "deny action r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &two, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &six, "allow rule r");
}
END_TEST

START_TEST(both_directions_of_a_session_share_a_bucket)
{
	struct ms_pkt there = ms_pkt_udp(A, 1, B, 2), back = ms_pkt_udp(B, 2, A, 1);
	struct ms_pkt other = ms_pkt_udp(A, 9, B, 2);

	limit(two_packets(RATELIMIT_BY_SESSION), "[ratelimit, allow]");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "allow session r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "deny action r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "deny action r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &other, "allow rule r");
}
END_TEST

/* On the host's own way from one workload to another it is two sessions. */
START_TEST(a_session_of_each_interface_has_a_bucket_of_its_own)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	ck_assert_int_eq(system("ip link add way0 type veth peer name way1 && "
				"ip link set way1 up && ip link set way0 up"),
			 0);
	limit(two_packets(RATELIMIT_BY_SESSION), "[ratelimit, allow]");
	for (int i = 0; i < 2; i++)
		put_through(MS_RIG_INGRESS, &pkt, MS_RIG_IFINDEX, "allow");
	put_through(MS_RIG_INGRESS, &pkt, MS_RIG_IFINDEX, "deny");
	for (int i = 0; i < 2; i++)
		put_through(MS_RIG_INGRESS, &pkt, if_nametoindex("way0"), "allow");
	put_through(MS_RIG_INGRESS, &pkt, if_nametoindex("way0"), "deny");
}
END_TEST

START_TEST(a_ping_has_a_bucket_of_its_own)
{
	struct ms_pkt one = ms_pkt_icmp(_i ? A6 : A, _i ? B6 : B, _i ? 128 : 8, 0, 77);
	struct ms_pkt answer = ms_pkt_icmp(_i ? B6 : B, _i ? A6 : A, _i ? 129 : 0, 0, 77);
	struct ms_pkt two = ms_pkt_icmp(_i ? A6 : A, _i ? B6 : B, _i ? 128 : 8, 0, 78);
	struct ratelimit_args args = two_packets(RATELIMIT_BY_SESSION);

	args.burst = (one.len - one.l3) * 5 / 2;
	limit(args, "[ratelimit, allow]");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &answer, "allow session r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "deny action r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &two, "allow rule r");
}
END_TEST

START_TEST(a_rule_has_a_bucket_of_its_own)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), two = ms_pkt_udp(A, 1, B, 3);
	struct ratelimit_args args = two_packets(RATELIMIT_BY_SOURCE);

	ms_rig_add_plugin("ratelimit", &args, sizeof(args));
	ms_rig_policy(
		MS_RIG_PLUGIN_HEAD
		"  - { id: r2, proto: udp, dport: 2, action: [ratelimit, allow], fallback: deny }\n"
		"  - { id: r3, proto: udp, dport: 3, action: [ratelimit, allow], fallback: deny }\n");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow rule r2");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "allow session r2");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &one, "deny action r2");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &two, "allow rule r3");
}
END_TEST

START_TEST(what_is_over_the_rate_gets_the_declared_verdict)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	struct ratelimit_args args = two_packets(RATELIMIT_BY_RULE);

	args.excess = MS_VERDICT_ALLOW;
	limit(args, "[ratelimit, deny]");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow action r");
}
END_TEST

START_TEST(a_train_counts_as_its_packets)
{
	struct ratelimit_args args = { .rate = 1, .burst = 10, .id = 1, .excess = MS_VERDICT_DENY };
	struct ms_pkt pkt = ms_pkt_tcp(A, 1, B, 2, MS_PKT_ACK);
	struct ms_rig_result result;

	limit(args, "[ratelimit, allow]");
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 10, 1000);
	ck_assert_str_eq(result.verdict, "allow");
	/* A second a packet: at least the next train of ten is over. */
	result = ms_rig_run_segments(MS_RIG_INGRESS, &pkt, 10, 1000);
	ck_assert_str_eq(result.verdict, "deny");
}
END_TEST

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const uint64_t rates[] = { 100, 10000 };

/* Returns when the last of them was through. */
static double run_through(uint32_t packets)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	struct __sk_buff context = { .ifindex = MS_RIG_IFINDEX };

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt.frame,
		    .data_size_in = (uint32_t)pkt.len, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = (int)packets);
	ck_assert_int_eq(bpf_prog_test_run_opts(ms_rig_program(MS_RIG_INGRESS), &opts), 0);
	return now();
}

#define AT_ONCE 1000
#define EMPTIES 10000 /* packets, more than any burst below */

START_TEST(the_rate_is_kept_within_a_twentieth)
{
	uint64_t rate = rates[_i];
	struct ratelimit_args args = {
		.rate = rate, .burst = rate / 4, .id = 1, .excess = MS_VERDICT_DENY
	};
	struct bpf_object *object = ms_rig_add_plugin("ratelimit", &args, sizeof(args));
	double first, begin, end, last, allowed, most, least, sent = 0, lost = 0;
	uint64_t before, within;

	ms_rig_plugin_rule("[ratelimit, allow]", "");
	first = now();
	begin = end = run_through(EMPTIES);
	before = ms_rig_plugin_count(object, RATELIMIT_WITHIN);
	/* As many as are more than may pass, but on emulated processors. Of a stall an empty bucket
	 * keeps a quarter of a second. */
	do {
		last = end;
		end = run_through(AT_ONCE);
		if (end - last > 0.25)
			lost += end - last - 0.25;
		sent += AT_ONCE;
	} while (end - begin < 2.0);
	within = ms_rig_plugin_count(object, RATELIMIT_WITHIN);
	most = (double)rate * (0.25 + end - first);
	least = (double)rate * (end - begin - lost);
	if (least > sent)
		least = sent;
	allowed = (double)(within - before);
	ck_assert_msg((double)within < most * 1.05 && allowed > least * 0.95,
		      "%.0f passed of %.0f: at least %.0f are due, at most %.0f", allowed, sent,
		      least, most);
	ck_assert_uint_eq(ms_rig_plugin_count(object, RATELIMIT_EXCESS),
			  EMPTIES + (uint64_t)sent - within);
}
END_TEST

/* ---- mark ---- */

/* Makes the IPv4 header's checksum right, or tells what it must be. */
static uint16_t header_sum(const struct ms_pkt *pkt)
{
	uint32_t sum = 0;

	for (size_t at = pkt->l3; at < pkt->l3 + 20; at += 2)
		if (at != pkt->l3 + 10)
			sum += (uint32_t)pkt->frame[at] << 8 | pkt->frame[at + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void set_header_sum(struct ms_pkt *pkt)
{
	uint16_t sum = header_sum(pkt);

	pkt->frame[pkt->l3 + 10] = (uint8_t)(sum >> 8);
	pkt->frame[pkt->l3 + 11] = (uint8_t)sum;
}

static void add_mark(struct mark_args args)
{
	ms_rig_add_plugin("mark", &args, sizeof(args));
}

START_TEST(a_mark_and_a_priority_are_set_and_no_more)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2), out;
	struct __sk_buff context = { 0 };

	add_mark((struct mark_args) { .sets = MARK_SETS_MARK | MARK_SETS_PRIORITY,
				      .mark = 0x1200,
				      .mask = 0xff00,
				      .priority = 6 });
	ms_rig_plugin_rule("[mark, allow]", "");
	ck_assert_int_eq(ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context), TC_ACT_UNSPEC);
	ck_assert_uint_eq(context.mark, 0x1200);
	ck_assert_uint_eq(context.priority, 6);
	ck_assert_uint_eq(out.len, pkt.len);
	ck_assert_mem_eq(out.frame, pkt.frame, pkt.len);
	/* The twin, and audit of a rule that would deny something: nothing is touched. */
	ms_rig_plugin_rule("allow", "");
	ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context);
	ck_assert_uint_eq(context.mark, 0);
	ms_rig_plugin_rule("[mark, allow]", ", mode: audit");
	ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context);
	ck_assert_uint_eq(context.mark, 0);
}
END_TEST

START_TEST(dscp_of_ipv4_keeps_ecn_and_the_checksum_right)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2), out = ms_pkt_udp(A, 1, B, 2);
	struct __sk_buff context;

	ms_pkt_ds(&pkt, 0x29);
	set_header_sum(&pkt);
	add_mark((struct mark_args) { .sets = MARK_SETS_DSCP, .dscp = 46 });
	ms_rig_plugin_rule("[mark, allow]", "");
	for (int i = 0; i < 2; i++) { /* the second packet is a session's */
		ms_rig_run_changed(MS_RIG_EGRESS, &pkt, &out, &context);
		ck_assert_uint_eq(out.frame[out.l3 + 1], 46 << 2 | 1);
		ck_assert_uint_eq(out.frame[out.l3 + 10] << 8 | out.frame[out.l3 + 11],
				  header_sum(&out));
	}
	/* Nothing else is changed. */
	memcpy(out.frame + out.l3 + 10, pkt.frame + pkt.l3 + 10, 2);
	out.frame[out.l3 + 1] = pkt.frame[pkt.l3 + 1];
	ck_assert_mem_eq(out.frame, pkt.frame, pkt.len);
}
END_TEST

START_TEST(dscp_of_ipv6_keeps_ecn_version_and_flow_label)
{
	struct ms_pkt pkt = ms_pkt_udp(A6, 1, B6, 2), out = ms_pkt_udp(A6, 1, B6, 2);
	struct __sk_buff context;

	ms_pkt_ds(&pkt, 0x02);
	pkt.frame[pkt.l3 + 1] |= 0x0a;
	add_mark((struct mark_args) { .sets = MARK_SETS_DSCP, .dscp = 63 });
	ms_rig_plugin_rule("[mark, allow]", "");
	ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context);
	ck_assert_uint_eq(out.frame[out.l3], 0x6f);
	ck_assert_uint_eq(out.frame[out.l3 + 1], 0xea);
	ck_assert_mem_eq(out.frame + out.l3 + 2, pkt.frame + pkt.l3 + 2, pkt.len - pkt.l3 - 2);
}
END_TEST

/* ---- mirror ---- */

START_TEST(a_tap_that_is_not_there_costs_the_copy_only)
{
	struct mirror_args args = { .to = "tap0", .one_in = 1 };
	struct bpf_object *object = ms_rig_add_plugin("mirror", &args, sizeof(args));
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	ms_rig_plugin_rule("[mirror, allow]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_FAILED), 1);
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_COPIED), 0);
}
END_TEST

START_TEST(a_copy_goes_to_the_tap_and_the_packet_goes_on)
{
	struct mirror_args args = { .to = "tap0", .one_in = 1 };
	struct bpf_object *object = ms_rig_add_plugin("mirror", &args, sizeof(args));
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	uint32_t ifindex;

	ck_assert_int_eq(system("ip link add tap0 type veth peer name tap1 && "
				"ip link set tap1 up && ip link set tap0 up && "
				"ip link set lo up"),
			 0);
	ms_rig_plugin_rule("[mirror, allow]", "");
	ifindex = if_nametoindex("tap0");
	ck_assert_int_eq(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "taps"),
					     args.to, &ifindex, BPF_ANY),
			 0);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_FAILED), 0);
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_COPIED), 1);
	/* Under deny too. */
	ms_rig_plugin_rule("[mirror, deny]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_COPIED), 2);
	/* Never back to where the packet is. */
	ifindex = MS_RIG_IFINDEX;
	ck_assert_int_eq(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "taps"),
					     args.to, &ifindex, BPF_ANY),
			 0);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_COPIED), 2);
	ck_assert_uint_eq(ms_rig_plugin_count(object, MIRROR_FAILED), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugin_programs");
	TCase *ratelimit = tcase_create("ratelimit"), *mark = tcase_create("mark");
	TCase *mirror = tcase_create("mirror");
	TCase *all[] = { ratelimit, mark, mirror };

	tcase_add_test(ratelimit, a_rules_packets_share_a_bucket);
	tcase_add_test(ratelimit, a_source_has_a_bucket_of_its_own);
	tcase_add_test(ratelimit, a_rule_has_a_bucket_of_its_own);
	tcase_add_test(ratelimit, both_directions_of_a_session_share_a_bucket);
	tcase_add_loop_test(ratelimit, a_ping_has_a_bucket_of_its_own, 0, 2);
	if (!getenv("MS_TEST_EMULATED"))
		tcase_add_test(ratelimit, a_session_of_each_interface_has_a_bucket_of_its_own);
	tcase_add_test(ratelimit, what_is_over_the_rate_gets_the_declared_verdict);
	tcase_add_test(ratelimit, a_train_counts_as_its_packets);
	tcase_add_loop_test(ratelimit, the_rate_is_kept_within_a_twentieth, 0,
			    (int)ms_array_size(rates));
	tcase_add_test(mark, a_mark_and_a_priority_are_set_and_no_more);
	tcase_add_test(mark, dscp_of_ipv4_keeps_ecn_and_the_checksum_right);
	tcase_add_test(mark, dscp_of_ipv6_keeps_ecn_version_and_flow_label);
	tcase_add_test(mirror, a_tap_that_is_not_there_costs_the_copy_only);
	/* A guest has neither ip(8) nor what makes a link. */
	if (!getenv("MS_TEST_EMULATED"))
		tcase_add_test(mirror, a_copy_goes_to_the_tap_and_the_packet_goes_on);
	for (size_t i = 0; i < ms_array_size(all); i++) {
		tcase_set_timeout(all[i], 60);
		tcase_add_unchecked_fixture(all[i], ms_rig_load, NULL);
		tcase_add_checked_fixture(all[i], ms_rig_plugin_setup, NULL);
		suite_add_tcase(suite, all[i]);
	}
	return ms_check_run(suite);
}
