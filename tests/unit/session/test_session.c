/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/session/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/harness/ms_check.h"
#include "tests/unit/session/fake_dataplane.h"

#define TCP(state) ((uint32_t)(state) << MS_SESS_TCP_SHIFT)

static struct ms_dataplane dp = {
	.control.timeouts = { [MS_TIMEOUT_TCP_SYN] = 100,
			      [MS_TIMEOUT_TCP_ESTABLISHED] = 1000,
			      [MS_TIMEOUT_TCP_FIN] = 50,
			      [MS_TIMEOUT_UDP_ONEWAY] = 200,
			      [MS_TIMEOUT_UDP_TWOWAY] = 300,
			      [MS_TIMEOUT_ICMP] = 20,
			      [MS_TIMEOUT_OTHER] = 60 },
	.now = 5000,
	.epoch = 9,
	.generation = 41,
};

/* 10.0.0.5:41234 began, in, to 10.0.0.9:5432. */
static struct ms_session_raw session(uint32_t word)
{
	struct ms_session_raw raw = {
		.family = 4,
		.key.k4 = { .lo = htonl(0x0a000005),
			    .hi = htonl(0x0a000009),
			    .lo_port = htons(41234),
			    .hi_port = htons(5432),
			    .zone = 7,
			    .proto = IPPROTO_TCP,
			    .vlan_outer = 100,
			    .vlan_inner = 8 },
		.value = { .epoch = 9,
			   .last_seen = 4990,
			   .first_seen = 4000,
			   .packets = { 10, 3 },
			   .bytes = { 1000, 300 },
			   .word = 77 | word },
	};

	return raw;
}

static struct ms_session_view decode(const struct ms_session_raw *raw)
{
	struct ms_session_view view;

	ms_session_decode(&dp, raw, &view);
	return view;
}

START_TEST(who_began_it_is_from)
{
	struct ms_session_raw raw =
		session(TCP(MS_TCP_ESTABLISHED) | MS_SESS_REPLIED | MS_SESS_LOG);
	struct ms_session_view view = decode(&raw);

	ck_assert_uint_eq(view.from.family, 4);
	ck_assert_uint_eq(view.from.bytes[3], 5);
	ck_assert_uint_eq(view.to.bytes[3], 9);
	ck_assert_uint_eq(view.sport, 41234);
	ck_assert_uint_eq(view.dport, 5432);
	ck_assert_uint_eq(view.packets[0], 10);
	ck_assert_uint_eq(view.bytes[1], 300);
	ck_assert_uint_eq(view.dir, MS_DIR_IN);
	ck_assert_uint_eq(view.zone, 7);
	ck_assert_uint_eq(view.vlan_outer, 100);
	ck_assert_uint_eq(view.vlan_inner, 8);
	ck_assert_uint_eq(view.slot, 77);
	ck_assert_uint_eq(view.generation, 41);
	ck_assert_str_eq(view.state, "established");
	ck_assert(view.log && !view.audit && !view.adopted && !view.midflow && !view.half_open);

	raw.value.word |= MS_SESS_ORIGIN_HI | MS_SESS_ORIGIN_OUT;
	view = decode(&raw);
	ck_assert_uint_eq(view.from.bytes[3], 9);
	ck_assert_uint_eq(view.to.bytes[3], 5);
	ck_assert_uint_eq(view.sport, 5432);
	ck_assert_uint_eq(view.dport, 41234);
	ck_assert_uint_eq(view.packets[0], 3);
	ck_assert_uint_eq(view.bytes[1], 1000);
	ck_assert_uint_eq(view.dir, MS_DIR_OUT);
}
END_TEST

START_TEST(ages_come_from_ticks)
{
	struct ms_session_raw raw = session(TCP(MS_TCP_ESTABLISHED));
	struct ms_session_view view = decode(&raw);

	ck_assert_uint_eq(view.age_ns, 1000 * FAKE_TICK_NS);
	ck_assert_uint_eq(view.idle_ns, 10 * FAKE_TICK_NS);
	ck_assert_uint_eq(view.expires_in_ns, 990 * FAKE_TICK_NS);
	ck_assert(!view.expired);
	raw.value.last_seen = 4000; /* the last tick of its life */
	view = decode(&raw);
	ck_assert(!view.expired);
	ck_assert_uint_eq(view.expires_in_ns, 0);
	raw.value.last_seen = 3999;
	ck_assert(decode(&raw).expired);
	/* A packet on another CPU was a tick ahead of us. */
	raw.value.last_seen = 5001;
	view = decode(&raw);
	ck_assert_uint_eq(view.idle_ns, 0);
	ck_assert(!view.expired);
	/* Over the wrap of the tick. */
	dp.now = 5;
	raw.value.first_seen = 0xfffffff5;
	raw.value.last_seen = 0xffffffff;
	view = decode(&raw);
	ck_assert_uint_eq(view.age_ns, 16 * FAKE_TICK_NS);
	ck_assert_uint_eq(view.idle_ns, 6 * FAKE_TICK_NS);
	dp.now = 5000;
}
END_TEST

static const struct {
	uint8_t proto;
	uint32_t word;
	const char *state;
	uint32_t timeout;
} states[] = {
	{ IPPROTO_TCP, TCP(MS_TCP_SYN), "syn_sent", 100 },
	{ IPPROTO_TCP, TCP(MS_TCP_ESTABLISHED) | MS_SESS_REPLIED, "established", 1000 },
	{ IPPROTO_TCP, TCP(MS_TCP_CLOSING) | MS_SESS_REPLIED, "closing", 50 },
	{ IPPROTO_UDP, 0, "one_way", 200 },
	{ IPPROTO_UDP, MS_SESS_REPLIED, "two_way", 300 },
	{ IPPROTO_ICMP, MS_SESS_REPLIED, "two_way", 20 },
	{ IPPROTO_GRE, 0, "one_way", 60 },
};

START_TEST(each_state_has_its_name_and_timeout)
{
	struct ms_session_raw raw = session(states[_i].word);
	struct ms_session_view view;

	raw.key.k4.proto = states[_i].proto;
	raw.value.last_seen = dp.now;
	view = decode(&raw);
	ck_assert_str_eq(view.state, states[_i].state);
	ck_assert_uint_eq(view.expires_in_ns, states[_i].timeout * FAKE_TICK_NS);
}
END_TEST

START_TEST(icmp_queries_have_an_identifier_and_a_type)
{
	struct ms_session_raw raw = session(MS_SESS_REPLIED);
	struct ms_session_view view;

	raw.key.k4.proto = IPPROTO_ICMP;
	raw.key.k4.lo_port = htons(1234);
	raw.key.k4.hi_port = MS_ICMP_ECHO;
	view = decode(&raw);
	ck_assert_uint_eq(view.icmp_type, 8);
	ck_assert_uint_eq(view.sport, 1234);
	ck_assert_uint_eq(view.dport, 0);
	raw.value.word |= MS_SESS_ORIGIN_HI; /* whoever began it, there is one identifier */
	ck_assert_uint_eq(decode(&raw).sport, 1234);
	raw.key.k4.hi_port = MS_ICMP_TIMESTAMP;
	ck_assert_uint_eq(decode(&raw).icmp_type, 13);
	raw.key.k4.hi_port = MS_ICMP_ONEWAY | 3; /* no query: a code in the identifier's place */
	raw.key.k4.lo_port = htons(1);
	view = decode(&raw);
	ck_assert_uint_eq(view.icmp_type, 3);
	ck_assert_uint_eq(view.icmp_code, 1);
	ck_assert_uint_eq(view.sport, 0);
	/* The other family's ICMP is just a protocol. */
	raw.key.k4.proto = IPPROTO_ICMPV6;
	raw.key.k4.hi_port = MS_ICMP_ECHO;
	ck_assert_uint_eq(decode(&raw).icmp_type, 0);
	raw.family = 6;
	raw.key.k6.proto = IPPROTO_ICMPV6;
	raw.key.k6.hi_port = MS_ICMP_ECHO;
	ck_assert_uint_eq(decode(&raw).icmp_type, 128);
}
END_TEST

START_TEST(ipv6_is_read_from_its_own_key)
{
	struct ms_session_raw raw = session(TCP(MS_TCP_SYN));
	struct ms_session_view view;

	raw.family = 6;
	raw.half_open = true;
	memset(&raw.key, 0, sizeof(raw.key));
	raw.key.k6.lo[0] = raw.key.k6.hi[0] = htonl(0x20010db8);
	raw.key.k6.lo[3] = htonl(5);
	raw.key.k6.hi[3] = htonl(9);
	raw.key.k6.lo_port = htons(1);
	raw.key.k6.hi_port = htons(2);
	raw.key.k6.zone = 300;
	raw.key.k6.proto = IPPROTO_TCP;
	raw.key.k6.vlan_outer = 12;
	view = decode(&raw);
	ck_assert_uint_eq(view.from.family, 6);
	ck_assert_uint_eq(view.from.bytes[15], 5);
	ck_assert_uint_eq(view.to.bytes[15], 9);
	ck_assert_uint_eq(view.to.bytes[0], 0x20);
	ck_assert_uint_eq(view.dport, 2);
	ck_assert_uint_eq(view.zone, 300);
	ck_assert_uint_eq(view.vlan_outer, 12);
	ck_assert(view.half_open);
}
END_TEST

START_TEST(a_forgotten_epoch_has_no_generation)
{
	struct ms_session_raw raw = session(0);

	raw.value.epoch = 8;
	ck_assert_uint_eq(decode(&raw).generation, 0);
	ck_assert_uint_eq(decode(&raw).epoch, 8);
}
END_TEST

static void count_all(struct ms_dataplane *some, struct ms_session_live live)
{
	some->per_slice = FAKE_MAX;
	ck_assert_int_eq(ms_session_live_step(some, &live), 0);
}

START_TEST(live_counts_are_added_to_what_is_there)
{
	static struct ms_slot_count by_slot[MS_SLOTS_MAX];
	static struct ms_zone_count by_zone[MS_ZONES_MAX];
	struct ms_dataplane some = dp;

	some.sessions[0] = session(MS_SESS_REPLIED);
	some.sessions[1] = session(MS_SESS_REPLIED);
	some.sessions[1].key.k4.flags = MS_KEY_LO_OUT;
	some.sessions[2] = session(0); /* one-way: counted already */
	some.sessions[2].half_open = true;
	some.n_sessions = 3;
	by_slot[77] = (struct ms_slot_count) { .packets = (uint64_t)-6, .bytes = 1 };
	by_zone[7].packets[MS_DIR_IN][1] = 5;
	count_all(&some, (struct ms_session_live) { by_slot, MS_SLOTS_MAX, by_zone, { 0 } });
	ck_assert_uint_eq(by_slot[77].packets, 20);
	ck_assert_uint_eq(by_slot[77].bytes, 2601);
	/* The lower endpoint's packets go in, but out in the second session. */
	ck_assert_uint_eq(by_zone[7].packets[MS_DIR_IN][0], 10 + 3);
	ck_assert_uint_eq(by_zone[7].packets[MS_DIR_OUT][0], 3 + 10);
	ck_assert_uint_eq(by_zone[7].bytes[MS_DIR_IN][0], 1300);
	ck_assert_uint_eq(by_zone[7].packets[MS_DIR_IN][1], 5);
	/* Either may be left out, and a short array is not overrun. */
	count_all(&some, (struct ms_session_live) { .by_zone = by_zone });
	count_all(&some, (struct ms_session_live) { .by_slot = by_slot, .n_slots = 77 });
	ck_assert_uint_eq(by_slot[77].packets, 20);
}
END_TEST

START_TEST(live_counts_come_a_slice_at_a_time)
{
	static struct ms_slot_count by_slot[MS_SLOTS_MAX];
	struct ms_session_live live = { .by_slot = by_slot, .n_slots = MS_SLOTS_MAX };
	struct ms_dataplane some = dp;

	for (size_t i = 0; i < 3; i++)
		some.sessions[i] = session(MS_SESS_REPLIED);
	some.n_sessions = 3;
	some.per_slice = 2;
	ck_assert_int_eq(ms_session_live_step(&some, &live), 1);
	ck_assert_uint_eq(by_slot[77].packets, 26);
	ck_assert_int_eq(ms_session_live_step(&some, &live), 0);
	ck_assert_uint_eq(by_slot[77].packets, 39);
	some.slice_error = -EIO;
	ck_assert_int_eq(ms_session_live_step(&some, &live), -EIO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session/session");
	TCase *tcase = tcase_create("session");

	tcase_add_test(tcase, who_began_it_is_from);
	tcase_add_test(tcase, ages_come_from_ticks);
	tcase_add_loop_test(tcase, each_state_has_its_name_and_timeout, 0,
			    sizeof(states) / sizeof(states[0]));
	tcase_add_test(tcase, icmp_queries_have_an_identifier_and_a_type);
	tcase_add_test(tcase, ipv6_is_read_from_its_own_key);
	tcase_add_test(tcase, a_forgotten_epoch_has_no_generation);
	tcase_add_test(tcase, live_counts_are_added_to_what_is_there);
	tcase_add_test(tcase, live_counts_come_a_slice_at_a_time);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
