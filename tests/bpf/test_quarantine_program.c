/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF program of the plugin quarantine: whom it tells, after how many packets. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "plugins/quarantine/quarantine.h"
#include "tests/bpf/rig_plugin.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"
#define HOUR 3600000000000ull
#define SET 0x1234567890abcdefull

static struct bpf_object *object;
static struct quarantine_case last;

/* So many packets in an hour, of whatever comes in. */
static struct quarantine_args after(uint32_t hits)
{
	return (struct quarantine_args) {
		.set = SET, .within_ns = HOUR, .hits = hits, .for_s = 77, .dir = MS_DIR_IN
	};
}

static void begin(struct quarantine_args args, const char *list, const char *rest)
{
	object = ms_rig_add_plugin("quarantine", &args, sizeof(args));
	ms_rig_plugin_rule(list, rest);
}

static int keep(void *user, void *record, size_t size)
{
	ck_assert_uint_eq(size, sizeof(last));
	memcpy(&last, record, sizeof(last));
	++*(unsigned int *)user;
	return 0;
}

/* How many addresses were told since this was asked last; the newest is in `last`. */
static unsigned int told(void)
{
	unsigned int count = 0;
	struct ring_buffer *ring = ring_buffer__new(
		bpf_object__find_map_fd_by_name(object, "cases"), keep, &count, NULL);

	ck_assert_ptr_nonnull(ring);
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return count;
}

static void put(struct ms_pkt pkt)
{
	ms_rig_run(MS_RIG_INGRESS, &pkt);
}

START_TEST(the_source_is_told_at_the_last_of_its_hits)
{
	struct in_addr expected;

	begin(after(3), "[quarantine, deny]", "");
	put(ms_pkt_udp(A, 1, B, 2));
	put(ms_pkt_udp(A, 9, B, 2));
	ck_assert_uint_eq(told(), 0);
	put(ms_pkt_udp(A, 1, B, 7));
	ck_assert_uint_eq(told(), 1);
	inet_pton(AF_INET, A, &expected);
	ck_assert_mem_eq(last.addr, &expected, sizeof(expected));
	ck_assert_mem_eq(last.addr + 4, (uint8_t[12]) { 0 }, 12);
	ck_assert_uint_eq(last.family, 4);
	ck_assert_uint_eq(last.set, SET);
	ck_assert_uint_eq(last.for_s, 77);
	ck_assert_uint_gt(last.rule, 0);
	ck_assert_uint_eq(ms_rig_plugin_count(object, QUARANTINE_HITS), 3);
	ck_assert_uint_eq(ms_rig_plugin_count(object, QUARANTINE_TOLD), 1);
}
END_TEST

START_TEST(the_packet_goes_on)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	begin(after(1), "[quarantine, allow]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow session r");
	ck_assert_uint_ge(told(), 1);
}
END_TEST

START_TEST(addresses_count_for_themselves)
{
	struct in6_addr expected;

	begin(after(2), "[quarantine, deny]", "");
	put(ms_pkt_udp(A, 1, B, 2));
	put(ms_pkt_udp("10.0.0.6", 1, B, 2));
	put(ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN));
	ck_assert_uint_eq(told(), 0);
	put(ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN));
	ck_assert_uint_eq(told(), 1);
	inet_pton(AF_INET6, A6, &expected);
	ck_assert_mem_eq(last.addr, &expected, sizeof(expected));
	ck_assert_uint_eq(last.family, 6);
}
END_TEST

START_TEST(the_destination_is_told_if_it_is_meant)
{
	struct quarantine_args args = after(1);
	struct in_addr expected;

	args.is_destination = 1;
	begin(args, "[quarantine, deny]", "");
	put(ms_pkt_udp(A, 1, B, 2));
	ck_assert_uint_eq(told(), 1);
	inet_pton(AF_INET, B, &expected);
	ck_assert_mem_eq(last.addr, &expected, sizeof(expected));
}
END_TEST

/* Who answers has done nothing. */
START_TEST(the_other_direction_does_not_count)
{
	struct ms_pkt there = ms_pkt_udp(A, 1, B, 2), back = ms_pkt_udp(B, 2, A, 1);
	struct in_addr expected;

	begin(after(1), "[quarantine, allow]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "allow rule r");
	ck_assert_uint_eq(told(), 1);
	inet_pton(AF_INET, A, &expected);
	ck_assert_mem_eq(last.addr, &expected, sizeof(expected));
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "allow session r");
	ck_assert_uint_eq(told(), 0);
	ck_assert_uint_eq(ms_rig_plugin_count(object, QUARANTINE_HITS), 1);
}
END_TEST

START_TEST(hits_too_far_apart_do_not_add_up)
{
	struct quarantine_args args = after(2);

	args.within_ns = 1;
	begin(args, "[quarantine, deny]", "");
	for (int i = 0; i < 10; i++)
		put(ms_pkt_udp(A, 1, B, 2));
	ck_assert_uint_eq(ms_rig_plugin_count(object, QUARANTINE_HITS), 10);
	ck_assert_uint_eq(told(), 0);
}
END_TEST

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The two are nearer to each other than `within`, which is longer than the machine is up; counted
 * from its boot the time would be over between them. */
START_TEST(the_first_hit_begins_the_time)
{
	struct quarantine_args args = after(2);

	args.within_ns = now_ns() + 2000000000;
	begin(args, "[quarantine, deny]", "");
	put(ms_pkt_udp(A, 1, B, 2));
	while (now_ns() <= args.within_ns + 1000000)
		poll(NULL, 0, 10);
	put(ms_pkt_udp(A, 1, B, 2));
	ck_assert_uint_eq(told(), 1);
}
END_TEST

START_TEST(nobody_is_told_again_at_once)
{
	struct timespec begun, ended;

	begin(after(1), "[quarantine, deny]", "");
	clock_gettime(CLOCK_BOOTTIME, &begun);
	for (int i = 0; i < 20; i++)
		put(ms_pkt_udp(A, 1, B, 2));
	clock_gettime(CLOCK_BOOTTIME, &ended);
	/* On a machine that stood still it may be one a second. */
	ck_assert_uint_le(told(), 1 + (unsigned int)(ended.tv_sec - begun.tv_sec + 1) / 2);
}
END_TEST

START_TEST(an_audited_packet_shuts_nobody_out)
{
	begin(after(1), "[quarantine, allow]", ", mode: audit");
	put(ms_pkt_udp(A, 1, B, 2));
	ck_assert_uint_eq(told(), 0);
	ms_rig_plugin_rule("[quarantine, allow]", "");
	put(ms_pkt_udp(A, 3, B, 2));
	ck_assert_uint_eq(told(), 1);
}
END_TEST

START_TEST(whom_the_ring_has_no_room_for_is_told_later)
{
	unsigned int sources = 65536 / sizeof(struct quarantine_case) + 1, first;
	char source[16];

	begin(after(1), "[quarantine, deny]", "");
	for (unsigned int i = 0; i < sources; i++) {
		snprintf(source, sizeof(source), "10.1.%u.%u", i >> 8, i & 255);
		put(ms_pkt_udp(source, 1, B, 2));
	}
	ck_assert_uint_gt(ms_rig_plugin_count(object, QUARANTINE_LOST), 0);
	first = told();
	ck_assert_uint_eq(first + ms_rig_plugin_count(object, QUARANTINE_LOST), sources);
	ck_assert_uint_eq(first, ms_rig_plugin_count(object, QUARANTINE_TOLD));
	/* The last one was among the lost. */
	put(ms_pkt_udp(source, 1, B, 2));
	ck_assert_uint_eq(told(), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/quarantine_program");
	TCase *tcase = tcase_create("quarantine");

	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_plugin_setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_source_is_told_at_the_last_of_its_hits);
	tcase_add_test(tcase, the_packet_goes_on);
	tcase_add_test(tcase, addresses_count_for_themselves);
	tcase_add_test(tcase, the_destination_is_told_if_it_is_meant);
	tcase_add_test(tcase, the_other_direction_does_not_count);
	tcase_add_test(tcase, hits_too_far_apart_do_not_add_up);
	tcase_add_test(tcase, the_first_hit_begins_the_time);
	tcase_add_test(tcase, nobody_is_told_again_at_once);
	tcase_add_test(tcase, an_audited_packet_shuts_nobody_out);
	tcase_add_test(tcase, whom_the_ring_has_no_room_for_is_told_later);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
