/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/random_packet.h"

#include <string.h>

enum { TCP = 6, UDP = 17, SCTP = 132, ICMP4 = 1, ICMP6 = 58 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static uint32_t next(struct ms_random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state >> 32;
}

uint32_t ms_random_below(struct ms_random *random, uint32_t limit)
{
	return next(random) % limit;
}

bool ms_random_percent(struct ms_random *random, unsigned int percent)
{
	return ms_random_below(random, 100) < percent;
}

void ms_random_address(struct ms_random *random, int family, uint8_t ret_addr[16])
{
	static const uint8_t v6[8] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint8_t net = ms_random_below(random, MS_RANDOM_NETS);
	uint8_t host = ms_random_below(random, MS_RANDOM_HOSTS);

	memset(ret_addr, 0, 16);
	if (family == 4) {
		memcpy(ret_addr, (uint8_t[]) { 10, net, 0, host }, 4);
		return;
	}
	memcpy(ret_addr, v6, 8);
	ret_addr[7] = net;
	ret_addr[15] = host;
}

uint16_t ms_random_port(struct ms_random *random)
{
	static const uint16_t ports[] = { 22, 53, 67, 68, 80, 443, 546, 547, 1000, 8080, 65535, 0 };

	return ports[ms_random_below(random, sizeof(ports) / sizeof(ports[0]))];
}

uint16_t ms_random_vlan(struct ms_random *random)
{
	static const uint16_t vlans[] = { 0, 1, 7, 4094 };

	return vlans[ms_random_below(random, 4)];
}

uint8_t ms_random_dscp(struct ms_random *random)
{
	static const uint8_t dscps[] = { 0, 10, 46, 63 };

	return dscps[ms_random_below(random, 4)];
}

uint8_t ms_random_proto(struct ms_random *random, int family)
{
	static const uint8_t protos[] = {
		TCP, TCP, TCP, UDP, UDP, SCTP, 0xff, 0xff, 47, 50, 89, 135
	};
	uint8_t proto = protos[ms_random_below(random, sizeof(protos))];

	return proto != 0xff ? proto : family == 4 ? ICMP4 : ICMP6;
}

uint8_t ms_random_icmp_type(struct ms_random *random, int family)
{
	static const uint8_t v4[] = { 8, 8, 0, 0, 3, 4, 5, 11, 12, 13, 14, 9 };
	static const uint8_t v6[] = { 128, 128, 129, 129, 1, 2, 3, 4, 133, 135, 136, 143 };

	return (family == 4 ? v4 : v6)[ms_random_below(random, 12)];
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = value >> 8;
	p[1] = value;
}

static void new_flow(struct ms_random_source *source, struct ms_random_flow *flow)
{
	struct ms_random *random = &source->random;

	memset(flow, 0, sizeof(*flow));
	flow->family = ms_random_percent(random, 60) ? 4 : 6;
	ms_random_address(random, flow->family, flow->src);
	ms_random_address(random, flow->family, flow->dst);
	flow->proto = ms_random_proto(random, flow->family);
	flow->sport = ms_random_port(random);
	flow->dport = ms_random_port(random);
	flow->icmp_type = ms_random_icmp_type(random, flow->family);
	flow->icmp_code = ms_random_percent(random, 80) ? 0 : ms_random_below(random, 4);
	flow->n_tags = ms_random_percent(random, 70) ? 0 : 1 + ms_random_below(random, 3) / 2;
	flow->tags[0] = ms_random_vlan(random) | (ms_random_below(random, 8) << 13);
	flow->tags[1] = ms_random_vlan(random);
	flow->ds = ms_random_dscp(random) << 2 | ms_random_below(random, 4);
	flow->iface = ms_random_below(random, source->n_ifaces);
	flow->egress = ms_random_percent(random, 50);
	flow->fragment_id = ms_random_below(random, 6);
}

static void turn(struct ms_random_flow *flow)
{
	static const uint8_t answers[][2] = {
		{ 8, 0 }, { 0, 8 }, { 13, 14 }, { 14, 13 }, { 128, 129 }, { 129, 128 },
	};
	uint8_t addr[16];
	uint16_t port = flow->sport;

	memcpy(addr, flow->src, 16);
	memcpy(flow->src, flow->dst, 16);
	memcpy(flow->dst, addr, 16);
	flow->egress = !flow->egress;
	if (flow->proto == ICMP4 || flow->proto == ICMP6) {
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
			if (answers[i][0] == flow->icmp_type) {
				flow->icmp_type = answers[i][1];
				return;
			}
		}
		return;
	}
	flow->sport = flow->dport;
	flow->dport = port;
}

static uint8_t random_flags(struct ms_random *random)
{
	static const uint8_t flags[] = { SYN, SYN, SYN,  SYN | ACK, SYN | ACK, ACK,
					 ACK, ACK, ACK,  FIN | ACK, RST,       RST | ACK,
					 FIN, 0,   0xff, SYN | FIN };

	return flags[ms_random_below(random, sizeof(flags))];
}

/* Layer 4 with `payload` bytes behind its header; returns the size of both. */
static size_t put_l4(struct ms_random *random, const struct ms_random_flow *flow, uint8_t *l4,
		     size_t payload)
{
	memset(l4, 0, 24);
	switch (flow->proto) {
	case TCP:
		put16(l4, flow->sport);
		put16(l4 + 2, flow->dport);
		l4[12] = 0x50;
		l4[13] = random_flags(random);
		return 20 + payload;
	case UDP:
		put16(l4, flow->sport);
		put16(l4 + 2, flow->dport);
		put16(l4 + 4, 8 + payload);
		return 8 + payload;
	case SCTP:
		put16(l4, flow->sport);
		put16(l4 + 2, flow->dport);
		return 12 + payload;
	case ICMP4:
	case ICMP6:
		l4[0] = flow->icmp_type;
		l4[1] = flow->icmp_code;
		put16(l4 + 4, flow->sport);
		return 8 + payload;
	}
	return payload;
}

static size_t put_ip_header(const struct ms_random_flow *flow, uint8_t *ip, uint8_t proto,
			    size_t behind)
{
	memset(ip, 0, 40);
	if (flow->family == 4) {
		ip[0] = 0x45;
		ip[1] = flow->ds;
		put16(ip + 2, 20 + behind);
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, flow->src, 4);
		memcpy(ip + 16, flow->dst, 4);
		return 20;
	}
	ip[0] = 0x60 | flow->ds >> 4;
	ip[1] = flow->ds << 4;
	put16(ip + 4, behind);
	ip[6] = proto;
	ip[7] = 64;
	memcpy(ip + 8, flow->src, 16);
	memcpy(ip + 24, flow->dst, 16);
	return 40;
}

/* An error about an earlier flow, with the quoted packet as payload. Returns the payload's size. */
static size_t put_quote(struct ms_random_source *source, struct ms_random_flow *flow, uint8_t *at)
{
	static const uint8_t errors[] = { 3, 11, 12, 5 };
	struct ms_random *random = &source->random;
	struct ms_random_flow quoted = source->flows[ms_random_below(random, MS_RANDOM_FLOWS)];
	size_t header, rest;

	if (ms_random_percent(random, 20))
		turn(&quoted);
	flow->family = quoted.family;
	flow->proto = flow->family == 4 ? ICMP4 : ICMP6;
	flow->icmp_type = flow->family == 4 ? errors[ms_random_below(random, 4)]
					    : 1 + ms_random_below(random, 4);
	memcpy(flow->dst, quoted.src, 16);
	ms_random_address(random, flow->family, flow->src);
	flow->iface = quoted.iface;
	flow->egress = !quoted.egress;
	memcpy(flow->tags, quoted.tags, sizeof(flow->tags));
	flow->n_tags = quoted.n_tags;
	header = put_ip_header(&quoted, at, quoted.proto, 40);
	rest = put_l4(random, &quoted, at + header, 4);
	if (ms_random_percent(random, 30))
		rest = 8 < rest ? 8 : rest;
	if (ms_random_percent(random, 5))
		rest = ms_random_below(random, rest + 1);
	return header + rest;
}

/* Extension headers in front of `proto`; returns their size, `*ret_first` begins the chain. */
static size_t put_extensions(struct ms_random *random, uint8_t *at, uint8_t proto,
			     uint8_t *ret_first)
{
	static const uint8_t kinds[] = { 0, 43, 60, 60, 51 };
	unsigned int n = ms_random_percent(random, 70) ? 0 : 1 + ms_random_below(random, 10);
	uint8_t *link = ret_first;
	size_t size = 0;

	if (ms_random_percent(random, 90) && n > 2)
		n = 2;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t kind = kinds[ms_random_below(random, sizeof(kinds))];
		uint8_t units = ms_random_percent(random, 90) ? 0 : ms_random_below(random, 8);

		*link = kind;
		memset(at + size, 0, 80);
		at[size + 1] = kind == 51 ? units * 2 : units; /* AH counts in fours, less two */
		link = &at[size];
		size += kind == 51 ? (at[size + 1] + 2) * 4u : (units + 1) * 8u;
	}
	*link = proto;
	return size;
}

static size_t put_ip(struct ms_random_source *source, struct ms_random_flow *flow, uint8_t *ip,
		     bool quote)
{
	struct ms_random *random = &source->random;
	uint8_t body[400] = { 0 }, extensions[1024], first = 0;
	bool fragmented = !quote && ms_random_percent(random, 12);
	size_t payload = quote ? 0 : ms_random_below(random, 48), header, size, chain;
	uint16_t offset = 0;
	bool more = true;

	if (quote) {
		size_t quoted = put_quote(source, flow, body + 8);

		size = put_l4(random, flow, body, 0) + quoted;
	} else {
		size = put_l4(random, flow, body, payload);
	}
	if (fragmented) {
		offset = ms_random_percent(random, 40) ? 0 : ms_random_below(random, 5);
		more = ms_random_percent(random, 60);
		if (ms_random_percent(random, 15))
			size = ms_random_below(random, size + 1) & ~7u;
	}
	if (flow->family == 4) {
		header = put_ip_header(flow, ip, flow->proto, size);
		if (fragmented) {
			put16(ip + 4, flow->fragment_id);
			put16(ip + 6, offset | (more ? 0x2000 : 0));
		}
		if (ms_random_percent(random, 15)) {
			size_t options = 4 * (1 + ms_random_below(random, 10));

			memset(ip + header, 1, options);
			ip[0] += options / 4;
			put16(ip + 2, header + options + size);
			header += options;
		}
	} else {
		chain = put_extensions(random, extensions, flow->proto, &first);
		if (chain > 300)
			chain = 0, first = flow->proto;
		if (fragmented) {
			/* The fragment header stands in front of what the chain began with. */
			memmove(extensions + 8, extensions, chain);
			memset(extensions, 0, 8);
			extensions[0] = first;
			put16(extensions + 2, offset << 3 | more);
			put16(extensions + 6, flow->fragment_id);
			first = 44;
			chain += 8;
		}
		header = put_ip_header(flow, ip, first, chain + size);
		memcpy(ip + header, extensions, chain);
		header += chain;
	}
	memcpy(ip + header, body, size);
	return header + size;
}

static void mutate(struct ms_random *random, struct ms_random_packet *packet)
{
	size_t least = 15;

	if (ms_random_percent(random, 8)) {
		unsigned int flips = 1 + ms_random_below(random, 3);

		/* Addresses of the link layer decide nothing, but let them be. */
		while (flips--)
			packet->frame[12 + ms_random_below(random, packet->len - 12)] ^=
				1u << ms_random_below(random, 8);
	}
	if (ms_random_percent(random, 4))
		packet->len = 15 + ms_random_below(random, packet->len - 14);
	if (ms_random_percent(random, 10)) { /* what short frames are padded with */
		size_t padding = ms_random_below(random, 20);

		memset(packet->frame + packet->len, 0x5a, padding);
		packet->len += padding;
	}
	/* Test runs refuse frames that end before the IP header does, unless it is behind a tag. */
	if (packet->frame[12] == 0x08 && packet->frame[13] == 0x00)
		least = 34;
	else if (packet->frame[12] == 0x86 && packet->frame[13] == 0xdd)
		least = 54;
	if (packet->len < least) {
		memset(packet->frame + packet->len, 0, least - packet->len);
		packet->len = least;
	}
}

void ms_random_packet_next(struct ms_random_source *source, struct ms_random_packet *ret_packet)
{
	struct ms_random *random = &source->random;
	struct ms_random_flow *slot = &source->flows[ms_random_below(random, MS_RANDOM_FLOWS)];
	struct ms_random_flow flow = *slot;
	uint8_t *at = ret_packet->frame;
	bool quote = ms_random_percent(random, 5);

	if (ms_random_percent(random, 25)) {
		new_flow(source, &flow);
		*slot = flow;
	} else if (ms_random_percent(random, 45)) {
		turn(&flow);
	} else if (ms_random_percent(random, 5)) {
		flow.iface = ms_random_below(random, source->n_ifaces);
	} else if (ms_random_percent(random, 5)) {
		flow.n_tags = ms_random_below(random, 3);
	}
	/* A packet may have another DS field than its flow began with. */
	if (ms_random_percent(random, 20))
		flow.ds = ms_random_dscp(random) << 2;
	memset(at, 2, 12);
	at += 12;
	if (ms_random_percent(random, 2)) { /* neither family */
		put16(at, ms_random_percent(random, 50) ? 0x0806 : 0x88cc);
		memset(at + 2, 0, 40);
		ret_packet->len = 14 + ms_random_below(random, 40) + 1;
	} else {
		uint8_t body[MS_RANDOM_FRAME - 64];
		size_t size = put_ip(source, &flow, body, quote);

		for (unsigned int i = 0; i < flow.n_tags; i++, at += 4) {
			put16(at, flow.n_tags == 2 && i == 0 ? 0x88a8 : 0x8100);
			put16(at + 2, flow.tags[i]);
		}
		put16(at, flow.family == 4 ? 0x0800 : 0x86dd);
		memcpy(at + 2, body, size);
		ret_packet->len = at + 2 + size - ret_packet->frame;
	}
	ret_packet->iface = flow.iface;
	ret_packet->egress = flow.egress;
	mutate(random, ret_packet);
}

void ms_random_source_init(struct ms_random_source *source, uint64_t seed, unsigned int n_ifaces)
{
	memset(source, 0, sizeof(*source));
	source->random.state = seed * 0x9e3779b97f4a7c15ull | 1;
	source->n_ifaces = n_ifaces;
	for (size_t i = 0; i < MS_RANDOM_FLOWS; i++)
		new_flow(source, &source->flows[i]);
}
