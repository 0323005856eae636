/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/parse.h"

#include <string.h>

#include "tests/harness/ms_check.h"

static const struct {
	const char *text;
	bool ok;
	uint64_t value;
} uints[] = {
	{ "0", true, 0 },
	{ "80", true, 80 },
	{ "65535", true, 65535 },
	{ "65536", false, 0 },
	{ "80abc", false, 0 },
	{ "+80", false, 0 },
	{ " 80", false, 0 },
	{ "80 ", false, 0 },
	{ "080", false, 0 },
	{ "", false, 0 },
	{ "-1", false, 0 },
	{ "0x10", false, 0 },
	{ "18446744073709551616", false, 0 },
};

START_TEST(uint_is_the_whole_text)
{
	uint64_t value = 4711;

	ck_assert_int_eq(ms_parse_uint(uints[_i].text, 0, 65535, &value), uints[_i].ok);
	ck_assert_uint_eq(value, uints[_i].ok ? uints[_i].value : 4711);
}
END_TEST

static const struct {
	const char *text;
	bool ok;
	uint16_t first, last;
} ports[] = {
	{ "80", true, 80, 80 },        { "8000-8100", true, 8000, 8100 },
	{ "0-65535", true, 0, 65535 }, { "90-80", false, 0, 0 },
	{ "80-", false, 0, 0 },        { "-80", false, 0, 0 },
	{ "80-80", true, 80, 80 },     { "1-65536", false, 0, 0 },
	{ "80 - 90", false, 0, 0 },    { "1-2-3", false, 0, 0 },
};

START_TEST(port_range_has_both_ends_in_order)
{
	uint16_t first = 1, last = 1;

	ck_assert_int_eq(ms_parse_port_range(ports[_i].text, &first, &last), ports[_i].ok);
	if (ports[_i].ok) {
		ck_assert_uint_eq(first, ports[_i].first);
		ck_assert_uint_eq(last, ports[_i].last);
	}
}
END_TEST

static const struct {
	const char *text;
	bool ok;
	uint64_t ns;
} durations[] = {
	{ "250ms", true, 250000000ULL },
	{ "10s", true, 10000000000ULL },
	{ "3m", true, 180000000000ULL },
	{ "24h", true, 86400000000000ULL },
	{ "7d", true, 604800000000000ULL },
	{ "0s", true, 0 },
	{ "10", false, 0 },
	{ "s", false, 0 },
	{ "1.5s", false, 0 },
	{ "10S", false, 0 },
	{ "10s ", false, 0 },
	{ "1h30m", false, 0 },
	{ "999999999999d", false, 0 },
};

START_TEST(duration_has_one_number_and_one_unit)
{
	uint64_t ns = 0;
	char text[32];

	ck_assert_int_eq(ms_parse_duration(durations[_i].text, &ns), durations[_i].ok);
	if (durations[_i].ok) {
		ck_assert_uint_eq(ns, durations[_i].ns);
		ck_assert(ms_parse_duration(ms_format_duration(ns, text, sizeof(text)), &ns));
		ck_assert_uint_eq(ns, durations[_i].ns);
	}
}
END_TEST

START_TEST(duration_prints_its_shortest_exact_form)
{
	char text[32];

	ck_assert_str_eq(ms_format_duration(86400000000000ULL, text, sizeof(text)), "1d");
	ck_assert_str_eq(ms_format_duration(90000000000ULL, text, sizeof(text)), "90s");
	ck_assert_str_eq(ms_format_duration(1500000000ULL, text, sizeof(text)), "1500ms");
	ck_assert_str_eq(ms_format_duration(0, text, sizeof(text)), "0ms");
}
END_TEST

static const struct {
	const char *text;
	bool ok;
	int64_t seconds;
} times[] = {
	{ "1970-01-01T00:00:00Z", true, 0 },
	{ "2026-11-23T03:00:00Z", true, 1795402800 },
	{ "2026-11-23T04:00:00+01:00", true, 1795402800 },
	{ "2026-11-23T02:30:00-00:30", true, 1795402800 },
	{ "2026-11-23", false, 0 },
	{ "2026-11-23T03:00:00", false, 0 },
	{ "2026-11-23 03:00:00Z", false, 0 },
	{ "2026-11-23T03:00:00Zx", false, 0 },
	{ "2026-13-23T03:00:00Z", false, 0 },
	{ "2026-11-3T03:00:00Z", false, 0 },
};

START_TEST(time_is_rfc_3339_with_an_offset)
{
	int64_t seconds = 7;

	ck_assert_int_eq(ms_parse_time(times[_i].text, &seconds), times[_i].ok);
	ck_assert_int_eq(seconds, times[_i].ok ? times[_i].seconds : 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/parse");
	TCase *tcase = tcase_create("parse");

	tcase_add_loop_test(tcase, uint_is_the_whole_text, 0, sizeof(uints) / sizeof(uints[0]));
	tcase_add_loop_test(tcase, port_range_has_both_ends_in_order, 0,
			    sizeof(ports) / sizeof(ports[0]));
	tcase_add_loop_test(tcase, duration_has_one_number_and_one_unit, 0,
			    sizeof(durations) / sizeof(durations[0]));
	tcase_add_test(tcase, duration_prints_its_shortest_exact_form);
	tcase_add_loop_test(tcase, time_is_rfc_3339_with_an_offset, 0,
			    sizeof(times) / sizeof(times[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
