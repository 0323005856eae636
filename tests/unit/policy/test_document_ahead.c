/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A long document is read ahead by a thread, a short one is not: nobody can tell from the events.
 */
#include "core/policy/document_ahead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document_reader.h"
#include "tests/harness/ms_check.h"

/* Many batches of events, and few. */
enum { SHORT = 10, LONG = 2000, EVENTS_OF_A_LINE = 8 };

/* `- { id: r/I, q: "two words", n: ~ }` on every line, then `tail`. */
static char *make_text(unsigned int n_lines, const char *tail)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	for (unsigned int i = 0; i < n_lines; i++)
		fprintf(out, "- { id: r/%-5u, q: \"two words\", n: ~ }\n", i);
	fputs(tail, out);
	fclose(out);
	ck_assert_int_eq(length >= MS_DOCUMENT_AHEAD_MIN, n_lines == LONG);
	return text;
}

static void open_text(struct ms_document_reader *reader, const char *text, struct ms_error *err)
{
	ck_assert_int_eq(ms_document_reader_open(reader, "a.yaml", text, strlen(text), err), 0);
}

static void expect(struct ms_document_reader *reader, enum ms_document_event event,
		   unsigned int line, unsigned int column)
{
	ck_assert_int_eq(ms_document_reader_next(reader), 0);
	ck_assert_int_eq(reader->event, event);
	ck_assert_uint_eq(reader->place.line, line);
	ck_assert_uint_eq(reader->place.column, column);
}

static void expect_scalar(struct ms_document_reader *reader, const char *value, bool is_quoted,
			  bool is_null, unsigned int line, unsigned int column)
{
	expect(reader, MS_DOCUMENT_SCALAR, line, column);
	ck_assert_str_eq(reader->value, value);
	ck_assert_int_eq(reader->is_quoted, is_quoted);
	ck_assert_int_eq(reader->is_null, is_null);
}

static void expect_line(struct ms_document_reader *reader, unsigned int i)
{
	char id[16];

	snprintf(id, sizeof(id), "r/%u", i);
	expect(reader, MS_DOCUMENT_MAPPING, i + 1, 3);
	ck_assert_uint_eq(reader->depth, 1);
	expect_scalar(reader, "id", false, false, i + 1, 5);
	expect_scalar(reader, id, false, false, i + 1, 9);
	expect_scalar(reader, "q", false, false, i + 1, 18);
	expect_scalar(reader, "two words", true, false, i + 1, 21);
	expect_scalar(reader, "n", false, false, i + 1, 34);
	expect_scalar(reader, "~", false, true, i + 1, 37);
	expect(reader, MS_DOCUMENT_MAPPING_END, i + 1, 39);
	/* Also where this event is another batch's. */
	ck_assert_str_eq(reader->value, "~");
	ck_assert(!reader->is_null);
}

/* And nothing is said to be wrong as long as they come. */
static void expect_lines(struct ms_document_reader *reader, const char *text, unsigned int n_lines,
			 struct ms_error *err)
{
	open_text(reader, text, err);
	expect(reader, MS_DOCUMENT_SEQUENCE, 1, 1);
	for (unsigned int i = 0; i < n_lines; i++) {
		expect_line(reader, i);
		ck_assert(!ms_error_is_set(err));
	}
}

START_TEST(all_events_come_in_order)
{
	unsigned int n_lines = _i ? LONG : SHORT;
	ms_cleanup(ms_free) char *text = make_text(n_lines, "");
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	expect_lines(&reader, text, n_lines, &err);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ck_assert_int_eq(reader.event, MS_DOCUMENT_SEQUENCE_END);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ck_assert_int_eq(reader.event, MS_DOCUMENT_END);
	ck_assert(!ms_error_is_set(&err));
}
END_TEST

/* Found long before it is reached, and said when it is. */
START_TEST(what_is_wrong_is_said_in_its_turn)
{
	unsigned int n_lines = _i ? LONG : SHORT;
	ms_cleanup(ms_free) char *text = make_text(n_lines, "- &anchor a\n");
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	struct ms_error err = MS_ERROR_INIT;

	expect_lines(&reader, text, n_lines, &err);
	ck_assert_int_lt(ms_document_reader_next(&reader), 0);
	ck_assert_str_eq(err.message, "anchors are not part of the language");
	ck_assert_uint_eq(err.line, n_lines + 1);
	ck_assert_uint_eq(err.column, 3);
	ck_assert_str_eq(err.word, "&anchor");
}
END_TEST

START_TEST(the_first_complaint_stays)
{
	ms_cleanup(ms_free) char *text = make_text(_i ? LONG : SHORT, "- &anchor a\n");
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	int r = 0;

	open_text(&reader, text, &err);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ms_document_reader_refuse(&reader, reader.place, "w", "mine");
	while (r == 0)
		r = ms_document_reader_next(&reader);
	ck_assert_str_eq(err.message, "mine");
}
END_TEST

START_TEST(nobody_need_be_told)
{
	ms_cleanup(ms_free) char *text = make_text(_i ? LONG : SHORT, "- &anchor a\n");
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	unsigned int n_events = 0;

	open_text(&reader, text, NULL);
	while (ms_document_reader_next(&reader) == 0)
		n_events++;
	ck_assert_uint_eq(n_events, 1 + EVENTS_OF_A_LINE * (_i ? LONG : SHORT));
}
END_TEST

/* Whoever refuses a document closes it in the middle, with the thread at work, waiting, or done. */
static const unsigned int stops[] = { 0, 1, 1023, 1024, 1025, 4096, 4097, 10000, 16003 };

START_TEST(may_be_closed_anywhere)
{
	ms_cleanup(ms_free) char *text = make_text(LONG, "");
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };

	open_text(&reader, text, NULL);
	for (unsigned int i = 0; i < stops[_i]; i++)
		ck_assert_int_eq(ms_document_reader_next(&reader), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/document_ahead");
	TCase *tcase = tcase_create("ahead");

	tcase_add_loop_test(tcase, all_events_come_in_order, 0, 2);
	tcase_add_loop_test(tcase, what_is_wrong_is_said_in_its_turn, 0, 2);
	tcase_add_loop_test(tcase, the_first_complaint_stays, 0, 2);
	tcase_add_loop_test(tcase, nobody_need_be_told, 0, 2);
	tcase_add_loop_test(tcase, may_be_closed_anywhere, 0, ms_array_size(stops));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
