/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/pkt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/harness/ms_check.h"

#define ETHER 14
#define FRAGMENT_HEADER 8

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Where the bytes that length fields speak of begin. */
static void put_length(struct ms_pkt *pkt)
{
	if (pkt->family == 4)
		put16(pkt->frame + pkt->l3 + 2, (uint16_t)(pkt->len - pkt->l3));
	else
		put16(pkt->frame + pkt->l3 + 4, (uint16_t)(pkt->len - pkt->l3 - 40));
}

/* An IP packet with `size` bytes behind its header, all zero. */
static struct ms_pkt begin(const char *src, const char *dst, uint8_t proto, size_t size)
{
	struct ms_pkt pkt = { .l3 = ETHER, .family = strchr(src, ':') ? 6 : 4 };
	size_t header = pkt.family == 4 ? 20 : 40;
	uint8_t *ip = pkt.frame + ETHER;

	pkt.l4 = ETHER + header;
	pkt.len = pkt.l4 + size;
	ck_assert_uint_le(pkt.len, sizeof(pkt.frame));
	memset(pkt.frame, 2, 12);
	if (pkt.family == 4) {
		put16(pkt.frame + 12, 0x0800);
		ip[0] = 0x45;
		ip[8] = 64;
		ip[9] = proto;
		ck_assert_int_eq(inet_pton(AF_INET, src, ip + 12), 1);
		ck_assert_int_eq(inet_pton(AF_INET, dst, ip + 16), 1);
	} else {
		put16(pkt.frame + 12, 0x86dd);
		ip[0] = 0x60;
		ip[6] = proto;
		ip[7] = 64;
		ck_assert_int_eq(inet_pton(AF_INET6, src, ip + 8), 1);
		ck_assert_int_eq(inet_pton(AF_INET6, dst, ip + 24), 1);
	}
	put_length(&pkt);
	return pkt;
}

static struct ms_pkt begin_ports(const char *src, uint16_t sport, const char *dst, uint16_t dport,
				 uint8_t proto, size_t header)
{
	struct ms_pkt pkt = begin(src, dst, proto, header + MS_PKT_PAYLOAD);

	put16(pkt.frame + pkt.l4, sport);
	put16(pkt.frame + pkt.l4 + 2, dport);
	return pkt;
}

struct ms_pkt ms_pkt_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			 uint8_t flags)
{
	struct ms_pkt pkt = begin_ports(src, sport, dst, dport, IPPROTO_TCP, 20);

	pkt.frame[pkt.l4 + 12] = 0x50;
	pkt.frame[pkt.l4 + 13] = flags;
	return pkt;
}

struct ms_pkt ms_pkt_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct ms_pkt pkt = begin_ports(src, sport, dst, dport, IPPROTO_UDP, 8);

	put16(pkt.frame + pkt.l4 + 4, 8 + MS_PKT_PAYLOAD);
	return pkt;
}

struct ms_pkt ms_pkt_sctp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return begin_ports(src, sport, dst, dport, IPPROTO_SCTP, 12);
}

struct ms_pkt ms_pkt_icmp(const char *src, const char *dst, uint8_t type, uint8_t code, uint16_t id)
{
	uint8_t proto = strchr(src, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	struct ms_pkt pkt = begin(src, dst, proto, 8 + MS_PKT_PAYLOAD);

	pkt.frame[pkt.l4] = type;
	pkt.frame[pkt.l4 + 1] = code;
	put16(pkt.frame + pkt.l4 + 4, id);
	return pkt;
}

struct ms_pkt ms_pkt_proto(const char *src, const char *dst, uint8_t proto)
{
	return begin(src, dst, proto, MS_PKT_PAYLOAD);
}

struct ms_pkt ms_pkt_error(const char *src, const char *dst, uint8_t type, uint8_t code,
			   const struct ms_pkt *quoted)
{
	uint8_t proto = strchr(src, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	/* As a router must: header and eight bytes more. */
	size_t size = quoted->l4 - quoted->l3 + 8;
	struct ms_pkt pkt = begin(src, dst, proto, 8 + size);

	pkt.frame[pkt.l4] = type;
	pkt.frame[pkt.l4 + 1] = code;
	memcpy(pkt.frame + pkt.l4 + 8, quoted->frame + quoted->l3, size);
	return pkt;
}

struct ms_pkt ms_pkt_ethertype(uint16_t ethertype)
{
	struct ms_pkt pkt = { .l3 = ETHER, .l4 = ETHER, .len = ETHER + 46 };

	memset(pkt.frame, 2, 12);
	put16(pkt.frame + 12, ethertype);
	return pkt;
}

/* Makes room for `size` zero bytes at `at`. */
static void open_gap(struct ms_pkt *pkt, size_t at, size_t size)
{
	ck_assert_uint_le(pkt->len + size, sizeof(pkt->frame));
	memmove(pkt->frame + at + size, pkt->frame + at, pkt->len - at);
	memset(pkt->frame + at, 0, size);
	pkt->len += size;
}

void ms_pkt_tag(struct ms_pkt *pkt, uint16_t ethertype, uint16_t tci)
{
	open_gap(pkt, 12, 4);
	put16(pkt->frame + 12, ethertype);
	put16(pkt->frame + 14, tci);
	pkt->l3 += 4;
	pkt->l4 += 4;
}

void ms_pkt_ds(struct ms_pkt *pkt, uint8_t ds)
{
	uint8_t *ip = pkt->frame + pkt->l3;

	if (pkt->family == 4) {
		ip[1] = ds;
		return;
	}
	ip[0] = (uint8_t)(0x60 | ds >> 4);
	ip[1] = (uint8_t)(ds << 4 | (ip[1] & 0x0f));
}

void ms_pkt_options(struct ms_pkt *pkt, size_t len)
{
	ck_assert_int_eq(pkt->family, 4);
	open_gap(pkt, pkt->l4, len);
	memset(pkt->frame + pkt->l4, 1, len); /* no operation */
	pkt->l4 += len;
	pkt->frame[pkt->l3] = (uint8_t)(0x40 | (pkt->l4 - pkt->l3) / 4);
	put_length(pkt);
}

/* The field that says what the transport header is: the last extension header's, or IP's own. */
static uint8_t *next_header(struct ms_pkt *pkt)
{
	uint8_t *field = pkt->frame + pkt->l3 + 6;
	size_t at = pkt->l3 + 40;

	while (at < pkt->l4) {
		uint8_t type = *field;

		field = pkt->frame + at;
		if (type == IPPROTO_FRAGMENT)
			at += FRAGMENT_HEADER;
		else if (type == IPPROTO_AH)
			at += (field[1] + 2) * 4;
		else
			at += (field[1] + 1) * 8;
	}
	return field;
}

void ms_pkt_extension(struct ms_pkt *pkt, uint8_t type, size_t len)
{
	uint8_t *field, *header;

	ck_assert_int_eq(pkt->family, 6);
	field = next_header(pkt);
	open_gap(pkt, pkt->l4, len);
	header = pkt->frame + pkt->l4;
	header[0] = *field;
	header[1] = (uint8_t)(type == IPPROTO_AH ? len / 4 - 2 : len / 8 - 1);
	*field = type;
	pkt->l4 += len;
	put_length(pkt);
}

void ms_pkt_fragment(struct ms_pkt *pkt, uint32_t id, uint16_t offset, bool more)
{
	uint8_t *header;

	if (pkt->family == 4) {
		put16(pkt->frame + pkt->l3 + 4, (uint16_t)id);
		put16(pkt->frame + pkt->l3 + 6, (uint16_t)((more ? 0x2000 : 0) | offset / 8));
		return;
	}
	ms_pkt_extension(pkt, IPPROTO_FRAGMENT, FRAGMENT_HEADER);
	header = pkt->frame + pkt->l4 - FRAGMENT_HEADER;
	header[1] = 0;
	put16(header + 2, (uint16_t)(offset | (more ? 1 : 0)));
	put32(header + 4, id);
}

void ms_pkt_cut(struct ms_pkt *pkt, size_t payload)
{
	ck_assert_uint_le(pkt->l4 + payload, pkt->len);
	pkt->len = pkt->l4 + payload;
	put_length(pkt);
}

void ms_pkt_truncate(struct ms_pkt *pkt, size_t len)
{
	ck_assert_uint_le(len, pkt->len);
	ck_assert(pkt->family == 0 || get16(pkt->frame + pkt->l3 - 2) != 0);
	pkt->len = len;
}
