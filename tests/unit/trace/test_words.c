/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trace/words.h"

#include <errno.h>
#include <stdio.h>

#include "tests/harness/ms_check.h"

static const struct {
	const char *text, *word;
	unsigned int column;
} refused[] = {
	{ "", "", 1 },
	{ "tpc 10.0.0.1:1 > 10.0.0.2:2", "tpc", 1 },
	{ "TCP 10.0.0.1:1 > 10.0.0.2:2", "TCP", 1 },
	{ "proto", "", 6 },
	{ "proto 256 10.0.0.1 > 10.0.0.2", "256", 7 },
	{ "proto x 10.0.0.1 > 10.0.0.2", "x", 7 },
	{ "tcp", "", 4 },
	{ "tcp 10.0.0.1 > 10.0.0.2:2", "10.0.0.1", 5 },
	{ "tcp 10.0.0.1:1 > 10.0.0.2", "10.0.0.2", 18 },
	{ "tcp 2001:db8::1 > [2001:db8::2]:2", "2001:db8::1", 5 },
	{ "tcp 10.0.0.1:80abc > 10.0.0.2:2", "10.0.0.1:80abc", 5 },
	{ "tcp 10.0.0.1:65536 > 10.0.0.2:2", "10.0.0.1:65536", 5 },
	{ "tcp 10.0.0.1: > 10.0.0.2:2", "10.0.0.1:", 5 },
	{ "tcp 10.0.0.256:1 > 10.0.0.2:2", "10.0.0.256:1", 5 },
	{ "tcp [10.0.0.1]:1 > 10.0.0.2:2", "[10.0.0.1]:1", 5 },
	{ "tcp [2001:db8::1:1 > [2001:db8::2]:2", "[2001:db8::1:1", 5 },
	{ "tcp [2001:db8::1]1 > [2001:db8::2]:2", "[2001:db8::1]1", 5 },
	{ "tcp 10.0.0.1:1 10.0.0.2:2", "10.0.0.2:2", 16 },
	{ "tcp 10.0.0.1:1 < 10.0.0.2:2", "<", 16 },
	{ "tcp 10.0.0.1:1 >", "", 17 },
	{ "tcp 10.0.0.5:41234 > [2001:db8::9]:5432 syn", "[2001:db8::9]:5432", 22 },
	{ "tcp 10.0.0.1:1 > 10.0.0.2:2 sync", "sync", 29 },
	{ "tcp 10.0.0.1:1 > 10.0.0.2:2 syn,", "syn,", 29 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 syn", "syn", 29 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 dscp 64", "64", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 dscp EF", "EF", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 vlan", "", 33 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 vlan 0", "0", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 vlan 4095", "4095", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 vlan 7.", "7.", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 vlan 7.8.9", "7.8.9", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 len 257", "257", 33 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 dscp 64", "64", 34 },
	{ "udp 10.0.0.1:1 > 10.0.0.2:2 ttl 3", "ttl", 29 },
	{ "icmp echo-request 10.0.0.1 > 10.0.0.2:1", "10.0.0.2:1", 30 },
	{ "icmp echo-reqest 10.0.0.1 > 10.0.0.2", "echo-reqest", 6 },
	{ "icmp 10.0.0.1 > 10.0.0.2", "", 25 },
	{ "icmp 10.0.0.1 > 10.0.0.2 echo-request 8", "8", 39 },
	{ "icmp echo-request/256 10.0.0.1 > 10.0.0.2", "echo-request/256", 6 },
	{ "icmp echo-request 2001:db8::1 > 2001:db8::2", "2001:db8::2", 33 },
	{ "icmpv6 echo-request 10.0.0.1 > 10.0.0.2", "10.0.0.2", 32 },
	{ "icmpv6 address-mask-request 2001:db8::1 > 2001:db8::2", "address-mask-request", 8 },
	{ "proto 47 10.0.0.1:1 > 10.0.0.2:1", "10.0.0.1:1", 10 },
};

START_TEST(refused_with_the_offending_word)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_trace_words words = { .proto = 99 };

	ck_assert_int_eq(ms_trace_words_parse(refused[_i].text, &words, &err), -EINVAL);
	ck_assert_str_eq(err.word, refused[_i].word);
	ck_assert_uint_eq(err.column, refused[_i].column);
	ck_assert_ptr_nonnull(strstr(err.message, refused[_i].word));
	ck_assert_uint_eq(words.proto, 99);
}
END_TEST

static struct ms_trace_words parse(const char *text)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_trace_words words;

	ck_assert_msg(ms_trace_words_parse(text, &words, &err) == 0, "%s: %s", text, err.message);
	return words;
}

START_TEST(tcp_asks_about_a_new_connection)
{
	struct ms_trace_words words = parse("tcp 10.0.0.5:41234 > 10.0.0.9:5432");

	ck_assert_uint_eq(words.proto, 6);
	ck_assert_uint_eq(words.sport, 41234);
	ck_assert_uint_eq(words.dport, 5432);
	ck_assert_uint_eq(words.src.bytes[3], 5);
	ck_assert_uint_eq(words.dst.bytes[3], 9);
	ck_assert_uint_eq(words.tcp_flags, 0x02);
	ck_assert_uint_eq(parse("tcp 1.2.3.4:1 > 1.2.3.5:2 syn,ack").tcp_flags, 0x12);
	ck_assert_uint_eq(parse("tcp 1.2.3.4:1 > 1.2.3.5:2 SYN,ACK").tcp_flags, 0x12);
	ck_assert_uint_eq(parse("tcp 1.2.3.4:1 > 1.2.3.5:2 ack psh").tcp_flags, 0x18);
	ck_assert_uint_eq(parse("proto 6 1.2.3.4:1 > 1.2.3.5:2 rst").tcp_flags, 0x04);
}
END_TEST

START_TEST(ipv6_and_numbers)
{
	struct ms_trace_words words = parse("udp [2001:db8::5]:53 > [2001:db8::9]:0");

	ck_assert_uint_eq(words.src.family, 6);
	ck_assert_uint_eq(words.sport, 53);
	ck_assert_uint_eq(words.dport, 0);
	words = parse("proto 47 2001:db8::5 > [2001:db8::9]");
	ck_assert_uint_eq(words.proto, 47);
	ck_assert_uint_eq(words.dst.bytes[15], 9);
	ck_assert_uint_eq(parse("gre 10.0.0.1 > 10.0.0.2").proto, 47);
}
END_TEST

START_TEST(icmp_type_before_or_after)
{
	struct ms_trace_words words = parse("icmp echo-request 10.0.0.1 > 10.0.0.2");

	ck_assert_uint_eq(words.icmp_type, 8);
	words = parse("icmp 10.0.0.1 > 10.0.0.2 destination-unreachable/3");
	ck_assert_uint_eq(words.icmp_type, 3);
	ck_assert_uint_eq(words.icmp_code, 3);
	ck_assert_uint_eq(parse("icmpv6 128 2001:db8::1 > 2001:db8::2").icmp_type, 128);
	ck_assert_uint_eq(parse("icmp echo-reply 10.0.0.1 > 10.0.0.2 vlan 5").vlan_outer, 5);
	ck_assert_uint_eq(parse("udp 10.0.0.1:1 > 10.0.0.2:2 dscp af41").dscp, 34);
}
END_TEST

START_TEST(options_in_any_order)
{
	struct ms_trace_words words =
		parse(" udp 10.0.0.1:1  > 10.0.0.2:2 dscp 46 len 200 vlan 100.7 ");

	ck_assert_uint_eq(words.dscp, 46);
	ck_assert_uint_eq(words.len, 200);
	ck_assert_uint_eq(words.vlan_outer, 100);
	ck_assert_uint_eq(words.vlan_inner, 7);
}
END_TEST

START_TEST(a_word_of_any_length_is_refused_not_overrun)
{
	char text[4096];
	struct ms_error err = MS_ERROR_INIT;
	struct ms_trace_words words;

	memset(text, '1', sizeof(text) - 1);
	memcpy(text, "tcp ", 4);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(ms_trace_words_parse(text, &words, &err), -EINVAL);
	ck_assert_uint_eq(err.column, 5);
	/* Cut at the buffer's end it must not become another, valid address. */
	snprintf(text, sizeof(text), "tcp 10.0.0.1:%s80 > 10.0.0.2:2", "000000000000000000000000");
	ck_assert_int_eq(ms_trace_words_parse(text, &words, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace/words");
	TCase *tcase = tcase_create("words");

	tcase_add_loop_test(tcase, refused_with_the_offending_word, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tcase, tcp_asks_about_a_new_connection);
	tcase_add_test(tcase, ipv6_and_numbers);
	tcase_add_test(tcase, icmp_type_before_or_after);
	tcase_add_test(tcase, options_in_any_order);
	tcase_add_test(tcase, a_word_of_any_length_is_refused_not_overrun);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
