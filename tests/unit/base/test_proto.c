/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/proto.h"

#include <netinet/in.h>
#include <stdio.h>

#include "tests/harness/ms_check.h"

START_TEST(every_printed_name_can_be_typed_back)
{
	for (unsigned int i = 0; i < 256; i++) {
		char text[16];
		uint8_t back = 255;

		ck_assert(ms_proto_parse(ms_proto_format((uint8_t)i, text, sizeof(text)), &back));
		ck_assert_uint_eq(back, i);
		if (i < 64) {
			ck_assert(ms_proto_dscp_parse(
				ms_proto_dscp_format((uint8_t)i, text, sizeof(text)), &back));
			ck_assert_uint_eq(back, i);
		}
		for (int v6 = 0; v6 < 2; v6++) {
			uint8_t proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
			const char *name = ms_proto_icmp_name(proto, (uint8_t)i);

			if (!name)
				continue;
			ck_assert(ms_proto_icmp_parse(proto, name, &back));
			ck_assert_uint_eq(back, i);
		}
	}
}
END_TEST

static const struct {
	const char *text;
	int number; /* -1 = refused */
} words[] = {
	{ "tcp", 6 },  { "icmpv6", 58 }, { "47", 47 },   { "0", 0 }, { "255", 255 },
	{ "256", -1 }, { "TCP", -1 },    { "tcp ", -1 }, { "", -1 }, { "6x", -1 },
};

START_TEST(protocols_are_names_or_bytes)
{
	uint8_t number = 77;
	bool ok = ms_proto_parse(words[_i].text, &number);

	ck_assert_int_eq(ok, words[_i].number >= 0);
	ck_assert_int_eq(number, ok ? words[_i].number : 77);
}
END_TEST

START_TEST(icmp_types_belong_to_their_family)
{
	uint8_t type;

	ck_assert(ms_proto_icmp_parse(IPPROTO_ICMP, "echo-request", &type));
	ck_assert_uint_eq(type, 8);
	ck_assert(ms_proto_icmp_parse(IPPROTO_ICMPV6, "echo-request", &type));
	ck_assert_uint_eq(type, 128);
	ck_assert(!ms_proto_icmp_parse(IPPROTO_ICMP, "packet-too-big", &type));
	ck_assert(!ms_proto_icmp_parse(IPPROTO_TCP, "8", &type));
}
END_TEST

START_TEST(a_dscp_has_six_bits)
{
	uint8_t dscp = 77;

	ck_assert(!ms_proto_dscp_parse("64", &dscp));
	ck_assert(!ms_proto_dscp_parse("EF", &dscp));
	ck_assert_uint_eq(dscp, 77);
	ck_assert(ms_proto_dscp_parse("ef", &dscp));
	ck_assert_uint_eq(dscp, 46);
	ck_assert(ms_proto_dscp_parse("be", &dscp));
	ck_assert_uint_eq(dscp, 0);
	/* afXY is 8X + 2Y, csX is 8X. */
	for (unsigned int x = 1; x < 8; x++) {
		char name[] = { 'c', 's', (char)('0' + x), '\0', '\0' };

		ck_assert(ms_proto_dscp_parse(name, &dscp));
		ck_assert_uint_eq(dscp, 8 * x);
		for (unsigned int y = 1; x < 5 && y < 4; y++) {
			snprintf(name, sizeof(name), "af%u%u", x, y);
			ck_assert(ms_proto_dscp_parse(name, &dscp));
			ck_assert_uint_eq(dscp, 8 * x + 2 * y);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/proto");
	TCase *tcase = tcase_create("proto");

	tcase_add_test(tcase, every_printed_name_can_be_typed_back);
	tcase_add_loop_test(tcase, protocols_are_names_or_bytes, 0,
			    sizeof(words) / sizeof(words[0]));
	tcase_add_test(tcase, icmp_types_belong_to_their_family);
	tcase_add_test(tcase, a_dscp_has_six_bits);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
