/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

static struct ms_source_feed feed;
static struct ms_source_wire_buffer got;
static int ends[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void teardown(void)
{
	ms_source_feed_fini(&feed);
	ms_source_wire_buffer_fini(&got);
	ms_close_fd(&ends[0]);
	ms_close_fd(&ends[1]);
}

static struct ms_plugin_event make(uint32_t generation)
{
	return (struct ms_plugin_event) {
		.struct_size = sizeof(struct ms_plugin_event),
		.generation = generation,
		.rule = "db/app",
		.origin = "10-db.yaml:14",
		.iface = "",
		.group = "work",
		.verdict = MS_VERDICT_DENY,
	};
}

static void add(uint32_t generation)
{
	const struct ms_plugin_event event = make(generation);

	ms_source_feed_add(&feed, &event);
}

/* Everything that has arrived. */
static void read_all(void)
{
	char bytes[65536];
	ssize_t n;

	while ((n = recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		ck_assert_int_eq(ms_source_wire_append(&got, bytes, (size_t)n), 0);
}

/* The next frame's events; the caller ends them. */
static bool next(struct ms_source_events *ret_events)
{
	struct ms_source_wire_message message;
	const char *bytes = got.bytes;
	size_t left = got.length;
	int r = ms_source_wire_take(&bytes, &left, &message, NULL);

	ck_assert_int_ge(r, 0);
	if (r == 0)
		return false;
	ck_assert_int_eq(message.kind, MS_SOURCE_WIRE_EVENTS);
	ck_assert_int_eq(ms_source_events_decode(message.text, message.length, ret_events), 0);
	/* Their strings are in there, so it is only moved on from. */
	got.length = left;
	memmove(got.bytes, bytes, left);
	return true;
}

START_TEST(what_is_added_arrives)
{
	struct ms_source_events events;
	struct ms_source_wire_message message;
	const char *bytes;
	size_t left;

	add(1);
	add(2);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), 0);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), 0);
	read_all();
	bytes = got.bytes;
	left = got.length;
	ck_assert_int_eq(ms_source_wire_take(&bytes, &left, &message, NULL), 1);
	ck_assert_uint_eq(left, 0);
	ck_assert_int_eq(ms_source_events_decode(message.text, message.length, &events), 0);
	ck_assert_uint_eq(events.count, 2);
	ck_assert_uint_eq(events.lost, 0);
	ck_assert_uint_eq(events.list[0]->generation, 1);
	ck_assert_uint_eq(events.list[1]->generation, 2);
	ck_assert_uint_eq(events.list[1]->verdict, MS_VERDICT_DENY);
	ck_assert_str_eq(events.list[1]->rule, "db/app");
	ck_assert_str_eq(events.list[1]->origin, "10-db.yaml:14");
	ck_assert_str_eq(events.list[1]->iface, "");
	ck_assert_str_eq(events.list[1]->group, "work");
	ms_source_events_fini(&events);
}
END_TEST

/* Nobody reads: what is kept is bounded, and who reads at last is told what is missing where. */
START_TEST(a_slow_reader_costs_events_and_is_told)
{
	struct ms_source_events events;
	uint64_t arrived = 0, lost = 0, total = 100000;
	uint32_t last = 0;

	for (uint32_t i = 1; i <= total; i++) {
		add(i);
		ck_assert_int_ge(ms_source_feed_send(&feed, ends[0]), 0);
	}
	ck_assert_uint_gt(feed.lost_total, 0);
	ck_assert_uint_le(feed.n_waiting, MS_SOURCE_FEED_EVENTS);
	ck_assert_uint_le(feed.waiting.length, MS_SOURCE_FEED_BYTES + 4096);
	while (ms_source_feed_send(&feed, ends[0]) > 0)
		read_all();
	add((uint32_t)total + 1);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), 0);
	read_all();
	while (next(&events)) {
		for (size_t i = 0; i < events.count; i++) {
			/* A gap is as long as what is said before it. */
			ck_assert_uint_eq(events.list[i]->generation,
					  last + 1 + (i == 0 ? events.lost : 0));
			last = events.list[i]->generation;
		}
		arrived += events.count;
		lost += events.lost;
		ms_source_events_fini(&events);
	}
	ck_assert_uint_eq(last, total + 1);
	ck_assert_uint_eq(lost, feed.lost_total);
	ck_assert_uint_eq(arrived + lost, total + 1);
}
END_TEST

START_TEST(what_was_under_way_to_a_process_that_ended_is_lost)
{
	struct ms_source_events events;
	uint32_t i = 0;

	/* Until a frame is stuck in the middle. */
	while (feed.n_frame == 0 || feed.n_waiting == 0) {
		add(++i);
		ck_assert_int_ge(ms_source_feed_send(&feed, ends[0]), 0);
	}
	ck_assert_uint_eq(feed.lost_total, 0);
	ms_close_fd(&ends[0]);
	ms_close_fd(&ends[1]);
	setup();
	ms_source_feed_rewind(&feed);
	ck_assert_uint_gt(feed.lost_total, 0);
	add(++i);
	while (ms_source_feed_send(&feed, ends[0]) > 0)
		read_all();
	read_all();
	/* The batch that waited begins behind the frame; what was lost is told with the next. */
	ck_assert(next(&events));
	ck_assert_uint_eq(events.list[events.count - 1]->generation, i);
	ms_source_events_fini(&events);
	add(++i);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), 0);
	read_all();
	ck_assert(next(&events));
	ck_assert_uint_eq(events.lost, feed.lost_total);
	ms_source_events_fini(&events);
}
END_TEST

static uint64_t send_next(uint32_t generation)
{
	add(generation);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), 0);
	return feed.lost_total;
}

/* Told is not taken: what a process that ends has not got to is lost, and nothing else. */
START_TEST(what_was_told_and_not_taken_is_lost)
{
	struct ms_source_events events;

	for (uint32_t i = 1; i <= 5; i++)
		ck_assert_uint_eq(send_next(i), 0);
	ms_source_feed_taken(&feed, 1, 0);
	ms_source_feed_taken(&feed, 2, 0);
	ms_source_feed_rewind(&feed);
	ck_assert_uint_eq(feed.lost_total, 2);
	/* Nor is the word that they were lost. */
	ck_assert_uint_eq(send_next(6), 2);
	ms_source_feed_rewind(&feed);
	ck_assert_uint_eq(feed.lost_total, 3);
	read_all();
	got.length = 0;
	ck_assert_uint_eq(send_next(7), 3);
	read_all();
	ck_assert(next(&events));
	ck_assert_uint_eq(events.lost, 3);
	ms_source_events_fini(&events);
	ms_source_feed_taken(&feed, 1, 3);
	ms_source_feed_rewind(&feed);
	ck_assert_uint_eq(feed.lost_total, 3);
	/* More than there is cannot be taken. */
	ck_assert_uint_eq(send_next(8), 3);
	ms_source_feed_taken(&feed, UINT32_MAX, UINT64_MAX);
	ck_assert_uint_eq(send_next(9), 3);
	ms_source_feed_rewind(&feed);
	ck_assert_uint_eq(feed.lost_total, 4);
}
END_TEST

START_TEST(nobody_at_the_other_end)
{
	add(1);
	ms_close_fd(&ends[1]);
	ck_assert_int_eq(ms_source_feed_send(&feed, ends[0]), -EPIPE);
}
END_TEST

START_TEST(a_damaged_body_is_refused)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer body = { 0 };
	const struct ms_plugin_event event = make(1);
	struct ms_source_events events = { 0 };

	ck_assert_int_eq(ms_source_events_begin(&body, 3), 0);
	ck_assert_int_eq(ms_source_events_append(&body, &event), 0);
	for (size_t length = 0; length < body.length; length++) {
		int r = ms_source_events_decode(body.bytes, length, &events);

		/* Lost ones alone are whole. */
		ck_assert_int_eq(r, length == 8 ? 0 : -EPROTO);
		ms_source_events_fini(&events);
	}
	ck_assert_int_eq(ms_source_events_decode(body.bytes, body.length, &events), 0);
	ck_assert_uint_eq(events.lost, 3);
	ms_source_events_fini(&events);
	body.bytes[8]++; /* struct_size */
	ck_assert_int_eq(ms_source_events_decode(body.bytes, body.length, &events), -EPROTO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_feed");
	TCase *cases = tcase_create("feed");

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, what_is_added_arrives);
	tcase_add_test(cases, a_slow_reader_costs_events_and_is_told);
	tcase_add_test(cases, what_was_under_way_to_a_process_that_ended_is_lost);
	tcase_add_test(cases, what_was_told_and_not_taken_is_lost);
	tcase_add_test(cases, nobody_at_the_other_end);
	tcase_add_test(cases, a_damaged_body_is_refused);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
