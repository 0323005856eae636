/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses and prefixes as values. Bytes are in network order; an IPv4 address uses the first
 * four bytes and leaves the rest zero.
 */
#ifndef MS_CORE_BASE_ADDR_H
#define MS_CORE_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_addr {
	uint8_t family; /* 4 or 6, 0 = none */
	uint8_t bytes[16];
};

/* Host bits beyond `len` are zero: the parser refuses anything else. */
struct ms_cidr {
	struct ms_addr addr;
	uint8_t len; /* 0-32 or 0-128 */
};

#define MS_ADDR_TEXT 48 /* longest address text with its NUL, rounded up */
#define MS_CIDR_TEXT 52

bool ms_addr_parse(const char *text, struct ms_addr *ret_addr);
/* A bare address is its own /32 or /128. "10.0.0.1/24" (host bits set) is refused. */
bool ms_cidr_parse(const char *text, struct ms_cidr *ret_cidr);
/* What a prefix with host bits means: 10.0.0.1/24 is 10.0.0.0/24. False = more is wrong with it. */
bool ms_cidr_parse_meant(const char *text, struct ms_cidr *ret_cidr);
/* Both return `buf`; a CIDR that is a single address is printed without its length. */
char *ms_addr_format(const struct ms_addr *addr, char *buf, size_t size);
char *ms_cidr_format(const struct ms_cidr *cidr, char *buf, size_t size);
bool ms_cidr_contains(const struct ms_cidr *cidr, const struct ms_addr *addr);
bool ms_cidr_covers(const struct ms_cidr *outer, const struct ms_cidr *inner);
int ms_addr_compare(const struct ms_addr *a, const struct ms_addr *b);
int ms_cidr_compare(const struct ms_cidr *a, const struct ms_cidr *b);
/* Of `count` items of `size` bytes, each of which begins with its prefix, in this order: the first
 * that is not before `cidr`, `count` = none. */
size_t ms_cidr_first(const void *items, size_t count, size_t size, const struct ms_cidr *cidr);

#endif
