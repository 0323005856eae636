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
#include "plugins/reject/reject.h"
#include "tests/bpf/rig.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define C "10.0.0.7"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define HEAD                                                                                       \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: deny } }\n"            \
	"failsafe: { in: [], out: [] }\n"                                                          \
	"rules:\n"

static void setup(void)
{
	ms_rig_setup();
	ms_rig_policy(HEAD "  - { id: none, action: deny }\n");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
}

/* One rule r for everything. */
static void rule(const char *action, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), HEAD "  - { id: r, action: %s, fallback: deny%s }\n", action,
		 rest);
	ms_rig_policy(text);
}

static void expect(enum ms_rig_hook hook, const struct ms_pkt *pkt, const char *text)
{
	struct ms_rig_result result = ms_rig_run(hook, pkt);
	char got[128];

	snprintf(got, sizeof(got), "%s %s %s", result.verdict, result.reason, result.author);
	ck_assert_str_eq(got, text);
}

static uint64_t count_of(struct bpf_object *object, uint32_t what)
{
	int map = bpf_object__find_map_fd_by_name(object, "counts"),
	    cpus = libbpf_num_possible_cpus();
	ms_cleanup(ms_free) uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	uint64_t sum = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(map, &what, values), 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

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
	rule(list, "");
}

START_TEST(a_rules_packets_share_a_bucket)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), two = ms_pkt_udp(C, 1, B, 2);

	limit(two_packets(RATELIMIT_BY_RULE), "[ratelimit, allow]");
	expect(MS_RIG_INGRESS, &one, "allow rule r");
	expect(MS_RIG_INGRESS, &two, "allow rule r");
	expect(MS_RIG_INGRESS, &one, "deny action r");
	expect(MS_RIG_INGRESS, &two, "deny action r");
	/* The twin without the limit. */
	rule("allow", "");
	expect(MS_RIG_INGRESS, &one, "allow rule r");
}
END_TEST

START_TEST(a_source_has_a_bucket_of_its_own)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), other_port = ms_pkt_udp(A, 9, B, 2);
	struct ms_pkt two = ms_pkt_udp(C, 1, B, 2), six = ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN);

	limit(two_packets(RATELIMIT_BY_SOURCE), "[ratelimit, allow]");
	expect(MS_RIG_INGRESS, &one, "allow rule r");
	expect(MS_RIG_INGRESS, &other_port, "allow rule r");
	expect(MS_RIG_INGRESS, &one, "deny action r");
	expect(MS_RIG_INGRESS, &two, "allow rule r");
	expect(MS_RIG_INGRESS, &six, "allow rule r");
}
END_TEST

START_TEST(both_directions_of_a_session_share_a_bucket)
{
	struct ms_pkt there = ms_pkt_udp(A, 1, B, 2), back = ms_pkt_udp(B, 2, A, 1);
	struct ms_pkt other = ms_pkt_udp(A, 9, B, 2);

	limit(two_packets(RATELIMIT_BY_SESSION), "[ratelimit, allow]");
	expect(MS_RIG_INGRESS, &there, "allow rule r");
	expect(MS_RIG_EGRESS, &back, "allow session r");
	expect(MS_RIG_INGRESS, &there, "deny action r");
	expect(MS_RIG_EGRESS, &back, "deny action r");
	expect(MS_RIG_INGRESS, &other, "allow rule r");
}
END_TEST

START_TEST(a_rule_has_a_bucket_of_its_own)
{
	struct ms_pkt one = ms_pkt_udp(A, 1, B, 2), two = ms_pkt_udp(A, 1, B, 3);
	struct ratelimit_args args = two_packets(RATELIMIT_BY_SOURCE);

	ms_rig_add_plugin("ratelimit", &args, sizeof(args));
	ms_rig_policy(
		HEAD
		"  - { id: r2, proto: udp, dport: 2, action: [ratelimit, allow], fallback: deny }\n"
		"  - { id: r3, proto: udp, dport: 3, action: [ratelimit, allow], fallback: deny }\n");
	expect(MS_RIG_INGRESS, &one, "allow rule r2");
	expect(MS_RIG_INGRESS, &one, "allow session r2");
	expect(MS_RIG_INGRESS, &one, "deny action r2");
	expect(MS_RIG_INGRESS, &two, "allow rule r3");
}
END_TEST

START_TEST(what_is_over_the_rate_gets_the_declared_verdict)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	struct ratelimit_args args = two_packets(RATELIMIT_BY_RULE);

	args.excess = MS_VERDICT_ALLOW;
	limit(args, "[ratelimit, deny]");
	expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	expect(MS_RIG_INGRESS, &pkt, "allow action r");
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

START_TEST(the_rate_is_kept_within_a_twentieth)
{
	uint64_t rate = rates[_i];
	struct ratelimit_args args = {
		.rate = rate, .burst = rate / 4, .id = 1, .excess = MS_VERDICT_DENY
	};
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	struct __sk_buff context = { .ifindex = MS_RIG_IFINDEX };
	struct bpf_object *object = ms_rig_add_plugin("ratelimit", &args, sizeof(args));
	double begin, end, allowed, due, sent = 0;

	rule("[ratelimit, allow]", "");
	/* A thousand at once, so that more are sent than may pass, but on emulated processors. A
	 * stall below a quarter of a second fills the bucket at most, and is part of the time. */
	begin = now();
	do {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt.frame,
			    .data_size_in = (uint32_t)pkt.len, .ctx_in = &context,
			    .ctx_size_in = sizeof(context), .repeat = 1000);

		ck_assert_int_eq(bpf_prog_test_run_opts(ms_rig_program(MS_RIG_INGRESS), &opts), 0);
		end = now();
		sent += 1000;
	} while (end - begin < 2.0);
	allowed = (double)count_of(object, RATELIMIT_WITHIN);
	due = (double)rate * (0.25 + end - begin);
	ck_assert_msg(allowed < due * 1.05 && allowed > (sent < due ? sent : due) * 0.95,
		      "%.0f passed of %.0f, due are %.0f", allowed, sent, due);
	ck_assert_uint_eq(count_of(object, RATELIMIT_EXCESS), (uint64_t)(sent - allowed));
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
	rule("[mark, allow]", "");
	ck_assert_int_eq(ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context), TC_ACT_UNSPEC);
	ck_assert_uint_eq(context.mark, 0x1200);
	ck_assert_uint_eq(context.priority, 6);
	ck_assert_uint_eq(out.len, pkt.len);
	ck_assert_mem_eq(out.frame, pkt.frame, pkt.len);
	/* The twin, and audit of a rule that would deny something: nothing is touched. */
	rule("allow", "");
	ms_rig_run_changed(MS_RIG_INGRESS, &pkt, &out, &context);
	ck_assert_uint_eq(context.mark, 0);
	rule("[mark, allow]", ", mode: audit");
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
	rule("[mark, allow]", "");
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
	rule("[mark, allow]", "");
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

	rule("[mirror, allow]", "");
	expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(count_of(object, MIRROR_FAILED), 1);
	ck_assert_uint_eq(count_of(object, MIRROR_COPIED), 0);
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
	rule("[mirror, allow]", "");
	ifindex = if_nametoindex("tap0");
	ck_assert_int_eq(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "taps"),
					     args.to, &ifindex, BPF_ANY),
			 0);
	expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(count_of(object, MIRROR_FAILED), 0);
	ck_assert_uint_eq(count_of(object, MIRROR_COPIED), 1);
	/* Under deny too. */
	rule("[mirror, deny]", "");
	expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_eq(count_of(object, MIRROR_COPIED), 2);
	/* Never back to where the packet is. */
	ifindex = MS_RIG_IFINDEX;
	ck_assert_int_eq(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "taps"),
					     args.to, &ifindex, BPF_ANY),
			 0);
	expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_eq(count_of(object, MIRROR_COPIED), 2);
	ck_assert_uint_eq(count_of(object, MIRROR_FAILED), 1);
}
END_TEST

/* ---- reject ---- */

static const struct reject_args many = { .rate = 1000000 };

/* Internet checksum of bytes, with what goes before them; 0 = right. */
static uint16_t sum_bytes(const uint8_t *bytes, size_t size, uint32_t sum)
{
	for (size_t at = 0; at + 1 < size; at += 2)
		sum += (uint32_t)bytes[at] << 8 | bytes[at + 1];
	if (size & 1)
		sum += (uint32_t)bytes[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of the pseudo header, not folded to its complement. */
static uint16_t pseudo_sum(const struct ms_pkt *pkt, size_t l4, uint8_t proto)
{
	size_t addresses = pkt->family == 4 ? 12 : 8;
	uint32_t length = (uint32_t)(pkt->len - l4);

	return (uint16_t)~sum_bytes(pkt->frame + pkt->l3 + addresses, pkt->family == 4 ? 8 : 32,
				    length + proto);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What skb_checksum_help() does to a packet that waits for its checksum. */
static void complete(struct ms_pkt *pkt, size_t start, size_t field)
{
	uint16_t sum = sum_bytes(pkt->frame + start, pkt->len - start, 0);

	put16(pkt->frame + start + field, sum ? sum : 0xffff);
}

/* Runs it, and holds the ends of the answer to be those of the packet, turned. */
static void answer_to(enum ms_rig_hook hook, const struct ms_pkt *pkt, struct ms_pkt *ret_answer)
{
	size_t at = pkt->l3 + (pkt->family == 4 ? 12 : 8), size = pkt->family == 4 ? 4 : 16;
	struct __sk_buff context;

	*ret_answer = *pkt;
	ck_assert_int_eq(ms_rig_run_changed(hook, pkt, ret_answer, &context), TC_ACT_REDIRECT);
	ck_assert_mem_eq(ret_answer->frame, pkt->frame + 6, 6);
	ck_assert_mem_eq(ret_answer->frame + 6, pkt->frame, 6);
	ck_assert_mem_eq(ret_answer->frame + at, pkt->frame + at + size, size);
	ck_assert_mem_eq(ret_answer->frame + at + size, pkt->frame + at, size);
	if (pkt->family == 4) {
		ck_assert_uint_eq(sum_bytes(ret_answer->frame + pkt->l3, 20, 0), 0);
		ck_assert_uint_eq(ret_answer->frame[pkt->l3 + 2] << 8 |
					  ret_answer->frame[pkt->l3 + 3],
				  ret_answer->len - pkt->l3);
	} else {
		ck_assert_uint_eq(ret_answer->frame[pkt->l3 + 4] << 8 |
					  ret_answer->frame[pkt->l3 + 5],
				  ret_answer->len - pkt->l3 - 40);
	}
}

static const struct {
	const char *a, *b;
	enum ms_rig_hook hook;
} ends[] = {
	{ A, B, MS_RIG_INGRESS },
	{ A, B, MS_RIG_EGRESS },
	{ A6, B6, MS_RIG_INGRESS },
	{ A6, B6, MS_RIG_EGRESS },
};

static void reject(void)
{
	ms_rig_add_plugin("reject", &many, sizeof(many));
	rule("[reject, deny]", "");
}

/* RFC 9293, 3.10.7.1: what a closed port says. */
static void expect_reset(const struct ms_pkt *answer, uint8_t flags, uint32_t seq, uint32_t ack)
{
	const uint8_t *tcp = answer->frame + answer->l4;

	ck_assert_uint_eq(answer->len, answer->l4 + 20);
	ck_assert_uint_eq(tcp[0] << 8 | tcp[1], 80);
	ck_assert_uint_eq(tcp[2] << 8 | tcp[3], 1000);
	ck_assert_uint_eq(get32(tcp + 4), seq);
	ck_assert_uint_eq(get32(tcp + 8), ack);
	ck_assert_uint_eq(tcp[12], 0x50);
	ck_assert_uint_eq(tcp[13], flags);
}

START_TEST(a_tcp_packet_gets_a_reset)
{
	struct ms_pkt syn = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_SYN);
	struct ms_pkt data = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_ACK), answer;

	reject();
	put16(syn.frame + syn.l4 + 4, 0x1234);
	answer_to(ends[_i].hook, &syn, &answer);
	expect_reset(&answer, MS_PKT_RST | MS_PKT_ACK, 0,
		     get32(syn.frame + syn.l4 + 4) + MS_PKT_PAYLOAD + 1);
	ck_assert_uint_eq(
		sum_bytes(answer.frame + answer.l4, 20, pseudo_sum(&answer, answer.l4, 6)), 0);
	put16(data.frame + data.l4 + 8, 0x4321);
	answer_to(ends[_i].hook, &data, &answer);
	expect_reset(&answer, MS_PKT_RST, get32(data.frame + data.l4 + 8), 0);
	/* A reset gets none, and is denied all the same. */
	syn = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_RST);
	expect(ends[_i].hook, &syn, "deny rule r");
}
END_TEST

START_TEST(a_reset_waits_for_its_checksum_as_the_packet_did)
{
	struct ms_pkt syn = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_SYN), answer;

	reject();
	put16(syn.frame + syn.l4 + 16, pseudo_sum(&syn, syn.l4, 6));
	answer_to(ends[_i].hook, &syn, &answer);
	complete(&answer, answer.l4, 16);
	ck_assert_uint_eq(
		sum_bytes(answer.frame + answer.l4, 20, pseudo_sum(&answer, answer.l4, 6)), 0);
}
END_TEST

START_TEST(another_packet_gets_an_icmp_error)
{
	struct ms_pkt udp = ms_pkt_udp(ends[_i].a, 1000, ends[_i].b, 80), answer;
	bool is4 = udp.family == 4;
	size_t quoted = is4 ? 28 : 48;
	const uint8_t *icmp;

	reject();
	for (int waits = 0; waits < 2; waits++) {
		if (waits)
			put16(udp.frame + udp.l4 + 6, pseudo_sum(&udp, udp.l4, 17));
		answer_to(ends[_i].hook, &udp, &answer);
		icmp = answer.frame + answer.l4;
		ck_assert_uint_eq(answer.len, answer.l4 + 8 + quoted);
		ck_assert_uint_eq(answer.frame[answer.l3 + (is4 ? 9 : 6)], is4 ? 1 : 58);
		ck_assert_uint_eq(icmp[0], is4 ? 3 : 1);
		ck_assert_uint_eq(icmp[1], is4 ? 13 : 1);
		ck_assert_mem_eq(icmp + 8, udp.frame + udp.l3, quoted);
		if (waits)
			complete(&answer, answer.l4, 6);
		ck_assert_uint_eq(
			sum_bytes(icmp, 8 + quoted, is4 ? 0 : pseudo_sum(&answer, answer.l4, 58)),
			0);
	}
}
END_TEST

START_TEST(what_gets_no_answer_is_denied)
{
	struct ms_pkt udp = ms_pkt_udp(A, 1, B, 2), group = ms_pkt_udp(A, 1, "224.0.0.5", 2);
	struct ms_pkt group6 = ms_pkt_udp(A6, 1, "ff02::5", 2),
		      none = ms_pkt_udp("0.0.0.0", 1, B, 2);
	struct ms_pkt error = ms_pkt_error(B, A, 3, 1, &udp), sctp = ms_pkt_sctp(A, 1, B, 2);
	struct ms_pkt reply = ms_pkt_icmp(A, B, 0, 0, 7), echo = ms_pkt_icmp(A, B, 8, 0, 7);
	struct ms_pkt reply6 = ms_pkt_icmp(A6, B6, 129, 0, 7),
		      echo6 = ms_pkt_icmp(A6, B6, 128, 0, 7);
	struct ms_pkt options = ms_pkt_udp(A, 1, B, 2);

	reject();
	ms_pkt_options(&options, 4);
	expect(MS_RIG_INGRESS, &group, "deny rule r");
	expect(MS_RIG_INGRESS, &group6, "deny rule r");
	expect(MS_RIG_INGRESS, &none, "deny rule r");
	expect(MS_RIG_INGRESS, &error, "deny rule r");
	expect(MS_RIG_INGRESS, &reply, "deny rule r");
	expect(MS_RIG_INGRESS, &reply6, "deny rule r");
	expect(MS_RIG_INGRESS, &sctp, "deny rule r");
	expect(MS_RIG_INGRESS, &options, "deny rule r");
	ms_pkt_fragment(&udp, 1, 64, false);
	expect(MS_RIG_INGRESS, &udp, "deny rule r");
	/* The twins. */
	expect(MS_RIG_INGRESS, &echo, "deny action r");
	expect(MS_RIG_INGRESS, &echo6, "deny action r");
	rule("[reject, deny]", ", mode: audit");
	expect(MS_RIG_INGRESS, &echo, "audit rule r");
	rule("[reject, allow]", ", mode: audit");
	expect(MS_RIG_INGRESS, &echo, "allow rule r");
}
END_TEST

START_TEST(no_more_answers_than_the_rate)
{
	struct reject_args args = { .rate = 1 };
	struct bpf_object *object = ms_rig_add_plugin("reject", &args, sizeof(args));
	struct ms_pkt syn = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN);

	rule("[reject, deny]", "");
	for (int i = 0; i < 20; i++)
		ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &syn);
	/* One a second, however long that took. */
	ck_assert_uint_ge(count_of(object, REJECT_ANSWERED), 1);
	ck_assert_uint_gt(count_of(object, REJECT_OVER_RATE), 0);
	ck_assert_uint_eq(count_of(object, REJECT_ANSWERED) + count_of(object, REJECT_OVER_RATE),
			  20);
	expect(MS_RIG_INGRESS, &syn, "deny rule r");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugin_programs");
	TCase *ratelimit = tcase_create("ratelimit"), *mark = tcase_create("mark");
	TCase *mirror = tcase_create("mirror"), *rejects = tcase_create("reject");
	TCase *all[] = { ratelimit, mark, mirror, rejects };

	tcase_add_test(ratelimit, a_rules_packets_share_a_bucket);
	tcase_add_test(ratelimit, a_source_has_a_bucket_of_its_own);
	tcase_add_test(ratelimit, a_rule_has_a_bucket_of_its_own);
	tcase_add_test(ratelimit, both_directions_of_a_session_share_a_bucket);
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
	tcase_add_loop_test(rejects, a_tcp_packet_gets_a_reset, 0, (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, a_reset_waits_for_its_checksum_as_the_packet_did, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, another_packet_gets_an_icmp_error, 0,
			    (int)ms_array_size(ends));
	tcase_add_test(rejects, what_gets_no_answer_is_denied);
	tcase_add_test(rejects, no_more_answers_than_the_rate);
	for (size_t i = 0; i < ms_array_size(all); i++) {
		tcase_set_timeout(all[i], 60);
		tcase_add_checked_fixture(all[i], setup, NULL);
		suite_add_tcase(suite, all[i]);
	}
	return ms_check_run(suite);
}
