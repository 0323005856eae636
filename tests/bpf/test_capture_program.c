/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF program of the plugin capture: what it hands over, and how much at most. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "plugins/capture/capture.h"
#include "tests/bpf/rig_plugin.h"
#include "tests/harness/ms_check.h"

#define A "10.0.0.5"
#define B "10.0.0.9"
#define A6 "2001:db8::5"
#define B6 "2001:db8::9"

static struct bpf_object *object;
static struct capture_record last;
static uint8_t bytes[CAPTURE_SNAP_MAX];

static void begin(struct capture_args args, const char *list, const char *rest)
{
	object = ms_rig_add_plugin("capture", &args, sizeof(args));
	ms_rig_plugin_rule(list, rest);
}

static int keep(void *user, void *record, size_t size)
{
	memcpy(&last, record, sizeof(last));
	ck_assert_uint_eq(size, sizeof(last) + last.size);
	memcpy(bytes, (const uint8_t *)record + sizeof(last), last.size);
	++*(unsigned int *)user;
	return 0;
}

/* Packets since this was asked last; the newest is in `last` and `bytes`. */
static unsigned int taken(void)
{
	unsigned int count = 0;
	struct ring_buffer *ring = ring_buffer__new(
		bpf_object__find_map_fd_by_name(object, "packets"), keep, &count, NULL);

	ck_assert_ptr_nonnull(ring);
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return count;
}

START_TEST(the_beginning_of_a_packet_is_handed_over)
{
	struct ms_pkt pkt = _i ? ms_pkt_tcp(A6, 1, B6, 2, MS_PKT_SYN) : ms_pkt_udp(A, 1, B, 2);

	begin((struct capture_args) { .snap = 40, .pps = 1000 }, "[capture, allow]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(taken(), 1);
	ck_assert_uint_eq(last.size, 40);
	ck_assert_uint_eq(last.length, pkt.len);
	ck_assert_mem_eq(bytes, pkt.frame, 40);
	ck_assert_uint_eq(last.l3_off, pkt.l3);
	ck_assert_uint_eq(last.ip_version, _i ? 6 : 4);
	ck_assert_uint_eq(last.dir, MS_DIR_IN);
	ck_assert_uint_eq(last.flags, 0);
	ck_assert_uint_gt(last.rule, 0);
	ck_assert_uint_gt(last.ifindex, 0);
}
END_TEST

START_TEST(a_short_packet_is_whole)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	begin((struct capture_args) { .snap = CAPTURE_SNAP_MAX, .pps = 1000 }, "[capture, allow]",
	      "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "allow rule r");
	ck_assert_uint_eq(taken(), 1);
	ck_assert_uint_eq(last.size, pkt.len);
	ck_assert_mem_eq(bytes, pkt.frame, pkt.len);
}
END_TEST

START_TEST(hook_and_verdict_are_told)
{
	struct ms_pkt there = ms_pkt_udp(A, 1, B, 2), back = ms_pkt_udp(B, 2, A, 1);

	begin((struct capture_args) { .snap = 100, .pps = 1000 }, "[capture, allow]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "allow rule r");
	ck_assert_uint_eq(taken(), 1);
	ms_rig_plugin_expect(MS_RIG_EGRESS, &back, "allow session r");
	ck_assert_uint_eq(taken(), 1);
	ck_assert_uint_eq(last.flags, CAPTURE_OUT);
	ck_assert_uint_eq(last.dir, MS_DIR_OUT);
	ms_rig_plugin_rule("[capture, deny]", "");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "deny rule r");
	ck_assert_uint_eq(taken(), 1);
	ck_assert_uint_eq(last.flags, CAPTURE_DENIED);
	ms_rig_plugin_observes();
	ms_rig_plugin_rule("[capture, deny]", ", mode: audit");
	ms_rig_plugin_expect(MS_RIG_INGRESS, &there, "audit rule r");
	ck_assert_uint_eq(taken(), 1);
	ck_assert_uint_eq(last.flags, CAPTURE_DENIED | CAPTURE_AUDIT);
}
END_TEST

/* A packet a second: no stall of the test makes room for more than one of the next ten. */
START_TEST(what_is_over_the_rate_is_counted_and_passes)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);

	begin((struct capture_args) { .snap = 100, .pps = 1 }, "[capture, deny]", "");
	for (int i = 0; i < 10; i++)
		ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_le(taken(), 2);
	ck_assert_uint_ge(ms_rig_plugin_count(object, CAPTURE_TAKEN), 1);
	ck_assert_uint_ge(ms_rig_plugin_count(object, CAPTURE_OVER), 8);
	ck_assert_uint_eq(ms_rig_plugin_count(object, CAPTURE_TAKEN) +
				  ms_rig_plugin_count(object, CAPTURE_OVER),
			  10);
}
END_TEST

START_TEST(what_the_ring_has_no_room_for_is_counted_and_passes)
{
	struct ms_pkt pkt = ms_pkt_udp(A, 1, B, 2);
	uint64_t runs = (4 << 20) / sizeof(pkt.frame) + 20;

	pkt.len = sizeof(pkt.frame); /* what is behind the datagram is padding */
	begin((struct capture_args) { .snap = CAPTURE_SNAP_MAX, .pps = 1000000000 },
	      "[capture, deny]", "");
	for (uint64_t i = 0; i < runs; i++)
		ms_rig_run(MS_RIG_INGRESS, &pkt);
	ck_assert_uint_gt(ms_rig_plugin_count(object, CAPTURE_LOST), 0);
	ck_assert_uint_eq(taken(), ms_rig_plugin_count(object, CAPTURE_TAKEN));
	ck_assert_uint_eq(ms_rig_plugin_count(object, CAPTURE_TAKEN) +
				  ms_rig_plugin_count(object, CAPTURE_LOST) +
				  ms_rig_plugin_count(object, CAPTURE_OVER),
			  runs);
	ms_rig_plugin_expect(MS_RIG_INGRESS, &pkt, "deny rule r");
	ck_assert_uint_eq(taken(), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/capture_program");
	TCase *tcase = tcase_create("capture");

	tcase_add_unchecked_fixture(tcase, ms_rig_load, NULL);
	tcase_add_checked_fixture(tcase, ms_rig_plugin_setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, the_beginning_of_a_packet_is_handed_over, 0, 2);
	tcase_add_test(tcase, a_short_packet_is_whole);
	tcase_add_test(tcase, hook_and_verdict_are_told);
	tcase_add_test(tcase, what_is_over_the_rate_is_counted_and_passes);
	tcase_add_test(tcase, what_the_ring_has_no_room_for_is_counted_and_passes);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
