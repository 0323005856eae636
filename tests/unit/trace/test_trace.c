/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trace/trace.h"

#include <errno.h>

#include "tests/harness/ms_check.h"

static unsigned int get16(const uint8_t *bytes)
{
	return (unsigned int)bytes[0] << 8 | bytes[1];
}

/* What a receiver does: sum everything, the checksum too, and expect all ones. */
static unsigned int sum16(const uint8_t *bytes, size_t count, unsigned int sum)
{
	for (size_t i = 0; i < count; i++)
		sum += (unsigned int)bytes[i] << (i % 2 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* CRC-32C the long way: message bits, least significant first, divided by the polynomial. */
static uint32_t crc_by_division(const uint8_t *bytes, size_t count)
{
	uint32_t remainder = 0xffffffff, reversed = 0;

	for (size_t bit = 0; bit < 8 * count; bit++) {
		uint32_t in = bytes[bit / 8] >> (bit % 8) & 1;
		uint32_t out = remainder >> 31;

		remainder = remainder << 1 ^ (in ^ out ? 0x1edc6f41u : 0);
	}
	for (int bit = 0; bit < 32; bit++)
		reversed |= (remainder >> bit & 1) << (31 - bit);
	return ~reversed;
}

static const struct {
	const char *words;
	size_t length, l3, l4;
	unsigned int ethertype, proto;
} frames[] = {
	{ "tcp 10.0.0.5:41234 > 10.0.0.9:5432", 54, 14, 34, 0x0800, 6 },
	{ "tcp 10.0.0.5:41234 > 10.0.0.9:5432 ack len 101", 101, 14, 34, 0x0800, 6 },
	{ "tcp [2001:db8::5]:1 > [2001:db8::9]:2", 74, 14, 54, 0x86dd, 6 },
	{ "udp 10.0.0.5:53 > 10.0.0.9:53 vlan 7", 46, 18, 38, 0x0800, 17 },
	{ "udp [2001:db8::5]:53 > [2001:db8::9]:53 vlan 7.8 len 256", 256, 22, 62, 0x86dd, 17 },
	{ "icmp echo-request 10.0.0.5 > 10.0.0.9 dscp 46", 42, 14, 34, 0x0800, 1 },
	{ "icmpv6 echo-request 2001:db8::5 > 2001:db8::9", 62, 14, 54, 0x86dd, 58 },
	{ "sctp 10.0.0.5:1 > 10.0.0.9:2", 66, 14, 34, 0x0800, 132 },
	{ "sctp [2001:db8::5]:1 > [2001:db8::9]:2 len 120", 120, 14, 54, 0x86dd, 132 },
	{ "proto 47 10.0.0.5 > 10.0.0.9", 34, 14, 34, 0x0800, 47 },
	{ "proto 0 2001:db8::5 > 2001:db8::9 len 100", 100, 14, 54, 0x86dd, 0 },
};

START_TEST(frames_are_what_a_peer_could_have_sent)
{
	struct ms_trace_packet packet;
	const uint8_t *ip, *l4;
	size_t payload;
	bool v6;

	ck_assert_int_eq(ms_trace_build(frames[_i].words, &packet, NULL), 0);
	ck_assert_uint_eq(packet.frame_len, frames[_i].length);
	ip = packet.frame + frames[_i].l3;
	l4 = packet.frame + frames[_i].l4;
	payload = frames[_i].length - frames[_i].l4;
	ck_assert_uint_eq(get16(ip - 2), frames[_i].ethertype);
	v6 = frames[_i].ethertype == 0x86dd;
	ck_assert_uint_eq(ip[0] >> 4, v6 ? 6 : 4);
	ck_assert_uint_eq(ip[v6 ? 6 : 9], frames[_i].proto);
	ck_assert_uint_eq(get16(ip + (v6 ? 4 : 2)), v6 ? payload : payload + 20);
	if (!v6)
		ck_assert_uint_eq(sum16(ip, 20, 0), 0xffff);

	switch (frames[_i].proto) {
	case 6:
	case 17:
	case 58:
		ck_assert_uint_eq(sum16(l4, payload,
					sum16(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 0) +
						frames[_i].proto + (unsigned int)payload),
				  0xffff);
		break;
	case 1:
		ck_assert_uint_eq(sum16(l4, payload, 0), 0xffff);
		break;
	case 132: {
		uint8_t copy[MS_TRACE_FRAME_MAX];
		uint32_t crc;

		memcpy(copy, l4, payload);
		memset(copy + 8, 0, 4);
		crc = crc_by_division(copy, payload);
		for (int i = 0; i < 4; i++)
			ck_assert_uint_eq(l4[8 + i], crc >> (8 * i) & 0xff);
		break;
	}
	default:
		break;
	}
}
END_TEST

START_TEST(fields_are_where_they_belong)
{
	struct ms_trace_packet packet;
	const uint8_t *frame = packet.frame;

	ck_assert_int_eq(ms_trace_build("tcp 10.0.0.5:41234 > 10.0.0.9:5432 rst dscp 46 vlan 100.7",
					&packet, NULL),
			 0);
	ck_assert_uint_eq(get16(frame + 12), 0x88a8);
	ck_assert_uint_eq(get16(frame + 14), 100);
	ck_assert_uint_eq(get16(frame + 16), 0x8100);
	ck_assert_uint_eq(get16(frame + 18), 7);
	ck_assert_uint_eq(frame[23], 46 << 2);
	ck_assert_uint_eq(get16(frame + 42), 41234);
	ck_assert_uint_eq(get16(frame + 44), 5432);
	ck_assert_uint_eq(frame[55], 0x04);

	ck_assert_int_eq(ms_trace_build("icmpv6 packet-too-big 2001:db8::1 > 2001:db8::2 dscp 8",
					&packet, NULL),
			 0);
	ck_assert_uint_eq(get16(frame + 14), 0x6000 | 8 << 6);
	ck_assert_uint_eq(frame[54], 2);

	ck_assert_int_eq(ms_trace_build("udp 10.0.0.5:1 > 10.0.0.9:2 vlan 9", &packet, NULL), 0);
	ck_assert_uint_eq(get16(frame + 12), 0x8100);
	ck_assert_uint_eq(get16(frame + 14), 9);
	ck_assert_uint_eq(get16(frame + 42), 8); /* UDP length */
}
END_TEST

START_TEST(too_short_for_its_headers_is_refused)
{
	struct ms_trace_packet packet = { .frame_len = 7 };
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_trace_build("tcp 10.0.0.5:1 > 10.0.0.9:2 len 53", &packet, &err),
			 -EINVAL);
	ck_assert_uint_eq(packet.frame_len, 7);
	ck_assert_ptr_nonnull(strstr(err.message, "len 53"));
	ck_assert_int_eq(ms_trace_build("tcp 10.0.0.5:1 > 10.0.0.9:2 len 54", &packet, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace/trace");
	TCase *tcase = tcase_create("trace");

	tcase_add_loop_test(tcase, frames_are_what_a_peer_could_have_sent, 0,
			    sizeof(frames) / sizeof(frames[0]));
	tcase_add_test(tcase, fields_are_where_they_belong);
	tcase_add_test(tcase, too_short_for_its_headers_is_refused);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
