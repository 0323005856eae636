/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document_reader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document_hint.h"
#include "tests/harness/ms_check.h"

/* All events of the text; 0 or what the reader refused it with. */
static int read_all(const char *name, const char *text, size_t length, struct ms_error *err,
		    unsigned int *ret_depth)
{
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	int r = ms_document_reader_open(&reader, name, text, length, err);

	*ret_depth = 0;
	while (r == 0) {
		r = ms_document_reader_next(&reader);
		if (r < 0 || reader.event == MS_DOCUMENT_END)
			break;
		if (reader.depth > *ret_depth)
			*ret_depth = reader.depth;
	}
	return r;
}

START_TEST(depth_ends_at_the_limit)
{
	static const char *const names[] = { "a.yaml", "a.json" };
	char text[2 * (MS_DOCUMENT_DEPTH_MAX + 1) + 1];
	struct ms_error err = MS_ERROR_INIT;
	unsigned int depth;

	for (size_t n = MS_DOCUMENT_DEPTH_MAX; n <= MS_DOCUMENT_DEPTH_MAX + 1; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		ck_assert_int_eq(read_all(names[_i], text, 2 * n, &err, &depth) == 0,
				 n == MS_DOCUMENT_DEPTH_MAX);
	}
	ck_assert_uint_eq(err.column, MS_DOCUMENT_DEPTH_MAX + 1);
	ck_assert_ptr_nonnull(strstr(err.message, "deep"));
}
END_TEST

/* They must cost no more than the few that are looked at. */
START_TEST(brackets_without_end_are_not_followed)
{
	static const char *const names[] = { "a.yaml", "a.json" };
	const size_t length = 100000;
	ms_cleanup(ms_free) char *text = malloc(length);
	struct ms_error err = MS_ERROR_INIT;
	unsigned int depth;

	memset(text, '[', length);
	ck_assert_int_lt(read_all(names[_i], text, length, &err, &depth), 0);
	ck_assert_uint_le(depth, MS_DOCUMENT_DEPTH_MAX);
}
END_TEST

START_TEST(a_line_of_yaml_has_a_limit_and_one_of_json_none)
{
	const size_t length = MS_DOCUMENT_LINE_MAX + 100;
	ms_cleanup(ms_free) char *text = malloc(length);
	struct ms_error err = MS_ERROR_INIT;
	unsigned int depth;

	memset(text, ' ', length);
	memcpy(text, "{\"a\":\n1", 7);
	text[length - 1] = '}';
	ck_assert_int_lt(read_all("a.yaml", text, length, &err, &depth), 0);
	ck_assert_uint_eq(err.line, 2);
	ck_assert_int_eq(read_all("a.json", text, length, &err, &depth), 0);
	/* The last line holds exactly as much as it may, then one more. */
	text[6 + MS_DOCUMENT_LINE_MAX - 1] = '}';
	ck_assert_int_eq(read_all("a.yaml", text, 6 + MS_DOCUMENT_LINE_MAX, &err, &depth), 0);
	ck_assert_int_lt(read_all("a.yaml", text, 6 + MS_DOCUMENT_LINE_MAX + 1, &err, &depth), 0);
}
END_TEST

/* Bytes are looked at several at a time: where in these one stands makes no difference. */
START_TEST(a_character_is_judged_wherever_it_stands)
{
	static const char *const names[] = { "a.yaml", "a.json" };
	static const struct {
		char byte;
		bool is_refused;
	} bytes[] = { { ' ', false }, { '~', false },   { 0x1f, true },
		      { 0x7f, true }, { '\x80', true }, { '\xff', true } };
	enum { LENGTH = 25 };

	for (size_t i = 0; i < ms_array_size(bytes); i++) {
		for (unsigned int at = 1; at < LENGTH - 1; at++) {
			struct ms_error err = MS_ERROR_INIT;
			char text[LENGTH];
			unsigned int depth;

			memset(text, 'x', sizeof(text));
			text[0] = text[LENGTH - 1] = '"';
			text[at] = bytes[i].byte;
			ck_assert_int_eq(read_all(names[_i], text, LENGTH, &err, &depth) < 0,
					 bytes[i].is_refused);
			if (bytes[i].is_refused)
				ck_assert_uint_eq(err.column, at + 1);
		}
	}
}
END_TEST

/* What a value is does not hang on whether it stands in the document just so. */
static const struct {
	const char *written, *value;
} values[] = {
	{ "a", "a" },
	{ "a b  # c", "a b" },
	{ "a\n  b", "a b" },
	{ "it''s", "it''s" },
	{ "'it''s'", "it's" },
	{ "'a\\b'", "a\\b" },
	{ "'a\n  b'", "a b" },
	{ "\"a b\" # c", "a b" },
	{ "\"a\\\\b\"", "a\\b" },
	{ "\"a\\\"\"", "a\"" },
	{ "\"\\u00e9\"", "\u00e9" },
	{ "\"a\n  b\"", "a b" },
	{ "\"a\\\n  b\"", "ab" },
	{ "\"\"", "" },
	{ "\u00e9\r", "\u00e9" },
	{ "|-\n  a", "a" },
	{ ">-\n  a\n  b", "a b" },
	{ "", "" },
};

START_TEST(a_value_is_what_yaml_says)
{
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	char text[64];

	snprintf(text, sizeof(text), "- %s\n- next\n", values[_i].written);
	ck_assert_int_eq(ms_document_reader_open(&reader, "a.yaml", text, strlen(text), &err), 0);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ck_assert_int_eq(reader.event, MS_DOCUMENT_SEQUENCE);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ck_assert_int_eq(reader.event, MS_DOCUMENT_SCALAR);
	ck_assert_pstr_eq(reader.value, values[_i].value);
	ck_assert_int_eq(ms_document_reader_next(&reader), 0);
	ck_assert_pstr_eq(reader.value, "next");
}
END_TEST

START_TEST(a_value_has_a_limit)
{
	static const char *const names[] = { "a.yaml", "a.json" };
	char text[MS_DOCUMENT_VALUE_MAX + 8];
	struct ms_error err = MS_ERROR_INIT;
	unsigned int depth;

	for (size_t n = MS_DOCUMENT_VALUE_MAX; n <= MS_DOCUMENT_VALUE_MAX + 1; n++) {
		memset(text, 'x', n + 2);
		text[0] = text[n + 1] = '"';
		ck_assert_int_eq(read_all(names[_i], text, n + 2, &err, &depth) == 0,
				 n == MS_DOCUMENT_VALUE_MAX);
	}
	ck_assert_uint_eq(err.column, 1);
}
END_TEST

/* ---- JSON, against another reader of it ---- */

static const char *const seeds[] = {
	"{\"version\": 1, \"rules\": [{\"id\": \"a\", \"log\": true, \"x\": null}], \"n\": -1.5e+3}",
	"[1, 0, -0, 12, 1.25, 1e9, \"\", \"\\\"\\\\\\/\", \"\\u00e9\\ud83d\\ude00\", false]",
	"  {\"a\" : {\"b\":[ ] , \"c\":{ }}}\n",
};

static unsigned int seed;
#define ROUNDS 5000 /* of a case; there are four of each text */

static size_t mutate(char *text, size_t length, size_t room)
{
	static const char bytes[] = "{}[]\",:0123456789.eE+-\\utrfnalsx \n\t/b";
	unsigned int changes = 1 + (unsigned int)rand_r(&seed) % 3;

	while (changes-- > 0 && length > 0) {
		size_t at = (size_t)rand_r(&seed) % length;
		char byte = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];

		switch (rand_r(&seed) % 3) {
		case 0:
			text[at] = byte;
			break;
		case 1:
			memmove(text + at, text + at + 1, length - at - 1);
			length--;
			break;
		default:
			if (length + 1 < room) {
				memmove(text + at + 1, text + at, length - at);
				text[at] = byte;
				length++;
			}
		}
	}
	return length;
}

/* Where we know that the two differ: what escapes make must be text, and numbers are words here
 * whose size their key judges. */
static bool is_ours_alone(const struct ms_error *err, const json_error_t *theirs)
{
	return strstr(err->message, "line break or control") ||
	       json_error_code(theirs) == json_error_numeric_overflow ||
	       json_error_code(theirs) == json_error_null_character ||
	       json_error_code(theirs) == json_error_null_byte_in_key;
}

START_TEST(json_is_what_jansson_takes_for_it)
{
	const char *seed_text = seeds[(size_t)_i % ms_array_size(seeds)];
	unsigned int n_good = 0, depth;

	seed = (unsigned int)_i;
	for (int round = 0; round < ROUNDS; round++) {
		char text[256];
		size_t length = strlen(seed_text);
		struct ms_error err = MS_ERROR_INIT;
		json_error_t theirs = { 0 };
		json_t *json;
		int r;

		memcpy(text, seed_text, length);
		length = mutate(text, length, sizeof(text));
		r = read_all("a.json", text, length, &err, &depth);
		json = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &theirs);
		ck_assert_msg((r == 0) == (json != NULL) || is_ours_alone(&err, &theirs),
			      "we say %d (%s), jansson %s (%s): %.*s", r, err.message,
			      json ? "yes" : "no", theirs.text, (int)length, text);
		n_good += r == 0;
		json_decref(json);
	}
	/* A reader that refuses everything agrees with nobody. */
	ck_assert_uint_gt(n_good, ROUNDS / 40);
}
END_TEST

/* ---- hints ---- */

static const struct {
	const char *word, *meant;
} hints[] = {
	{ "drop", "deny" },  { "DROP", "deny" },  { "Deny", "deny" },    { "dney", "deny" },
	{ "den", "deny" },   { "deny!", "deny" }, { "accept", "allow" }, { "allou", "allow" },
	{ "x", NULL },       { "", NULL },        { "nobody", NULL },    { "ratelimit", NULL },
	{ "ingress", NULL }, /* means `in`, which is none of the words asked for */
};

START_TEST(hint_is_the_word_that_was_meant)
{
	static const char *const known[] = { "allow", "deny" };
	const char *meant = ms_document_hint_find(hints[_i].word, known, ms_array_size(known));

	if (hints[_i].meant)
		ck_assert_pstr_eq(meant, hints[_i].meant);
	else
		ck_assert_ptr_null(meant);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/document_reader");
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, 60); /* a machine may be busy */
	tcase_add_loop_test(tcase, depth_ends_at_the_limit, 0, 2);
	tcase_add_loop_test(tcase, brackets_without_end_are_not_followed, 0, 2);
	tcase_add_test(tcase, a_line_of_yaml_has_a_limit_and_one_of_json_none);
	tcase_add_loop_test(tcase, a_value_has_a_limit, 0, 2);
	tcase_add_loop_test(tcase, a_character_is_judged_wherever_it_stands, 0, 2);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("values");
	tcase_add_loop_test(tcase, a_value_is_what_yaml_says, 0, ms_array_size(values));
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("json");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, json_is_what_jansson_takes_for_it, 0, 4 * ms_array_size(seeds));
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("hint");
	tcase_add_loop_test(tcase, hint_is_the_word_that_was_meant, 0, ms_array_size(hints));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
