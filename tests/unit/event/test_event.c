/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/event/event.h"

#include <time.h>

#include "tests/harness/ms_check.h"

START_TEST(every_reason_has_a_name_that_parses_back)
{
	for (unsigned int i = 0; i < MS_REASON__COUNT; i++) {
		enum ms_reason back;

		ck_assert(ms_reason_parse(ms_reason_name(i), &back));
		ck_assert_uint_eq(back, i);
		ck_assert_uint_gt(strlen(ms_reason_doc(i)), 0);
		ck_assert_uint_lt(ms_reason_class(i), MS_CLASS__COUNT);
	}
	ck_assert_str_eq(ms_reason_name(MS_REASON_RULE), "rule");
	ck_assert_uint_eq(ms_reason_class(MS_REASON_SESSION), MS_CLASS_SESSION_HIT);
	ck_assert_uint_eq(ms_reason_class(MS_REASON_MALFORMED), MS_CLASS_UNPARSED);
}
END_TEST

START_TEST(numbers_from_foreign_memory_have_a_name_too)
{
	enum ms_reason reason = MS_REASON_RULE;

	ck_assert_str_eq(ms_reason_name(MS_REASON__COUNT), "unknown");
	ck_assert_str_eq(ms_verdict_name(200), "unknown");
	ck_assert_str_eq(ms_dir_name(9), "unknown");
	ck_assert_str_eq(ms_stat_name(MS_STAT__COUNT), "unknown");
	ck_assert(!ms_reason_parse("unknown", &reason));
	ck_assert_uint_eq(reason, MS_REASON_RULE);
}
END_TEST

START_TEST(stats_are_named)
{
	ck_assert_str_eq(ms_stat_name(MS_STAT_NEW_SESSION), "new_session");
	ck_assert_str_eq(ms_stat_name(MS_STAT_EVENTS_LOST), "events_lost");
	ck_assert_uint_gt(strlen(ms_stat_doc(MS_STAT_MIDFLOW)), 0);
}
END_TEST

START_TEST(gaps_are_losses_and_the_first_event_is_not)
{
	struct ms_event_losses losses = { .lost = 0 };
	struct ms_event event = { .cpu = 1, .seq = 500 };

	ms_event_losses_note(&losses, &event);
	ck_assert_uint_eq(losses.lost, 0);
	event.seq = 501;
	ms_event_losses_note(&losses, &event);
	ck_assert_uint_eq(losses.lost, 0);
	event.seq = 505;
	ms_event_losses_note(&losses, &event);
	ck_assert_uint_eq(losses.lost, 3);
	event.cpu = 0; /* counts for itself */
	event.seq = 0;
	ms_event_losses_note(&losses, &event);
	event.seq = 2;
	ms_event_losses_note(&losses, &event);
	ck_assert_uint_eq(losses.lost, 4);
	event.cpu = 4096;
	ms_event_losses_note(&losses, &event);
	ck_assert_uint_eq(losses.lost, 4);
}
END_TEST

START_TEST(wall_time_does_not_see_a_step_of_the_clock)
{
	/* An event 2 s ago on the monotonic clock; the wall clock was since set an hour on. */
	int64_t before = 1700000000ll * 1000000000, after = before + 3600ll * 1000000000;

	ck_assert_int_eq(ms_event_wall_time(8000000000, 10000000000, before),
			 before - 2000000000ll);
	ck_assert_int_eq(ms_event_wall_time(8000000000, 10000000000, after), after - 2000000000ll);
	/* Read on another CPU a moment before it was stamped: not 584 years off. */
	ck_assert_int_eq(ms_event_wall_time(10000000001, 10000000000, before), before + 1);
}
END_TEST

START_TEST(stream_numbers_and_times_events)
{
	struct ms_event_stream *stream;
	struct ms_event_record record;
	struct ms_event event = { .slot = 7, .cpu = 0, .seq = 1, .time_ns = 5000000000 };
	struct timespec now;

	ck_assert_int_eq(ms_event_stream_new(&stream), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	event.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	ms_event_stream_take(stream, &event, &record);
	ck_assert_uint_eq(record.number, 1);
	ck_assert_uint_eq(record.since_ns, 0);
	ck_assert_str_eq(record.iface, "");
	clock_gettime(CLOCK_REALTIME, &now);
	ck_assert_int_lt(llabs(record.time_ns - (now.tv_sec * 1000000000ll + now.tv_nsec)),
			 5000000000ll);

	event.slot = 8; /* another slot's clock */
	event.seq = 2;
	ms_event_stream_take(stream, &event, &record);
	ck_assert_uint_eq(record.since_ns, 0);
	event.slot = 7;
	event.seq = 5;
	event.time_ns += 1000;
	ms_event_stream_take(stream, &event, &record);
	ck_assert_uint_eq(record.number, 3);
	ck_assert_uint_eq(record.since_ns, 1000);
	ck_assert_uint_eq(ms_event_stream_lost(stream), 2);

	event.time_ns -= 500; /* late, from another CPU */
	event.cpu = 1;
	ms_event_stream_take(stream, &event, &record);
	ck_assert_uint_eq(record.since_ns, 0);
	event.time_ns += 1500;
	ms_event_stream_take(stream, &event, &record);
	ck_assert_uint_eq(record.since_ns, 1000);
	stream = ms_event_stream_free(stream);
}
END_TEST

START_TEST(history_drops_the_oldest)
{
	struct ms_event_history *history;
	struct ms_event_record record = { .number = 0 };

	ck_assert_int_eq(ms_event_history_new(3, &history), 0);
	ck_assert_uint_eq(ms_event_history_count(history), 0);
	for (unsigned int i = 1; i <= 7; i++) {
		record.number = i;
		ms_event_history_add(history, &record);
		ck_assert_uint_eq(ms_event_history_count(history), i < 3 ? i : 3);
		ck_assert_uint_eq(ms_event_history_at(history, 0)->number, i < 3 ? 1 : i - 2);
		ck_assert_uint_eq(
			ms_event_history_at(history, ms_event_history_count(history) - 1)->number,
			i);
	}
	history = ms_event_history_free(history);
	ck_assert_ptr_null(ms_event_history_free(NULL));
}
END_TEST

START_TEST(history_of_nothing_holds_nothing)
{
	struct ms_event_history *history;
	struct ms_event_record record = { .number = 1 };

	ck_assert_int_eq(ms_event_history_new(0, &history), 0);
	ms_event_history_add(history, &record);
	ck_assert_uint_eq(ms_event_history_count(history), 0);
	history = ms_event_history_free(history);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event/event");
	TCase *tcase = tcase_create("event");

	tcase_add_test(tcase, every_reason_has_a_name_that_parses_back);
	tcase_add_test(tcase, numbers_from_foreign_memory_have_a_name_too);
	tcase_add_test(tcase, stats_are_named);
	tcase_add_test(tcase, gaps_are_losses_and_the_first_event_is_not);
	tcase_add_test(tcase, wall_time_does_not_see_a_step_of_the_clock);
	tcase_add_test(tcase, stream_numbers_and_times_events);
	tcase_add_test(tcase, history_drops_the_oldest);
	tcase_add_test(tcase, history_of_nothing_holds_nothing);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
