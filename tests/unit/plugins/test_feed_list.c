/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/feed/list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "tests/harness/ms_check.h"

static const struct ms_feed_limits usual = { .max_bytes = 1000, .max_entries = 5 };

/* Given in pieces of `piece` bytes, so that every place is once the end of a piece. */
static int read_text(const struct ms_feed_limits *limits, const void *text, size_t size,
		     size_t piece, struct ms_feed_list **ret_list)
{
	struct ms_feed_list *list = ms_feed_list_new(limits);
	int r = 0;

	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = ms_feed_list_add(list, (const char *)text + at,
				     size - at < piece ? size - at : piece);
	*ret_list = list;
	return r < 0 ? r : ms_feed_list_end(list);
}

/* "ADDRESS/LEN " of each entry. */
static const char *shown(const struct ms_feed_list *list)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ms_feed_list_count(list); i++) {
		struct ms_plugin_cidr cidr = ms_feed_list_get(list, i);
		char addr[INET6_ADDRSTRLEN];

		inet_ntop(cidr.family == 6 ? AF_INET6 : AF_INET, cidr.addr, addr, sizeof(addr));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s/%u",
					 used ? " " : "", addr, cidr.len);
	}
	return text;
}

#define LONG_COMMENT                                                                               \
	"# 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"  \
	"56789012345678901234567890123456789012345678901234567890123456789012345678901234567890"

static const struct {
	const char *text, *entries;
	size_t bad;
	const char *bad_sentence;
} lists[] = {
	{ "10.0.0.1\n10.1.0.0/16\n2001:db8::/32\n::1\n",
	  "10.0.0.1/32 10.1.0.0/16 2001:db8::/32 ::1/128", 0, "" },
	{ "# head\n; head\n\n  10.0.0.1\t# web\r\n1.10.16.0/20 ; SBL256894\n#10.0.0.2\n",
	  "10.0.0.1/32 1.10.16.0/20", 0, "" },
	{ "\xef\xbb\xbf"
	  "10.0.0.1\n10.0.0.2",
	  "10.0.0.1/32 10.0.0.2/32", 0, "" },
	{ "10.1.2.3/8\n10.0.0.255/25\n2001:db8::1/33\n128.0.0.0/1\n10.0.0.1/31",
	  "10.0.0.0/8 10.0.0.128/25 2001:db8::/33 128.0.0.0/1 10.0.0.0/31", 0, "" },
	{ "10.0.0.1\n10.0.0.2\n10.9.9.9/0\n10.0.0.3\n::/0\n", "10.0.0.1/32 10.0.0.2/32 10.0.0.3/32",
	  2, "line 3 is every IPv4 address: '0.0.0.0/0'" },
	{ "10.0.0.1\n::/0\n::1", "10.0.0.1/32 ::1/128", 1, "line 2 is every IPv6 address: '::/0'" },
	{ "::ffff:203.0.113.9\n::FFFF:c000:207/120\n::ffff:0:0/95\n::fffe:203.0.113.9\n::1.2.3.4",
	  "203.0.113.9/32 192.0.2.0/24 ::fffe:0:0/95 ::fffe:cb00:7109/128 ::1.2.3.4/128", 0, "" },
	{ "10.0.0.1\n::ffff:10.9.9.9/96\n::1", "10.0.0.1/32 ::1/128", 1,
	  "line 2 is every IPv4 address: '0.0.0.0/0'" },
	{ LONG_COMMENT "\n10.0.0.1\n10.0.0.2 " LONG_COMMENT "\n", "10.0.0.1/32 10.0.0.2/32", 0,
	  "" },
	{ "10.0.0.1\n10.0.0.2/33\n10.0.0.3\n10.0.0.4 255.0.0.0\n10.0.0.5", //
	  "10.0.0.1/32 10.0.0.3/32 10.0.0.5/32", 2,
	  "line 2 is no address or prefix: '10.0.0.2/33'" },
	{ "10.0.0.1\n10.0.0.2\n10.0.0/8 # eight\n", "10.0.0.1/32 10.0.0.2/32", 1,
	  "line 3 is no address or prefix: '10.0.0/8'" },
	{ "10.0.0.1\n10.0.0.2\n\n\033[2J", "10.0.0.1/32 10.0.0.2/32", 1,
	  "line 4 is no address or prefix: '?[2J'" },
};

START_TEST(lines_become_entries)
{
	const char *text = lists[_i].text;

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct ms_feed_list *list;

		ck_assert_int_eq(read_text(&usual, text, strlen(text), piece, &list), 0);
		ck_assert_str_eq(shown(list), lists[_i].entries);
		ck_assert_uint_eq(ms_feed_list_bad(list), lists[_i].bad);
		ck_assert_str_eq(ms_feed_list_bad_sentence(list), lists[_i].bad_sentence);
		ck_assert_str_eq(ms_feed_list_sentence(list), "");
		ms_feed_list_free(list);
	}
}
END_TEST

static const char *const bad_lines[] = {
	"10.0.0",
	"10.0.0.1/",
	"10.0.0.1/+8",
	"10.0.0.1/8x",
	"10.0.0.1/0008",
	"10.0.0.256",
	"010.0.0.1",
	"10.0.0.1-10.0.0.9",
	"10.0.0.1,10.0.0.2",
	"example.net",
	"::1/129",
	"fe80::1%lo",
	"10.0.0.1 10.0.0.2",
	"/8",
	"10.0.0.1/4294967304",
	"10.0.0.1                                                                                "
	"                                                                                       9",
};

START_TEST(what_is_no_address_is_left_out)
{
	struct ms_feed_list *list;
	char text[512];
	int size = snprintf(text, sizeof(text), "10.9.0.1\n10.9.0.2\n%s\n", bad_lines[_i]);

	ck_assert_int_eq(read_text(&usual, text, (size_t)size, 7, &list), 0);
	ck_assert_str_eq(shown(list), "10.9.0.1/32 10.9.0.2/32");
	ck_assert_uint_eq(ms_feed_list_bad(list), 1);
	ms_feed_list_free(list);
}
END_TEST

static const struct {
	const char *text;
	int error;
	const char *sentence;
} refused[] = {
	{ "", -EBADMSG, "it is empty" },
	{ "\n# nothing today\n", -EBADMSG, "it is empty" },
	{ "<!DOCTYPE html>\n<p>10.0.0.1</p>\n", -EBADMSG,
	  "line 1 is no address or prefix: '<!DOCTYPE html>', as most of its lines" },
	{ "10.0.0.1\nno\n10.0.0.2\nno\n", -EBADMSG,
	  "line 2 is no address or prefix: 'no', as most of its lines" },
	{ "0.0.0.0/0\n", -EBADMSG,
	  "line 1 is every IPv4 address: '0.0.0.0/0', as most of its lines" },
	{ "1.0.0.1\n1.0.0.2\n1.0.0.3\n1.0.0.4\n1.0.0.5\n1.0.0.6\n", -EFBIG,
	  "it has more than 5 entries" },
};

START_TEST(what_is_no_list_is_refused)
{
	for (size_t piece = 1; piece <= strlen(refused[_i].text) + 1; piece++) {
		const char *text = refused[_i].text;
		struct ms_feed_list *list;

		ck_assert_int_eq(read_text(&usual, text, strlen(text), piece, &list),
				 refused[_i].error);
		ck_assert_str_eq(ms_feed_list_sentence(list), refused[_i].sentence);
		ms_feed_list_free(list);
	}
}
END_TEST

START_TEST(refused_or_not_as_the_operator_wants)
{
	struct ms_feed_limits limits = usual;
	const char *text = "10.0.0.1\n10.0.0.2\nno\n";
	struct ms_feed_list *list;

	limits.bad_lines_refuse = true;
	limits.may_be_empty = true;
	ck_assert_int_eq(read_text(&limits, text, strlen(text), 100, &list), -EBADMSG);
	ck_assert_str_eq(ms_feed_list_sentence(list), "line 3 is no address or prefix: 'no'");
	ms_feed_list_free(list);
	ck_assert_int_eq(read_text(&limits, "# none\n", 7, 100, &list), 0);
	ck_assert_uint_eq(ms_feed_list_count(list), 0);
	ms_feed_list_free(list);
	limits.may_match_all = true;
	ck_assert_int_eq(read_text(&limits, "0.0.0.0/0\n::/0\n", 15, 100, &list), 0);
	ck_assert_str_eq(shown(list), "0.0.0.0/0 ::/0");
	ms_feed_list_free(list);
}
END_TEST

START_TEST(text_has_a_longest)
{
	struct ms_feed_limits limits = { .max_bytes = 18, .max_entries = 5 };
	const char *text = "10.0.0.1\n10.0.0.2\n";
	struct ms_feed_list *list;

	ck_assert_int_eq(read_text(&limits, text, 18, 5, &list), 0);
	ms_feed_list_free(list);
	limits.max_bytes--;
	ck_assert_int_eq(read_text(&limits, text, 18, 5, &list), -EFBIG);
	ck_assert_str_eq(ms_feed_list_sentence(list), "it is longer than 17 bytes");
	ms_feed_list_free(list);
}
END_TEST

static size_t pack(const char *text, size_t size, uint8_t *ret_packed, size_t room)
{
	z_stream stream = { .next_in = (Bytef *)text,
			    .avail_in = (uInt)size,
			    .next_out = ret_packed,
			    .avail_out = (uInt)room };
	size_t packed;

	deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed = stream.total_out;
	deflateEnd(&stream);
	return packed;
}

/* Two files of gzip one behind the other are one, as gzip(1) has it. */
START_TEST(packed_is_known_by_its_bytes)
{
	uint8_t packed[512];
	size_t first = pack("10.0.0.1\n10.0.", 14, packed, sizeof(packed));
	size_t size = first + pack("0.2\n", 4, packed + first, sizeof(packed) - first);
	struct ms_feed_list *list;

	for (size_t piece = 1; piece <= size; piece++) {
		ck_assert_int_eq(read_text(&usual, packed, size, piece, &list), 0);
		ck_assert_str_eq(shown(list), "10.0.0.1/32 10.0.0.2/32");
		ms_feed_list_free(list);
	}
	for (size_t cut = 2; cut < size; cut++) {
		if (cut == first)
			continue;
		ck_assert_int_eq(read_text(&usual, packed, cut, 3, &list), -EBADMSG);
		ck_assert_str_eq(ms_feed_list_sentence(list), "its packed text ends too early");
		ms_feed_list_free(list);
	}
	packed[first / 2] ^= 0xff;
	ck_assert_int_lt(read_text(&usual, packed, size, size, &list), 0);
	ms_feed_list_free(list);
}
END_TEST

/* What is small packed may be endless unpacked: the limit is on the latter. */
START_TEST(a_bomb_is_refused)
{
	static char zeros[1 << 20];
	uint8_t packed[4096];
	size_t size = pack(zeros, sizeof(zeros), packed, sizeof(packed));
	struct ms_feed_list *list;

	ck_assert_int_eq(read_text(&usual, packed, size, size, &list), -EFBIG);
	ms_feed_list_free(list);
}
END_TEST

START_TEST(lists_are_compared)
{
	static const char *const texts[] = { "10.0.0.1\n10.0.0.2\n", "10.0.0.1 # x\n10.0.0.2\n",
					     "10.0.0.1\n10.0.0.3\n", "10.0.0.1\n" };
	struct ms_feed_list *all[4];

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(read_text(&usual, texts[i], strlen(texts[i]), 100, &all[i]), 0);
	ck_assert(ms_feed_list_equal(all[0], all[1]));
	ck_assert(!ms_feed_list_equal(all[0], all[2]));
	ck_assert(!ms_feed_list_equal(all[0], all[3]));
	ck_assert(!ms_feed_list_equal(all[0], NULL));
	for (size_t i = 0; i < 4; i++)
		ms_feed_list_free(all[i]);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static Suite *feed_list_suite(void)
{
	Suite *suite = suite_create("feed_list");
	TCase *text = tcase_create("text");

	tcase_add_loop_test(text, lines_become_entries, 0, COUNT(lists));
	tcase_add_loop_test(text, what_is_no_address_is_left_out, 0, COUNT(bad_lines));
	tcase_add_loop_test(text, what_is_no_list_is_refused, 0, COUNT(refused));
	tcase_add_test(text, refused_or_not_as_the_operator_wants);
	tcase_add_test(text, text_has_a_longest);
	tcase_add_test(text, packed_is_known_by_its_bytes);
	tcase_add_test(text, a_bomb_is_refused);
	tcase_add_test(text, lists_are_compared);
	suite_add_tcase(suite, text);
	return suite;
}

int main(void)
{
	return ms_check_run(feed_list_suite());
}
