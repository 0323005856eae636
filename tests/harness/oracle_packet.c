/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle's own reading of packets: every field taken byte by byte from the RFC's picture. */
#include "tests/harness/oracle.h"

#include <string.h>

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
};

enum {
	PROTO_HOPOPTS = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
};

enum { MAX_EXTENSIONS = 8, MAX_EXTENSION_BYTES = 256 };

static unsigned int be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

size_t ms_oracle_l4_size(int family, uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return 20;
	case PROTO_UDP:
		return 8;
	case PROTO_SCTP:
		return 12;
	case PROTO_ICMP:
		return family == 4 ? 8 : 0;
	case PROTO_ICMPV6:
		return family == 6 ? 8 : 0;
	}
	return 0;
}

static bool icmp_is_error(const struct ms_oracle_headers *h)
{
	if (h->family == 4)
		return h->icmp_type == 3 || h->icmp_type == 4 || h->icmp_type == 5 ||
		       h->icmp_type == 11 || h->icmp_type == 12;
	return h->icmp_type >= 1 && h->icmp_type <= 4;
}

/* `fragmentable` = where offsets of fragments count from. */
static enum ms_oracle_shape parse_l4(const uint8_t *bytes, size_t at, size_t fragmentable,
				     struct ms_oracle_headers *h)
{
	size_t need = ms_oracle_l4_size(h->family, h->proto);
	const uint8_t *l4 = bytes + at;

	if (h->later)
		return MS_ORACLE_PARSED;
	h->header_end = (fragmentable ? at - fragmentable : 0) + need;
	if (need == 0)
		return MS_ORACLE_PARSED;
	if (h->end - at < need) {
		if (!h->fragment)
			return MS_ORACLE_BROKEN;
		h->tiny = true;
		return MS_ORACLE_PARSED;
	}
	if (h->proto == PROTO_ICMP || h->proto == PROTO_ICMPV6) {
		h->has_icmp = true;
		h->icmp_type = l4[0];
		h->icmp_code = l4[1];
		h->icmp_id = be16(l4 + 4);
		if (icmp_is_error(h))
			h->inner = at + 8;
		return MS_ORACLE_PARSED;
	}
	h->has_ports = true;
	h->sport = be16(l4);
	h->dport = be16(l4 + 2);
	if (h->proto == PROTO_TCP)
		h->tcp_flags = l4[13];
	return MS_ORACLE_PARSED;
}

static enum ms_oracle_shape parse_ipv4(const uint8_t *bytes, size_t at, size_t limit, bool quoted,
				       struct ms_oracle_headers *h)
{
	const uint8_t *ip = bytes + at;
	size_t header, total;

	if (limit - at < 20 || ip[0] >> 4 != 4)
		return MS_ORACLE_BROKEN;
	header = (ip[0] & 15) * 4u;
	total = be16(ip + 2);
	if (quoted) /* cut off on purpose: its length says nothing */
		total = limit - at;
	if (header < 20 || limit - at < header || total < header || total > limit - at)
		return MS_ORACLE_BROKEN;
	h->family = 4;
	h->end = at + total;
	memcpy(h->src, ip + 12, 4);
	memcpy(h->dst, ip + 16, 4);
	h->proto = ip[9];
	h->dscp = ip[1] / 4;
	h->fragment_id = be16(ip + 4);
	h->fragment_offset = (be16(ip + 6) & 0x1fff) * 8u;
	h->later = h->fragment_offset != 0;
	h->fragment = h->later || (ip[6] & 0x20);
	if (quoted)
		return MS_ORACLE_PARSED;
	return parse_l4(bytes, at + header, at + header, h);
}

static bool is_extension(uint8_t proto)
{
	return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_AH || proto == PROTO_DSTOPTS;
}

static enum ms_oracle_shape parse_ipv6(const uint8_t *bytes, size_t at, size_t limit, bool quoted,
				       struct ms_oracle_headers *h, size_t *ret_l4)
{
	const uint8_t *ip = bytes + at;
	size_t fragmentable = 0, walked = 0, total;
	int extensions = 0;

	if (limit - at < 40 || ip[0] >> 4 != 6)
		return MS_ORACLE_BROKEN;
	total = quoted ? limit - at : 40 + be16(ip + 4);
	if (total > limit - at)
		return MS_ORACLE_BROKEN;
	h->family = 6;
	h->end = at + total;
	memcpy(h->src, ip + 8, 16);
	memcpy(h->dst, ip + 24, 16);
	h->proto = ip[6];
	h->dscp = (be16(ip) & 0x0fc0) / 64;
	at += 40;
	for (;;) {
		const uint8_t *ext = bytes + at;
		size_t size;

		if (h->proto != PROTO_HOPOPTS && h->proto != PROTO_ROUTING &&
		    h->proto != PROTO_FRAGMENT && h->proto != PROTO_AH && h->proto != PROTO_DSTOPTS)
			break;
		/* Behind more of them than we look through there may be anything. */
		if (extensions == MAX_EXTENSIONS || h->end - at < 8)
			return MS_ORACLE_BROKEN;
		if (h->proto == PROTO_FRAGMENT)
			size = 8;
		else if (h->proto == PROTO_AH)
			size = (ext[1] + 2) * 4u;
		else
			size = (ext[1] + 1) * 8u;
		if (walked + size > MAX_EXTENSION_BYTES || h->end - at < size)
			return MS_ORACLE_BROKEN;
		if (h->proto == PROTO_FRAGMENT) {
			if (fragmentable != 0) /* a fragment of a fragment */
				return MS_ORACLE_BROKEN;
			h->fragment_id = be32(ext + 4);
			h->fragment_offset = be16(ext + 2) & 0xfff8;
			h->later = h->fragment_offset != 0;
			h->fragment = h->later || (ext[3] & 1);
			fragmentable = at + size;
		}
		h->proto = ext[0];
		at += size;
		walked += size;
		extensions++;
		if (h->later) {
			h->hidden = is_extension(h->proto);
			return MS_ORACLE_PARSED;
		}
	}
	*ret_l4 = at;
	if (quoted)
		return MS_ORACLE_PARSED;
	return parse_l4(bytes, at, fragmentable, h);
}

enum ms_oracle_shape ms_oracle_parse(const struct ms_oracle_iface *iface,
				     const struct ms_oracle_packet *packet,
				     struct ms_oracle_headers *ret_headers)
{
	struct ms_oracle_headers *h = ret_headers;
	const uint8_t *bytes = packet->bytes;
	int tags = packet->has_offloaded_tag;
	size_t at = 0, l4;

	memset(h, 0, sizeof(*h));
	h->vlan_outer = packet->has_offloaded_tag ? packet->offloaded_tag & 0xfff : 0;
	if (iface->no_ethernet) {
		if (packet->len == 0)
			return MS_ORACLE_BROKEN;
		h->ethertype = bytes[0] >> 4 == 4 ? TYPE_IPV4 : bytes[0] >> 4 == 6 ? TYPE_IPV6 : 0;
	} else {
		if (packet->len < 14)
			return MS_ORACLE_BROKEN;
		h->ethertype = be16(bytes + 12);
		at = 14;
		while (h->ethertype == TYPE_VLAN || h->ethertype == TYPE_QINQ) {
			/* Behind a third tag there may be IP that nobody has looked at. */
			if (tags == 2 || packet->len - at < 4)
				return MS_ORACLE_BROKEN;
			if (tags == 0)
				h->vlan_outer = be16(bytes + at) & 0xfff;
			else
				h->vlan_inner = be16(bytes + at) & 0xfff;
			h->ethertype = be16(bytes + at + 2);
			at += 4;
			tags++;
		}
	}
	if (h->ethertype == TYPE_IPV4)
		return parse_ipv4(bytes, at, packet->len, false, h);
	if (h->ethertype == TYPE_IPV6)
		return parse_ipv6(bytes, at, packet->len, false, h, &l4);
	return MS_ORACLE_NOT_IP;
}

bool ms_oracle_parse_quoted(const struct ms_oracle_packet *packet,
			    const struct ms_oracle_headers *outer,
			    struct ms_oracle_headers *ret_quoted)
{
	struct ms_oracle_headers *h = ret_quoted;
	const uint8_t *bytes = packet->bytes;
	size_t l4 = outer->inner;

	memset(h, 0, sizeof(*h));
	h->vlan_outer = outer->vlan_outer;
	h->vlan_inner = outer->vlan_inner;
	if (outer->inner == 0 || outer->inner >= outer->end)
		return false;
	if (outer->family == 4) {
		if (parse_ipv4(bytes, l4, outer->end, true, h) != MS_ORACLE_PARSED)
			return false;
		l4 += (bytes[l4] & 15) * 4u;
	} else {
		size_t after = 0;

		if (parse_ipv6(bytes, l4, outer->end, true, h, &after) != MS_ORACLE_PARSED)
			return false;
		if (after == 0)
			return false;
		l4 = after;
	}
	if (h->later || memcmp(h->src, outer->dst, 16)) /* errors go to who sent it */
		return false;
	/* An error quotes at least eight bytes of what followed the IP header. */
	if (h->end < l4 || h->end - l4 < 8)
		return ms_oracle_l4_size(h->family, h->proto) == 0;
	if (h->proto == PROTO_TCP || h->proto == PROTO_UDP || h->proto == PROTO_SCTP) {
		h->has_ports = true;
		h->sport = be16(bytes + l4);
		h->dport = be16(bytes + l4 + 2);
	} else if (ms_oracle_l4_size(h->family, h->proto) != 0) {
		h->has_icmp = true;
		h->icmp_type = bytes[l4];
		h->icmp_code = bytes[l4 + 1];
		h->icmp_id = be16(bytes + l4 + 4);
	}
	return true;
}
