/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of the plugins that teach, in the datapath itself. That they do the same in the
 * stand-in host is what their own tests hold, which are installed with them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "plugins/example_count/example_count.h"
#include "plugins/ttl_guard/ttl_guard.h"
#include "tests/bpf/rig_plugin.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define VLAN 0x8100

static struct ms_pkt with_ttl(struct ms_pkt pkt, uint8_t ttl)
{
	pkt.frame[pkt.l3 + (pkt.family == 6 ? 7 : 8)] = ttl;
	return pkt;
}

/* ---- ttl_guard ---- */

static void guard(uint8_t min, enum ttl_guard_dir dir, const char *rest)
{
	struct ttl_guard_args args = { .min = min, .dir = (__u8)dir };

	ms_rig_add_plugin("ttl_guard", &args, sizeof(args));
	ms_rig_plugin_rule("[ttl_guard, allow]", rest);
}

START_TEST(a_packet_below_the_least_ttl_is_denied_in_a_session_too)
{
	struct ms_pkt udp = ms_pkt_udp(A, 1, B, 2), six = ms_pkt_udp(A6, 1, B6, 2), pkt;

	guard(60, TTL_GUARD_BOTH, "");
	pkt = with_ttl(udp, 60);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	pkt = with_ttl(udp, 59);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny action r");
	pkt = with_ttl(udp, 60);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow session r");
	pkt = with_ttl(six, 59);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny action r");
	pkt = with_ttl(six, 255);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow session r");
}
END_TEST

START_TEST(the_ttl_is_found_behind_tags_and_before_extensions)
{
	struct ms_pkt tagged = ms_pkt_udp(A, 1, B, 2), extended = ms_pkt_udp(A6, 1, B6, 2);

	guard(60, TTL_GUARD_BOTH, "");
	ms_pkt_extension(&extended, 60, 8);
	for (uint8_t ttl = 59; ttl <= 60; ttl++) {
		const char *text = ttl < 60 ? "deny action r" : "allow session r";
		struct ms_pkt pkt = with_ttl(tagged, ttl);

		ms_pkt_tag(&pkt, VLAN, 5);
		ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, text);
		pkt = with_ttl(extended, ttl);
		ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, text);
	}
}
END_TEST

START_TEST(answers_of_a_flow_are_not_guarded_unless_asked_for)
{
	struct ms_pkt there = with_ttl(ms_pkt_udp(A, 1, B, 2), 255);
	struct ms_pkt back = with_ttl(ms_pkt_udp(B, 2, A, 1), 64);

	guard(255, TTL_GUARD_IN, ", dir: in");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "allow session r");
	there = with_ttl(there, 254);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "deny action r");
}
END_TEST

START_TEST(answers_of_a_flow_are_guarded_if_asked_for)
{
	struct ms_pkt there = with_ttl(ms_pkt_udp(A, 1, B, 2), 255);
	struct ms_pkt back = with_ttl(ms_pkt_udp(B, 2, A, 1), 64);

	guard(255, TTL_GUARD_BOTH, ", dir: in");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "deny action r");
}
END_TEST

START_TEST(audit_mode_lets_through_what_the_guard_denies)
{
	struct ms_pkt pkt = with_ttl(ms_pkt_udp(A, 1, B, 2), 1);

	guard(60, TTL_GUARD_BOTH, ", mode: audit");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "audit action r");
}
END_TEST

/* ---- example_count ---- */

/* What was counted, over all CPUs, of the only rule there is. */
static struct example_count_sums counted(struct bpf_object *object)
{
	int map = bpf_object__find_map_fd_by_name(object, "sums"),
	    cpus = libbpf_num_possible_cpus();
	ms_cleanup(ms_free) struct example_count_sums *values =
		calloc((size_t)cpus, sizeof(*values));
	struct example_count_sums sum = { 0 };
	uint32_t rule, next;

	ck_assert_int_eq(bpf_map_get_next_key(map, NULL, &rule), 0);
	ck_assert_int_eq(bpf_map_get_next_key(map, &rule, &next), -ENOENT);
	ck_assert_int_eq(bpf_map_lookup_elem(map, &rule, values), 0);
	for (int i = 0; i < cpus; i++) {
		sum.packets += values[i].packets;
		sum.bytes += values[i].bytes;
		sum.large += values[i].large;
	}
	return sum;
}

START_TEST(every_packet_of_a_flow_is_counted_once)
{
	struct ms_pkt syn = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN);
	struct ms_pkt back = ms_pkt_tcp(B, 2, A, 1, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_pkt ack = ms_pkt_tcp(A, 1, B, 2, MS_PKT_ACK);
	struct example_count_args args = { .over = syn.len };
	struct bpf_object *object = ms_rig_add_plugin("example_count", &args, sizeof(args));
	struct example_count_sums sum;

	ms_rig_policy(MS_RIG_PLUGIN_HEAD
		      "  - { id: r, action: [example_count, allow], fallback: deny }\n");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &syn, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "allow session r");
	for (int i = 0; i < 100; i++)
		ms_rig_plugin_expect(MS_RIG_INGRESS, &ack, "allow session r");
	sum = counted(object);
	ck_assert_uint_eq(sum.packets, 102);
	ck_assert_uint_eq(sum.bytes, syn.len + back.len + 100 * ack.len);
	ck_assert_uint_eq(sum.large, 0);
	ms_pkt_tag(&ack, VLAN, 5);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &ack, "allow rule r");
	ck_assert_uint_eq(counted(object).large, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("teaching_programs");
	TCase *tcase = tcase_create("teaching_programs");

	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_plugin_setup, NULL);
	tcase_add_test(tcase, a_packet_below_the_least_ttl_is_denied_in_a_session_too);
	tcase_add_test(tcase, the_ttl_is_found_behind_tags_and_before_extensions);
	tcase_add_test(tcase, answers_of_a_flow_are_not_guarded_unless_asked_for);
	tcase_add_test(tcase, answers_of_a_flow_are_guarded_if_asked_for);
	tcase_add_test(tcase, audit_mode_lets_through_what_the_guard_denies);
	tcase_add_test(tcase, every_packet_of_a_flow_is_counted_once);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
