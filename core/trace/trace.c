/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trace/trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "core/trace/words.h"

/* Bytes written front to back; what is skipped is zero. */
struct frame {
	uint8_t *bytes;
	size_t used;
};

static void put_u8(struct frame *frame, uint8_t value)
{
	frame->bytes[frame->used++] = value;
}

static void put_u16(struct frame *frame, uint16_t value)
{
	put_u8(frame, (uint8_t)(value >> 8));
	put_u8(frame, (uint8_t)value);
}

static void put_u32(struct frame *frame, uint32_t value)
{
	put_u16(frame, (uint16_t)(value >> 16));
	put_u16(frame, (uint16_t)value);
}

static void put_bytes(struct frame *frame, const void *bytes, size_t count)
{
	memcpy(frame->bytes + frame->used, bytes, count);
	frame->used += count;
}

/* RFC 1071, big-endian sum of `count` bytes on top of `sum`. */
static uint32_t sum_bytes(const uint8_t *bytes, size_t count, uint32_t sum)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (count % 2)
		sum += (uint32_t)bytes[count - 1] << 8;
	return sum;
}

static uint16_t fold_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* CRC-32C as SCTP has it (RFC 9260, appendix A): reflected, in little-endian byte order. */
static uint32_t crc32c(const uint8_t *bytes, size_t count)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static size_t addr_size(const struct ms_addr *addr)
{
	return addr->family == 6 ? 16 : 4;
}

static void put_ethernet(struct frame *frame, const struct ms_trace_words *words)
{
	static const uint8_t to[] = { 2, 0, 0, 0, 0, 2 }, from[] = { 2, 0, 0, 0, 0, 1 };

	put_bytes(frame, to, sizeof(to));
	put_bytes(frame, from, sizeof(from));
	if (words->vlan_outer) {
		put_u16(frame, words->vlan_inner ? ETH_P_8021AD : ETH_P_8021Q);
		put_u16(frame, words->vlan_outer);
	}
	if (words->vlan_inner) {
		put_u16(frame, ETH_P_8021Q);
		put_u16(frame, words->vlan_inner);
	}
	put_u16(frame, words->src.family == 6 ? ETH_P_IPV6 : ETH_P_IP);
}

static void put_ip(struct frame *frame, const struct ms_trace_words *words, size_t payload)
{
	uint8_t tos = (uint8_t)(words->dscp << 2);
	size_t start = frame->used;
	uint16_t sum;

	if (words->src.family == 6) {
		put_u32(frame, 6u << 28 | (uint32_t)tos << 20);
		put_u16(frame, (uint16_t)payload);
		put_u8(frame, words->proto);
		put_u8(frame, 64);
	} else {
		put_u8(frame, 0x45);
		put_u8(frame, tos);
		put_u16(frame, (uint16_t)(20 + payload));
		put_u16(frame, 1);      /* identification */
		put_u16(frame, 0x4000); /* don't fragment */
		put_u8(frame, 64);
		put_u8(frame, words->proto);
		put_u16(frame, 0);
	}
	put_bytes(frame, words->src.bytes, addr_size(&words->src));
	put_bytes(frame, words->dst.bytes, addr_size(&words->dst));
	if (words->src.family == 4) {
		sum = fold_sum(sum_bytes(frame->bytes + start, 20, 0));
		frame->bytes[start + 10] = (uint8_t)(sum >> 8);
		frame->bytes[start + 11] = (uint8_t)sum;
	}
}

static size_t l4_size(const struct ms_trace_words *words)
{
	switch (words->proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_SCTP:
		return 12 + 20; /* with an INIT, whose place is the start of an association */
	default:
		return 0;
	}
}

static void put_l4(struct frame *frame, const struct ms_trace_words *words, size_t payload)
{
	switch (words->proto) {
	case IPPROTO_TCP:
		put_u16(frame, words->sport);
		put_u16(frame, words->dport);
		put_u32(frame, 1); /* sequence */
		put_u32(frame, words->tcp_flags & 0x10 ? 1 : 0);
		put_u8(frame, 5 << 4);
		put_u8(frame, words->tcp_flags);
		put_u16(frame, 65535); /* window */
		break;
	case IPPROTO_UDP:
		put_u16(frame, words->sport);
		put_u16(frame, words->dport);
		put_u16(frame, (uint16_t)payload);
		break;
	case IPPROTO_SCTP:
		put_u16(frame, words->sport);
		put_u16(frame, words->dport);
		put_u32(frame, 0); /* an INIT's verification tag */
		put_u32(frame, 0); /* checksum */
		put_u8(frame, 1);  /* INIT */
		put_u8(frame, 0);
		put_u16(frame, 20);
		put_u32(frame, 1);     /* initiate tag */
		put_u32(frame, 65536); /* window */
		put_u16(frame, 1);     /* streams out, in */
		put_u16(frame, 1);
		put_u32(frame, 1); /* first TSN */
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put_u8(frame, words->icmp_type);
		put_u8(frame, words->icmp_code);
		put_u16(frame, 0); /* checksum */
		put_u16(frame, 1); /* identifier, sequence */
		put_u16(frame, 1);
		break;
	default:
		break;
	}
}

/* Over the finished packet: payload and padding count. */
static void put_checksum(struct frame *frame, const struct ms_trace_words *words, size_t l4,
			 size_t payload)
{
	uint8_t *bytes = frame->bytes + l4;
	uint32_t pseudo = 0, crc;
	uint16_t sum;
	size_t at;

	switch (words->proto) {
	case IPPROTO_TCP:
		at = 16;
		break;
	case IPPROTO_UDP:
		at = 6;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		at = 2;
		break;
	case IPPROTO_SCTP:
		crc = crc32c(bytes, payload);
		for (unsigned int i = 0; i < 4; i++)
			bytes[8 + i] = (uint8_t)(crc >> (8 * i));
		return;
	default:
		return;
	}
	if (words->proto != IPPROTO_ICMP) {
		pseudo = sum_bytes(words->src.bytes, addr_size(&words->src), 0);
		pseudo = sum_bytes(words->dst.bytes, addr_size(&words->dst), pseudo);
		pseudo += words->proto + (uint32_t)payload;
	}
	sum = fold_sum(sum_bytes(bytes, payload, pseudo));
	if (sum == 0 && words->proto == IPPROTO_UDP)
		sum = 0xffff; /* 0 would say "none" */
	bytes[at] = (uint8_t)(sum >> 8);
	bytes[at + 1] = (uint8_t)sum;
}

int ms_trace_build(const char *text, struct ms_trace_packet *ret_packet, struct ms_error *err)
{
	struct ms_trace_packet packet = { .frame_len = 0 };
	struct frame frame = { .bytes = packet.frame };
	struct ms_trace_words words;
	size_t tags, headers, payload, l4;
	int r;

	r = ms_trace_words_parse(text, &words, err);
	if (r < 0)
		return r;
	tags = (words.vlan_outer ? 4u : 0) + (words.vlan_inner ? 4u : 0);
	headers = ETH_HLEN + tags + (words.src.family == 6 ? 40 : 20);
	payload = l4_size(&words);
	if (words.len) {
		if (words.len < headers + payload)
			return ms_error_set(err, -EINVAL,
					    "len %u: the headers alone take %zu bytes", words.len,
					    headers + payload);
		payload = words.len - headers;
	}
	put_ethernet(&frame, &words);
	put_ip(&frame, &words, payload);
	l4 = frame.used;
	put_l4(&frame, &words, payload);
	put_checksum(&frame, &words, l4, payload);
	packet.frame_len = headers + payload;
	*ret_packet = packet;
	return 0;
}
