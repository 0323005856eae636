/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF program of the plugin reject: what it answers, and that the answers are right to the bit.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "plugins/reject/reject.h"
#include "tests/bpf/rig_plugin.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"

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

static struct bpf_object *reject(void)
{
	struct bpf_object *object = ms_rig_add_plugin("reject", &many, sizeof(many));

	ms_rig_plugin_rule("[reject, deny]", "");
	return object;
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
	ms_rig_plugin_expect(ends[_i].hook, &syn, "deny rule r");
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

/* Not of the answer, which the packet is by then. */
static void expect_event(const struct ms_pkt *pkt, enum ms_dir dir, uint8_t proto,
			 uint8_t tcp_flags)
{
	size_t at = pkt->l3 + (pkt->family == 4 ? 12 : 8), size = pkt->family == 4 ? 4 : 16;
	struct ms_event event;

	ck_assert(ms_rig_event(&event));
	ck_assert_uint_eq(event.reason, MS_REASON_ACTION);
	ck_assert_uint_eq(event.dir, dir);
	ck_assert_uint_eq(event.family, pkt->family);
	ck_assert_uint_eq(event.length, pkt->len);
	ck_assert_mem_eq(event.src, pkt->frame + at, size);
	ck_assert_mem_eq(event.dst, pkt->frame + at + size, size);
	ck_assert_uint_eq(event.proto, proto);
	ck_assert_uint_eq(event.tcp_flags, tcp_flags);
	ck_assert_mem_eq(&event.sport, pkt->frame + pkt->l4, 2);
	ck_assert_mem_eq(&event.dport, pkt->frame + pkt->l4 + 2, 2);
	ck_assert(!ms_rig_event(&event));
}

START_TEST(an_event_tells_of_the_packet_that_was_answered)
{
	struct ms_pkt syn = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_SYN);
	struct ms_pkt udp = ms_pkt_udp(ends[_i].a, 1000, ends[_i].b, 80), answer;
	enum ms_dir dir = ends[_i].hook == MS_RIG_INGRESS ? MS_DIR_IN : MS_DIR_OUT;

	reject();
	answer_to(ends[_i].hook, &syn, &answer);
	expect_event(&syn, dir, 6, MS_PKT_SYN);
	answer_to(ends[_i].hook, &udp, &answer);
	expect_event(&udp, dir, 17, 0);
	/* The first packet of a flow, and one of its session. */
	ms_rig_plugin_rule("[reject, allow]", ", log: true");
	for (int i = 0; i < 2; i++) {
		answer_to(ends[_i].hook, &udp, &answer);
		expect_event(&udp, dir, 17, 0);
	}
}
END_TEST

/* ---- the way back ---- */

static enum ms_rig_hook back_of(enum ms_rig_hook hook)
{
	return hook == MS_RIG_INGRESS ? MS_RIG_EGRESS : MS_RIG_INGRESS;
}

/* By each end a TCP packet, and another one, whose answer is an ICMP error. */
static const int n_questions = 2 * (int)ms_array_size(ends);

static struct ms_pkt question(int i, enum ms_rig_hook *ret_hook)
{
	const char *a = ends[i / 2].a, *b = ends[i / 2].b;
	struct ms_pkt data = ms_pkt_tcp(a, 1000, b, 80, MS_PKT_ACK);

	*ret_hook = ends[i / 2].hook;
	if (i % 2)
		return ms_pkt_udp(a, 1000, b, 80);
	put16(data.frame + data.l4 + 8, 0x4321);
	return data;
}

START_TEST(its_answer_passes_once)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer;
	enum ms_rig_hook back = back_of(hook);

	reject();
	answer_to(hook, &asked, &answer);
	/* Asking takes nothing away. */
	ck_assert_str_eq(ms_rig_trace(back, &answer, NULL), "deny rule r");
	/* By the hook that it does not come by: the endpoint that was denied may send the same. */
	ms_rig_plugin_expect(hook, &answer, "deny rule r");
	ms_rig_plugin_expect(back, &answer, "allow action r");
	ms_rig_plugin_expect(back, &answer, "deny rule r");
	/* Too late. */
	answer_to(hook, &asked, &answer);
	ms_rig_advance(3); /* of a tenth of a second */
	ms_rig_plugin_expect(back, &answer, "deny rule r");
	/* The twin: in time. */
	answer_to(hook, &asked, &answer);
	ms_rig_advance(2);
	ms_rig_plugin_expect(back, &answer, "allow action r");
}
END_TEST

/* A kernel of 250 jiffies a second has ticks of 128 ms, and one may end at any time. */
START_TEST(a_tick_between_is_not_too_late)
{
	static const uint32_t ticks_us[] = { 32000, 107000, 128000, 320000 };
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer;

	reject();
	for (size_t i = 0; i < ms_array_size(ticks_us); i++) {
		ms_rig_set_tick(ticks_us[i]);
		answer_to(hook, &asked, &answer);
		ms_rig_advance(1);
		ms_rig_plugin_expect(back_of(hook), &answer, "allow action r");
		answer_to(hook, &asked, &answer);
		ms_rig_advance(2 + 100000 / ticks_us[i]);
		ms_rig_plugin_expect(back_of(hook), &answer, "deny rule r");
	}
}
END_TEST

/* Runs `changed` where the answer to `asked` is awaited: it is denied, and takes nothing away. */
static void expect_other(enum ms_rig_hook hook, const struct ms_pkt *asked,
			 const struct ms_pkt *changed)
{
	struct ms_pkt answer;

	answer_to(hook, asked, &answer);
	ms_rig_plugin_expect(back_of(hook), changed, "deny rule r");
	ms_rig_plugin_expect(back_of(hook), &answer, "allow action r");
}

/* Whichever byte it is, or one more. */
START_TEST(what_is_like_its_answer_is_denied)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer, changed;

	reject();
	answer_to(hook, &asked, &answer);
	for (size_t at = answer.l4 + 2; at < answer.len; at++) {
		/* What makes another kind of packet of it, which is answered itself. */
		if (_i % 2 == 0 && (at == answer.l4 + 12 || at == answer.l4 + 13))
			continue;
		changed = answer;
		changed.frame[at] ^= 1;
		expect_other(hook, &asked, &changed);
	}
	changed = answer;
	changed.frame[changed.l3 + (changed.family == 4 ? 8 : 7)]--; /* hops left */
	expect_other(hook, &asked, &changed);
	changed = answer;
	changed.len += 4;
	expect_other(hook, &asked, &changed);
	changed = answer;
	ms_pkt_tag(&changed, 0x8100, 7);
	expect_other(hook, &asked, &changed);
}
END_TEST

START_TEST(its_answer_passes_on_its_interface_alone)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer;

	reject();
	/* It stays for all of these. */
	ck_assert_int_eq(system("ip link show other0 >/dev/null 2>&1 || "
				"ip link add other0 type veth peer name other1"),
			 0);
	answer_to(hook, &asked, &answer);
	ms_rig_iface(&(struct ms_rig_iface) {
		.group = "g", .zone = 2, .ifindex = if_nametoindex("other0") });
	ms_rig_plugin_expect(back_of(hook), &answer, "deny rule r");
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1 });
	ms_rig_plugin_expect(back_of(hook), &answer, "allow action r");
}
END_TEST

/* A reset, of the session that the rule has just denied, and an error that no session is asked for.
 */
START_TEST(its_answer_passes_where_there_was_a_session)
{
	enum ms_rig_hook hook = ends[_i].hook, back = back_of(hook);
	const char *a = ends[_i].a, *b = ends[_i].b;
	struct ms_pkt syn = ms_pkt_tcp(a, 1000, b, 80, MS_PKT_SYN);
	struct ms_pkt syn_ack = ms_pkt_tcp(b, 80, a, 1000, MS_PKT_SYN | MS_PKT_ACK);
	struct ms_pkt data = ms_pkt_tcp(a, 1000, b, 80, MS_PKT_ACK), answer;
	struct ms_pkt forged = ms_pkt_tcp(b, 80, a, 1000, MS_PKT_RST);

	ms_rig_plugin_rule("allow", "");
	ms_rig_plugin_expect(hook, &syn, "allow rule r");
	ms_rig_plugin_expect(back, &syn_ack, "allow session r");
	ms_rig_plugin_expect(hook, &data, "allow session r");
	reject();
	for (int i = 0; i < 2; i++) {
		answer_to(hook, &data, &answer);
		ms_rig_run(back, &forged);
		ms_rig_plugin_expect(back, &answer, "allow action r");
		ck_assert_str_eq(ms_rig_run(back, &answer).verdict, "deny");
	}
}
END_TEST

/* What was denied the other way a moment ago, by no action, is denied again without a judgement. */
START_TEST(its_answer_passes_where_its_flow_was_denied_before)
{
	enum ms_rig_hook hook = ends[_i].hook, back = back_of(hook);
	struct ms_pkt syn = ms_pkt_tcp(ends[_i].a, 1000, ends[_i].b, 80, MS_PKT_SYN), answer;
	struct ms_pkt forged = ms_pkt_tcp(ends[_i].b, 80, ends[_i].a, 1000, MS_PKT_RST);
	const char *dir = hook == MS_RIG_INGRESS ? "in" : "out";
	char rest[32], denied[64];

	ms_rig_add_plugin("reject", &many, sizeof(many));
	snprintf(rest, sizeof(rest), ", dir: %s", dir);
	snprintf(denied, sizeof(denied), "deny default default/g/%s",
		 hook == MS_RIG_INGRESS ? "out" : "in");
	ms_rig_plugin_rule("[reject, deny]", rest);
	for (int i = 0; i < 100; i++)
		ms_rig_plugin_expect(back, &forged, denied);
	ck_assert_uint_gt(ms_rig_denied_again(), 0);
	answer_to(hook, &syn, &answer);
	ms_rig_plugin_expect(back, &answer, "allow action r");
	ms_rig_plugin_expect(back, &answer, denied);
}
END_TEST

/* What leaves by it is met when it comes in. */
START_TEST(its_answer_passes_on_loopback)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer;

	reject();
	ms_rig_iface(
		&(struct ms_rig_iface) { .group = "g", .zone = 1, .flags = MS_IFACE_LOOPBACK });
	if (hook == MS_RIG_EGRESS)
		return; /* nothing is judged there */
	answer_to(hook, &asked, &answer);
	ms_rig_plugin_expect(hook, &answer, "allow action r");
	ms_rig_plugin_expect(hook, &answer, "deny rule r");
}
END_TEST

/* From the workload's end. */
START_TEST(its_answer_passes_in_a_tag)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer, other;
	enum ms_rig_hook back = back_of(hook);

	reject();
	ms_rig_iface(&(struct ms_rig_iface) { .group = "g", .zone = 1, .side = MS_SIDE_WORKLOAD });
	ms_pkt_tag(&asked, 0x8100, 7);
	answer_to(hook, &asked, &answer);
	other = answer;
	other.frame[15] = 8;
	ms_rig_plugin_expect(back, &other, "deny rule r");
	ms_rig_plugin_expect(back, &answer, "allow action r");
	ms_rig_plugin_expect(back, &answer, "deny rule r");
}
END_TEST

START_TEST(its_answer_is_told_of_where_the_rule_logs)
{
	enum ms_rig_hook hook;
	struct ms_pkt asked = question(_i, &hook), answer;
	struct ms_event event;

	ms_rig_add_plugin("reject", &many, sizeof(many));
	for (int logs = 0; logs < 2; logs++) {
		ms_rig_plugin_rule("[reject, deny]", logs ? ", log: true" : "");
		answer_to(hook, &asked, &answer);
		ck_assert(ms_rig_event(&event));
		ck_assert_uint_eq(event.verdict, MS_VERDICT_DENY);
		ms_rig_plugin_expect(back_of(hook), &answer, "allow action r");
		ck_assert_int_eq(ms_rig_event(&event), logs);
	}
	ck_assert_uint_eq(event.verdict, MS_VERDICT_ALLOW);
	ck_assert_uint_eq(event.reason, MS_REASON_ACTION);
	ck_assert_uint_eq(event.dir, hook == MS_RIG_INGRESS ? MS_DIR_OUT : MS_DIR_IN);
	ck_assert_mem_eq(&event.src, answer.frame + answer.l3 + (answer.family == 4 ? 12 : 8), 4);
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
	ms_rig_plugin_expect(MS_RIG_INGRESS, &group, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &group6, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &none, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &error, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &reply, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &reply6, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &sctp, "deny rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &options, "deny rule r");
	ms_pkt_fragment(&udp, 1, 64, false);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &udp, "deny rule r");
	/* The twins. */
	ms_rig_plugin_expect(MS_RIG_INGRESS, &echo, "deny action r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &echo6, "deny action r");
	ms_rig_plugin_rule("[reject, deny]", ", mode: audit");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &echo, "audit rule r");
	ms_rig_plugin_rule("[reject, allow]", ", mode: audit");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &echo, "allow rule r");
}
END_TEST

START_TEST(no_more_answers_than_the_rate)
{
	struct reject_args args = { .rate = 1 };
	struct bpf_object *object = ms_rig_add_plugin("reject", &args, sizeof(args));
	struct ms_pkt syn = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN);

	ms_rig_plugin_rule("[reject, deny]", "");
	for (int i = 0; i < 20; i++)
		ms_rig_run_plain(ms_rig_program(MS_RIG_INGRESS), &syn);
	/* One a second, however long that took. */
	ck_assert_uint_ge(ms_rig_plugin_count(object, REJECT_ANSWERED), 1);
	ck_assert_uint_gt(ms_rig_plugin_count(object, REJECT_OVER_RATE), 0);
	ck_assert_uint_eq(ms_rig_plugin_count(object, REJECT_ANSWERED) +
				  ms_rig_plugin_count(object, REJECT_OVER_RATE),
			  20);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &syn, "deny rule r");
}
END_TEST

static void empty_buckets(struct bpf_object *object)
{
	int fd = bpf_object__find_map_fd_by_name(object, "buckets");
	uint32_t rule;

	while (bpf_map_get_next_key(fd, NULL, &rule) == 0)
		ck_assert_int_eq(bpf_map_delete_elem(fd, &rule), 0);
}

/* Whoever sends what gets no answer takes nothing from those that would get one. */
START_TEST(what_gets_no_answer_takes_nothing_of_the_rate)
{
	struct reject_args args = { .rate = 1 };
	struct bpf_object *object = ms_rig_add_plugin("reject", &args, sizeof(args));
	struct ms_pkt syn = ms_pkt_tcp(A, 1, B, 2, MS_PKT_SYN),
		      syn6 = ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN), udp = ms_pkt_udp(A, 1, B, 2);
	struct ms_pkt options = udp, answer;
	const struct ms_pkt unanswered[] = {
		ms_pkt_tcp(A, 1, B, 2, MS_PKT_RST), ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_RST),
		ms_pkt_error(B, A, 3, 1, &udp),     ms_pkt_icmp(A6, B6, 129, 0, 7),
		ms_pkt_udp(A, 1, "224.0.0.5", 2),   ms_pkt_udp(A6, 1, "ff02::5", 2),
		ms_pkt_udp("0.0.0.0", 1, B, 2),
	};

	ms_pkt_options(&options, 4);
	ms_rig_plugin_rule("[reject, deny]", "");
	for (size_t i = 0; i <= ms_array_size(unanswered); i++) {
		const struct ms_pkt *pkt =
			i < ms_array_size(unanswered) ? &unanswered[i] : &options;

		empty_buckets(object);
		ms_rig_plugin_expect(MS_RIG_INGRESS, pkt, "deny rule r");
		answer_to(MS_RIG_INGRESS, pkt->family == 4 ? &syn : &syn6, &answer);
	}
	ck_assert_uint_eq(ms_rig_plugin_count(object, REJECT_OVER_RATE), 0);
	ck_assert_uint_eq(ms_rig_plugin_count(object, REJECT_ANSWERED),
			  ms_array_size(unanswered) + 1);
	ck_assert_uint_eq(ms_rig_plugin_count(object, REJECT_UNANSWERED),
			  ms_array_size(unanswered) + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reject_program");
	TCase *rejects = tcase_create("reject");

	tcase_add_loop_test(rejects, a_tcp_packet_gets_a_reset, 0, (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, a_reset_waits_for_its_checksum_as_the_packet_did, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, another_packet_gets_an_icmp_error, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, an_event_tells_of_the_packet_that_was_answered, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, its_answer_passes_once, 0, n_questions);
	tcase_add_loop_test(rejects, a_tick_between_is_not_too_late, 0, n_questions);
	tcase_add_loop_test(rejects, what_is_like_its_answer_is_denied, 0, n_questions);
	tcase_add_loop_test(rejects, its_answer_passes_on_its_interface_alone, 0, n_questions);
	tcase_add_loop_test(rejects, its_answer_passes_where_there_was_a_session, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, its_answer_passes_where_its_flow_was_denied_before, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(rejects, its_answer_passes_on_loopback, 0, n_questions);
	tcase_add_loop_test(rejects, its_answer_passes_in_a_tag, 0, n_questions);
	tcase_add_loop_test(rejects, its_answer_is_told_of_where_the_rule_logs, 0, n_questions);
	tcase_add_test(rejects, what_gets_no_answer_is_denied);
	tcase_add_test(rejects, no_more_answers_than_the_rate);
	tcase_add_test(rejects, what_gets_no_answer_takes_nothing_of_the_rate);
	tcase_set_timeout(rejects, 60);
	tcase_add_unchecked_fixture(rejects, ms_rig_load, NULL);
	tcase_add_checked_fixture(rejects, ms_rig_plugin_setup, NULL);
	suite_add_tcase(suite, rejects);
	return ms_check_run(suite);
}
