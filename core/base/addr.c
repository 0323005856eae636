/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse.h"

static uint8_t width(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

bool ms_addr_parse(const char *text, struct ms_addr *ret_addr)
{
	struct ms_addr addr = { 0 };

	if (inet_pton(AF_INET, text, addr.bytes) == 1)
		addr.family = 4;
	else if (inet_pton(AF_INET6, text, addr.bytes) == 1)
		addr.family = 6;
	else
		return false;
	*ret_addr = addr;
	return true;
}

static bool has_host_bits(const struct ms_cidr *cidr)
{
	for (unsigned int bit = cidr->len; bit < width(cidr->addr.family); bit++) {
		if (cidr->addr.bytes[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	}
	return false;
}

static bool parse(const char *text, struct ms_cidr *ret_cidr)
{
	char host[MS_ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ms_cidr cidr = { 0 };
	uint64_t len;

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!ms_addr_parse(host, &cidr.addr))
		return false;
	cidr.len = width(cidr.addr.family);
	if (slash) {
		if (!ms_parse_uint(slash + 1, 0, cidr.len, &len))
			return false;
		cidr.len = (uint8_t)len;
	}
	*ret_cidr = cidr;
	return true;
}

bool ms_cidr_parse(const char *text, struct ms_cidr *ret_cidr)
{
	struct ms_cidr cidr;

	if (!parse(text, &cidr) || has_host_bits(&cidr))
		return false;
	*ret_cidr = cidr;
	return true;
}

bool ms_cidr_parse_meant(const char *text, struct ms_cidr *ret_cidr)
{
	struct ms_cidr cidr;

	if (!parse(text, &cidr))
		return false;
	for (unsigned int bit = cidr.len; bit < width(cidr.addr.family); bit++)
		cidr.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
	*ret_cidr = cidr;
	return true;
}

char *ms_addr_format(const struct ms_addr *addr, char *buf, size_t size)
{
	if (addr->family == 0 ||
	    !inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->bytes, buf, (socklen_t)size))
		snprintf(buf, size, "-");
	return buf;
}

char *ms_cidr_format(const struct ms_cidr *cidr, char *buf, size_t size)
{
	char host[MS_ADDR_TEXT];

	ms_addr_format(&cidr->addr, host, sizeof(host));
	if (cidr->len == width(cidr->addr.family))
		snprintf(buf, size, "%s", host);
	else
		snprintf(buf, size, "%s/%u", host, cidr->len);
	return buf;
}

bool ms_cidr_contains(const struct ms_cidr *cidr, const struct ms_addr *addr)
{
	unsigned int whole = cidr->len / 8, rest = cidr->len % 8;

	if (cidr->addr.family != addr->family)
		return false;
	if (memcmp(cidr->addr.bytes, addr->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return ((cidr->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest)) == 0;
}

bool ms_cidr_covers(const struct ms_cidr *outer, const struct ms_cidr *inner)
{
	return outer->len <= inner->len && ms_cidr_contains(outer, &inner->addr);
}

int ms_addr_compare(const struct ms_addr *a, const struct ms_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int ms_cidr_compare(const struct ms_cidr *a, const struct ms_cidr *b)
{
	int order = ms_addr_compare(&a->addr, &b->addr);

	if (order != 0)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

size_t ms_cidr_first(const void *items, size_t count, size_t size, const struct ms_cidr *cidr)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ms_cidr_compare((const void *)((const char *)items + middle * size), cidr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
