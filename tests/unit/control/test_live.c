/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that need live counts: a slice a step, the answer last. */
#include "core/control/live.h"

#include <errno.h>

#include "tests/harness/ms_check.h"
#include "tests/unit/session/fake_dataplane.h"

#define SLOT 77

static struct ms_dataplane dp;
static unsigned int answers, ends;
static uint64_t counted, of_no_rule;

struct ms_dataplane *ms_manager_dataplane(struct ms_manager *manager)
{
	(void)manager;
	return &dp;
}

static int answer(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err)
{
	(void)ret_reply;
	(void)err;
	counted = live->counts.by_slot[SLOT].packets;
	of_no_rule = live->counts.by_slot[MS_SLOT_NONE].packets;
	return ++answers < 2 ? 1 : 0;
}

static void at_end(struct ms_control_live *live)
{
	(void)live;
	ends++;
}

static struct ms_control_stream *begin(void)
{
	struct ms_control_live *live = ms_control_live_new(sizeof(*live), NULL, answer);

	ck_assert_ptr_nonnull(live);
	live->on_end = at_end;
	return &live->stream;
}

static int step(struct ms_control_stream *stream)
{
	struct ms_error err = MS_ERROR_INIT;
	json_t *reply = NULL;

	return stream->on_step(stream, &reply, &err);
}

static void prepare(void)
{
	dp = (struct ms_dataplane) { .n_sessions = 3, .per_slice = 1, .saved = SIZE_MAX };
	for (size_t i = 0; i < dp.n_sessions; i++)
		dp.sessions[i].value = (struct ms_session) { .word = i ? SLOT : MS_SLOT_NONE,
							     .packets = { 2, 3 } };
}

START_TEST(each_step_is_a_slice_and_the_answer_comes_last)
{
	struct ms_control_stream *stream = begin();

	ck_assert_int_eq(step(stream), 1);
	ck_assert_int_eq(step(stream), 1);
	ck_assert_uint_eq(answers, 0);
	/* The last slice, and the first part of the answer. */
	ck_assert_int_eq(step(stream), 1);
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(counted, 10);
	ck_assert_uint_eq(of_no_rule, 0);
	/* Nothing is counted twice. */
	ck_assert_int_eq(step(stream), 0);
	ck_assert_uint_eq(counted, 10);
	stream->on_end(stream);
	ck_assert_uint_eq(ends, 1);
}
END_TEST

START_TEST(a_walk_that_fails_gives_no_answer)
{
	struct ms_control_stream *stream = begin();

	ck_assert_int_eq(step(stream), 1);
	dp.slice_error = -EIO;
	ck_assert_int_eq(step(stream), -EIO);
	ck_assert_uint_eq(answers, 0);
	stream->on_end(stream);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/live");
	TCase *tcase = tcase_create("live");

	tcase_add_checked_fixture(tcase, prepare, NULL);
	tcase_add_test(tcase, each_step_is_a_slice_and_the_answer_comes_last);
	tcase_add_test(tcase, a_walk_that_fails_gives_no_answer);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
