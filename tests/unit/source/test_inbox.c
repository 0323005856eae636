/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/inbox.h"

#include <errno.h>

#include "core/base/cleanup.h"
#include "core/source/offer.h"
#include "tests/harness/ms_check.h"

static struct ms_source_inbox inbox;
static unsigned int messages, offers;
static size_t offered;

static void on_message(void *user, const struct ms_source_wire_message *message)
{
	(void)user;
	(void)message;
	messages++;
}

static void on_offer(void *user, struct ms_source_wire_buffer *bytes)
{
	(void)user;
	offers++;
	offered = bytes->length;
}

static void setup(void)
{
	inbox = (struct ms_source_inbox) { .on_message = on_message, .on_offer = on_offer };
	messages = offers = 0;
	offered = 0;
}

static void teardown(void)
{
	ms_source_inbox_fini(&inbox);
}

static void say(enum ms_source_wire_kind kind, const char *text)
{
	const struct ms_source_wire_message message = {
		.kind = kind,
		.text = text,
		.length = text ? strlen(text) : 0,
	};
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer frame = { 0 };

	ck_assert_int_eq(ms_source_wire_put(&frame, &message), 0);
	ck_assert_int_eq(ms_source_inbox_add(&inbox, frame.bytes, frame.length), 0);
}

static int turn(void)
{
	struct ms_error err = MS_ERROR_INIT;

	return ms_source_inbox_turn(&inbox, &err);
}

START_TEST(a_flood_of_lines_takes_turns)
{
	for (unsigned int i = 0; i < 2 * MS_SOURCE_INBOX_TURN + 1; i++)
		say(MS_SOURCE_WIRE_LOG, "line");
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(messages, MS_SOURCE_INBOX_TURN);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(messages, 2 * MS_SOURCE_INBOX_TURN);
	ck_assert_int_eq(turn(), 0);
	ck_assert_uint_eq(messages, 2 * MS_SOURCE_INBOX_TURN + 1);
	ck_assert_int_eq(turn(), 0);
}
END_TEST

/* Nobody is told of them, and they cost all the same. */
START_TEST(beats_count_too)
{
	for (unsigned int i = 0; i < MS_SOURCE_INBOX_TURN; i++)
		say(MS_SOURCE_WIRE_BEAT, NULL);
	say(MS_SOURCE_WIRE_LOG, "line");
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(messages, 0);
	ck_assert_int_eq(turn(), 0);
	ck_assert_uint_eq(messages, 1);
}
END_TEST

/* A long one is not cut into turns: it is whole or not there, and its frames are only kept. */
START_TEST(a_transaction_is_one_message)
{
	size_t length;

	say(MS_SOURCE_WIRE_BEGIN, NULL);
	for (unsigned int i = 0; i < 2 * MS_SOURCE_INBOX_TURN; i++)
		say(MS_SOURCE_WIRE_SET, "name");
	say(MS_SOURCE_WIRE_COMMIT, NULL);
	length = inbox.got.length;
	for (unsigned int i = 0; i < MS_SOURCE_INBOX_TURN; i++)
		say(MS_SOURCE_WIRE_LOG, "line");
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(offers, 1);
	ck_assert_uint_eq(offered, length);
	ck_assert_uint_eq(messages, MS_SOURCE_INBOX_TURN - 1);
	ck_assert_int_eq(turn(), 0);
	ck_assert_uint_eq(messages, MS_SOURCE_INBOX_TURN);
}
END_TEST

START_TEST(half_a_frame_waits_for_its_rest)
{
	static const char half[] = { 0, 0, 0 };

	ck_assert_int_eq(ms_source_inbox_add(&inbox, half, sizeof(half)), 0);
	ck_assert_int_eq(turn(), 0);
	ck_assert_uint_eq(inbox.got.length, sizeof(half));
}
END_TEST

static const enum ms_source_wire_kind out_of_order[][2] = {
	{ MS_SOURCE_WIRE_BEGIN, MS_SOURCE_WIRE_BEGIN },
	{ MS_SOURCE_WIRE_BEGIN, MS_SOURCE_WIRE_BEAT },
	{ MS_SOURCE_WIRE_BEGIN, MS_SOURCE_WIRE_READY },
	{ MS_SOURCE_WIRE_BEAT, MS_SOURCE_WIRE_COMMIT },
};

START_TEST(frames_out_of_order_end_it)
{
	say(out_of_order[_i][0], NULL);
	ck_assert_int_eq(turn(), 0);
	say(out_of_order[_i][1], NULL);
	ck_assert_int_eq(turn(), -EPROTO);
	ck_assert_uint_eq(offers, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source/inbox");
	TCase *tcase = tcase_create("inbox");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_flood_of_lines_takes_turns);
	tcase_add_test(tcase, beats_count_too);
	tcase_add_test(tcase, a_transaction_is_one_message);
	tcase_add_test(tcase, half_a_frame_waits_for_its_rest);
	tcase_add_loop_test(tcase, frames_out_of_order_end_it, 0, ms_array_size(out_of_order));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
