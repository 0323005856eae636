/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that others wrote, as a line that any answer may hold. */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/error.h"
#include "core/base/utf8.h"
#include "core/policy/model.h"
#include "tests/harness/ms_check.h"

static const struct {
	const char *text, *tidy; /* the same = it is a line */
} lines[] = {
	{ "", "" },
	{ "container web", "container web" },
	{ "b\xc3\xbcro", "b\xc3\xbcro" },
	{ "\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5" },
	{ "a\xff", "a?" },
	{ "half \xc3", "half ?" },
	{ "half \xe2\x82", "half ??" },
	{ "\xed\xa0\x80", "???" }, /* half of a pair */
	{ "\xc0\xaf", "??" },      /* too long a form */
	{ "a\nb\tc\x1b[2J\x7f", "a b c [2J " },
	{ "\xc2\x9b"
	  "2J",
	  "  2J" }, /* CSI in one letter */
	{ "\xc2\xa0", "\xc2\xa0" },
};

START_TEST(a_line_is_utf8_without_control_characters)
{
	char line[64];

	snprintf(line, sizeof(line), "%s", lines[_i].text);
	ck_assert_str_eq(ms_utf8_tidy(line), lines[_i].tidy);
	ck_assert_int_eq(ms_utf8_is_line(lines[_i].text),
			 strcmp(lines[_i].text, lines[_i].tidy) == 0);
	ck_assert(ms_utf8_is_line(line));
}
END_TEST

#define U8 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" /* four letters of two bytes */

static const struct {
	size_t size;
	const char *text, *end, *shortened;
} long_ones[] = {
	{ 16, "10-db.yaml", ":14", "10-db.yaml:14" },
	{ 14, "10-db.yaml", ":14", "10-db.yaml:14" },
	{ 13, "10-db.yaml", ":14", "10...yaml:14" },
	{ 12, "", ":4294967295", ":4294967295" },
	{ 20, "0123456789abcdefghij", ":7", "0123...abcdefghij:7" },
	{ 16, U8 U8, "", "\xc3\xbc\xc3\xbc...\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" },
	{ 17, U8 U8, "", U8 U8 },
	{ 16, "a" U8 U8, "", "a\xc3\xbc...\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" },
	{ 16, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ":1",
	  "???...???????:1" },
	/* What are no letters at all has no place between two. */
	{ 16, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", ":1", "...:1" },
};

START_TEST(the_middle_goes_and_the_end_stays)
{
	char into[64];

	memset(into, 'x', sizeof(into));
	ms_utf8_shorten(into, long_ones[_i].size, long_ones[_i].text, long_ones[_i].end);
	ck_assert_str_eq(into, long_ones[_i].shortened);
	ck_assert_uint_lt(strlen(into), long_ones[_i].size);
}
END_TEST

/* What the datapath keeps of it, whatever was said: a source's name, 127 bytes and a line. */
START_TEST(an_origin_keeps_its_line)
{
	char file[256] = "docker_of_the_second_machine_31:", text[MS_ORIGIN_MAX];
	struct ms_origin origin = { .source = MS_SOURCE_PLUGIN, .file = file, .line = 4000000000u };

	for (int i = 0; i < 63; i++)
		strcat(file, "\xc3\xbc");
	for (size_t size = 24; size <= sizeof(text); size++) {
		ms_origin_format(&origin, text, size);
		ck_assert(ms_utf8_is_line(text));
		ck_assert_uint_ge(strlen(text), size - 4);
		ck_assert_ptr_nonnull(strstr(text, "\xc3\xbc:4000000000"));
		ck_assert_int_eq(text[0], 'd');
	}
}
END_TEST

START_TEST(an_error_is_a_line)
{
	struct ms_error err = MS_ERROR_INIT;
	char text[24];

	ms_error_set_at(&err, -22, "\xff.yaml", 1, 2, NULL, "not %s", U8 U8);
	ms_error_format(&err, text, sizeof(text));
	ck_assert_str_eq(text, "?.yaml:1:2: not \xc3\xbc\xc3\xbc\xc3\xbc?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/utf8");
	TCase *tcase = tcase_create("utf8");

	tcase_add_loop_test(tcase, a_line_is_utf8_without_control_characters, 0,
			    ms_array_size(lines));
	tcase_add_loop_test(tcase, the_middle_goes_and_the_end_stays, 0, ms_array_size(long_ones));
	tcase_add_test(tcase, an_origin_keeps_its_line);
	tcase_add_test(tcase, an_error_is_a_line);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
