/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/wire.h"

#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

static const struct ms_source_member two_members[] = {
	{ .cidr = { .addr = { .family = 4, .bytes = { 192, 0, 2 } }, .len = 24 } },
	{ .cidr = { .addr = { .family = 6, .bytes = { 0x20, 1 } }, .len = 128 },
	  .timeout_ns = 5000000000 },
};

static void put(struct ms_source_wire_buffer *buffer, enum ms_source_wire_kind kind,
		const char *text)
{
	ck_assert_int_eq(ms_source_wire_put(buffer,
					    &(struct ms_source_wire_message) {
						    .kind = kind,
						    .number = 1,
						    .workload = 77,
						    .origin = "web:1",
						    .origin_length = 5,
						    .text = text,
						    .length = text ? strlen(text) : 0,
					    }),
			 0);
}

static const struct {
	enum ms_source_wire_kind kind;
	const char *text;
} sayings[] = {
	{ MS_SOURCE_WIRE_READY, NULL },
	{ MS_SOURCE_WIRE_BEAT, NULL },
	{ MS_SOURCE_WIRE_BEGIN, NULL },
	{ MS_SOURCE_WIRE_TEXT, "version: 1" },
	{ MS_SOURCE_WIRE_TEXT, "" },
	{ MS_SOURCE_WIRE_SET, "blocklist" },
	{ MS_SOURCE_WIRE_BIND, "web" },
	{ MS_SOURCE_WIRE_COMMIT, NULL },
	{ MS_SOURCE_WIRE_ABORT, "no" },
	{ MS_SOURCE_WIRE_TROUBLE, "cannot connect" },
	{ MS_SOURCE_WIRE_TROUBLE, "" },
	{ MS_SOURCE_WIRE_FAILED, "gone" },
	{ MS_SOURCE_WIRE_LOG, "line" },
	{ MS_SOURCE_WIRE_STATS, "[]" },
	{ MS_SOURCE_WIRE_REFUSED, "it is wrong" },
	{ MS_SOURCE_WIRE_KEEP, "blocklist" },
	{ MS_SOURCE_WIRE_LEFT_OUT, "it is wrong" },
	{ MS_SOURCE_WIRE_IN_FORCE, NULL },
};

/* Whatever is said arrives, however the bytes are cut. */
START_TEST(everything_arrives)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	const char *at;
	size_t told = 0, length;

	for (size_t i = 0; i < ms_array_size(sayings); i++)
		put(&buffer, sayings[i].kind, sayings[i].text);
	at = buffer.bytes;
	for (size_t end = 0; end <= buffer.length; end++) {
		struct ms_source_wire_message message;
		struct ms_error err = MS_ERROR_INIT;

		length = (size_t)(buffer.bytes + end - at);
		while (ms_source_wire_take(&at, &length, &message, &err) == 1) {
			const char *text = sayings[told].text ? sayings[told].text : "";

			ck_assert_int_eq(message.kind, sayings[told].kind);
			ck_assert_uint_eq(message.length, strlen(text));
			ck_assert_int_eq(memcmp(message.text, text, message.length), 0);
			if (message.kind == MS_SOURCE_WIRE_TEXT ||
			    message.kind == MS_SOURCE_WIRE_REFUSED)
				ck_assert_int_eq(memcmp(message.origin, "web:1", 6), 0);
			if (message.kind == MS_SOURCE_WIRE_TEXT ||
			    message.kind == MS_SOURCE_WIRE_REFUSED ||
			    message.kind == MS_SOURCE_WIRE_IN_FORCE)
				ck_assert_uint_eq(message.number, 1);
			if (message.kind == MS_SOURCE_WIRE_BIND)
				ck_assert_uint_eq(message.workload, 77);
			told++;
		}
		ck_assert_str_eq(err.message, "");
	}
	ck_assert_uint_eq(told, ms_array_size(sayings));
}
END_TEST

START_TEST(members_arrive)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	struct ms_source_wire_message message;
	const char *at;
	size_t length;

	ck_assert_int_eq(ms_source_wire_put_members(&buffer, 3, two_members, 2), 0);
	at = buffer.bytes;
	length = buffer.length;
	ck_assert_int_eq(ms_source_wire_take(&at, &length, &message, NULL), 1);
	ck_assert_uint_eq(message.number, 3);
	ck_assert_uint_eq(message.n_members, 2);
	for (size_t i = 0; i < 2; i++) {
		struct ms_source_member member;

		ck_assert(ms_source_wire_member(&message, i, &member));
		ck_assert_int_eq(ms_cidr_compare(&member.cidr, &two_members[i].cidr), 0);
		ck_assert_uint_eq(member.timeout_ns, two_members[i].timeout_ns);
	}
	ck_assert_uint_eq(length, 0);
}
END_TEST

/* More members than a frame holds are several frames, in order. */
START_TEST(many_members_are_several_frames)
{
	enum { COUNT = 2 * MS_SOURCE_WIRE_MEMBERS_MAX + 1 };
	static struct ms_source_member members[COUNT];
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	struct ms_source_wire_message message;
	size_t length, frames = 0, seen = 0;
	const char *at;

	for (size_t i = 0; i < COUNT; i++)
		members[i] = (struct ms_source_member) {
			.cidr = { .addr = { .family = 4,
					    .bytes = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } },
				  .len = 32 },
		};
	ck_assert_int_eq(ms_source_wire_put_members(&buffer, 0, members, COUNT), 0);
	at = buffer.bytes;
	length = buffer.length;
	for (; ms_source_wire_take(&at, &length, &message, NULL) == 1; frames++) {
		for (size_t i = 0; i < message.n_members; i++) {
			struct ms_source_member member;

			ck_assert(ms_source_wire_member(&message, i, &member));
			ck_assert_int_eq(ms_cidr_compare(&member.cidr, &members[seen++].cidr), 0);
		}
	}
	ck_assert_uint_eq(frames, 3);
	ck_assert_uint_eq(seen, COUNT);
}
END_TEST

/* size (4), kind (2), zero (2), body; sizes are little-endian here, as on every machine we build
 * for. */
static const struct {
	const char *what;
	const char *bytes;
	size_t length;
} refused[] = {
	{ "no kind", "\0\0\0\0\0\0\0\0", 8 },
	{ "a kind nobody knows", "\0\0\0\0\x0e\0\0\0", 8 },
	{ "a begin with a body", "\1\0\0\0\1\0\0\0x", 9 },
	{ "the zero is not", "\0\0\0\0\1\0\1\0", 8 },
	{ "a text without an origin's end", "\5\0\0\0\2\0\0\0\0\0\0\0x", 13 },
	{ "a text of an unknown kind", "\6\0\0\0\2\0\0\0\3\0\0\0x\0", 14 },
	{ "a text too short for its kind", "\3\0\0\0\2\0\0\0\0\0\0", 11 },
	{ "a text past the limit", "\xff\xff\xff\x7f\2\0\0\0", 8 },
	{ "a set without a name", "\0\0\0\0\3\0\0\0", 8 },
	{ "a set's name with a NUL", "\2\0\0\0\3\0\0\0a\0", 10 },
	{ "a set's name past its limit", "\x40\0\0\0\3\0\0\0", 8 },
	{ "no member", "\x08\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0", 16 },
	{ "an abort without a reason", "\0\0\0\0\7\0\0\0", 8 },
};

START_TEST(nonsense_is_refused)
{
	const char *at = refused[_i].bytes;
	size_t length = refused[_i].length;
	struct ms_source_wire_message message;
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_msg(ms_source_wire_take(&at, &length, &message, &err) == -EPROTO, "%s",
		      refused[_i].what);
	ck_assert_ptr_nonnull(strstr(err.message, "protocol"));
	ck_assert_ptr_eq(at, refused[_i].bytes);
}
END_TEST

START_TEST(half_a_member_is_refused)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	struct ms_source_wire_message message;
	const char *at;
	size_t length;

	ck_assert_int_eq(ms_source_wire_put_members(&buffer, 0, two_members, 2), 0);
	buffer.bytes[0] -= 16;
	at = buffer.bytes;
	length = buffer.length;
	ck_assert_int_eq(ms_source_wire_take(&at, &length, &message, NULL), -EPROTO);
}
END_TEST

/* Offsets in a member of a frame: header 8, head 8, time 8, address 16, family, length. */
static const struct {
	const char *what;
	size_t at;
	char value;
	bool is_member;
} damages[] = {
	{ "as it was", 16, 0, true },
	{ "family 5", 40, 5, false },
	{ "length past 32", 41, 33, false },
	{ "a bit behind the length", 27, 1, false },
	{ "IPv4 with more bytes", 35, 1, false },
	{ "padding", 47, 1, false },
};

START_TEST(damaged_members_are_refused)
{
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	struct ms_source_wire_message message;
	struct ms_source_member member;
	const char *at;
	size_t length;

	ck_assert_int_eq(ms_source_wire_put_members(&buffer, 0, two_members, 1), 0);
	buffer.bytes[damages[_i].at] = damages[_i].value;
	at = buffer.bytes;
	length = buffer.length;
	ck_assert_int_eq(ms_source_wire_take(&at, &length, &message, NULL), 1);
	ck_assert_msg(ms_source_wire_member(&message, 0, &member) == damages[_i].is_member, "%s",
		      damages[_i].what);
}
END_TEST

START_TEST(what_is_too_long_is_not_written)
{
	static char text[MS_SOURCE_WIRE_BODY_MAX + 1];
	ms_cleanup(ms_source_wire_buffer_fini) struct ms_source_wire_buffer buffer = { 0 };
	struct ms_source_wire_message message = {
		.kind = MS_SOURCE_WIRE_TEXT,
		.origin = text,
		.text = text,
		.length = MS_SOURCE_WIRE_BODY_MAX - 4,
	};

	ck_assert_int_eq(ms_source_wire_put(&buffer, &message), -EMSGSIZE);
	message.length--;
	ck_assert_int_eq(ms_source_wire_put(&buffer, &message), 0);
	message.origin_length = MS_SOURCE_WIRE_ORIGIN_MAX + 1;
	message.length = 1;
	ck_assert_int_eq(ms_source_wire_put(&buffer, &message), -EMSGSIZE);
	message = (struct ms_source_wire_message) { .kind = MS_SOURCE_WIRE_SET, .text = text };
	ck_assert_int_eq(ms_source_wire_put(&buffer, &message), -EMSGSIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source_wire");
	TCase *cases = tcase_create("wire");

	tcase_add_test(cases, everything_arrives);
	tcase_add_test(cases, members_arrive);
	tcase_add_test(cases, many_members_are_several_frames);
	tcase_add_loop_test(cases, nonsense_is_refused, 0, (int)ms_array_size(refused));
	tcase_add_test(cases, half_a_member_is_refused);
	tcase_add_loop_test(cases, damaged_members_are_refused, 0, (int)ms_array_size(damages));
	tcase_add_test(cases, what_is_too_long_is_not_written);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
