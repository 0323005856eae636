/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/addr.h"

#include "tests/harness/ms_check.h"

static const struct {
	const char *text;
	bool ok;
	const char *shown;
} cidrs[] = {
	{ "10.0.0.0/8", true, "10.0.0.0/8" },
	{ "10.0.0.1", true, "10.0.0.1" },
	{ "10.0.0.1/32", true, "10.0.0.1" },
	{ "0.0.0.0/0", true, "0.0.0.0/0" },
	{ "2001:db8::/32", true, "2001:db8::/32" },
	{ "::/0", true, "::/0" },
	{ "::1", true, "::1" },
	{ "10.0.0.1/33", false, "" },
	{ "10.0.0.1/24", false, "" }, /* host bits */
	{ "2001:db8::1/32", false, "" },
	{ "10.0.0.0/", false, "" },
	{ "10.0.0.0/08", false, "" },
	{ "10.0.0", false, "" },
	{ "010.0.0.1", false, "" },
	{ "fe80::1%eth0", false, "" },
	{ "", false, "" },
};

START_TEST(cidr_is_read_strictly_and_shown_short)
{
	struct ms_cidr cidr;
	char text[MS_CIDR_TEXT];

	ck_assert_int_eq(ms_cidr_parse(cidrs[_i].text, &cidr), cidrs[_i].ok);
	if (cidrs[_i].ok)
		ck_assert_str_eq(ms_cidr_format(&cidr, text, sizeof(text)), cidrs[_i].shown);
}
END_TEST

static const struct {
	const char *outer, *addr;
	bool contains;
} pairs[] = {
	{ "10.0.0.0/8", "10.255.0.1", true },
	{ "10.0.0.0/8", "11.0.0.1", false },
	{ "10.0.0.128/25", "10.0.0.127", false },
	{ "10.0.0.128/25", "10.0.0.255", true },
	{ "0.0.0.0/0", "1.2.3.4", true },
	{ "0.0.0.0/0", "::1", false },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::/33", "2001:db8:7fff::", true },
	{ "::1", "::1", true },
};

START_TEST(host_bits_do_not_hide_what_is_meant)
{
	struct ms_cidr cidr;
	char text[MS_CIDR_TEXT];

	ck_assert(ms_cidr_parse_meant("10.9.255.1/15", &cidr));
	ck_assert_str_eq(ms_cidr_format(&cidr, text, sizeof(text)), "10.8.0.0/15");
	ck_assert(ms_cidr_parse_meant("2001:db8::1/33", &cidr));
	ck_assert_str_eq(ms_cidr_format(&cidr, text, sizeof(text)), "2001:db8::/33");
	ck_assert(!ms_cidr_parse_meant("10.9.255.1/33", &cidr));
	ck_assert(!ms_cidr_parse_meant("10.9.255/24", &cidr));
	ck_assert(!ms_cidr_parse_meant("10.9.255.1/8x", &cidr));
}
END_TEST

START_TEST(cidr_contains_by_prefix_and_family)
{
	struct ms_cidr outer;
	struct ms_addr addr;

	ck_assert(ms_cidr_parse(pairs[_i].outer, &outer));
	ck_assert(ms_addr_parse(pairs[_i].addr, &addr));
	ck_assert_int_eq(ms_cidr_contains(&outer, &addr), pairs[_i].contains);
}
END_TEST

START_TEST(the_first_of_equals_is_found)
{
	static const char *const texts[] = { "10.0.0.0/8", "10.0.0.1", "10.0.0.1", "10.0.0.3" };
	static const struct {
		const char *text;
		size_t at;
	} asked[] = {
		{ "9.0.0.0/8", 0 }, { "10.0.0.1", 1 }, { "10.0.0.2", 3 },
		{ "10.0.0.3", 3 },  { "10.0.0.4", 4 },
	};
	struct {
		struct ms_cidr cidr;
		int more;
	} items[4];
	struct ms_cidr cidr;

	for (size_t i = 0; i < 4; i++)
		ck_assert(ms_cidr_parse(texts[i], &items[i].cidr));
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		ck_assert(ms_cidr_parse(asked[i].text, &cidr));
		ck_assert_uint_eq(ms_cidr_first(items, 4, sizeof(items[0]), &cidr), asked[i].at);
	}
	ck_assert_uint_eq(ms_cidr_first(items, 0, sizeof(items[0]), &cidr), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/addr");
	TCase *tcase = tcase_create("addr");

	tcase_add_loop_test(tcase, cidr_is_read_strictly_and_shown_short, 0,
			    sizeof(cidrs) / sizeof(cidrs[0]));
	tcase_add_test(tcase, host_bits_do_not_hide_what_is_meant);
	tcase_add_test(tcase, the_first_of_equals_is_found);
	tcase_add_loop_test(tcase, cidr_contains_by_prefix_and_family, 0,
			    sizeof(pairs) / sizeof(pairs[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
