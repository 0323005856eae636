/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict scalars: the whole text must be the value. "80abc", "+80", " 80", "080" and "" are no
 * numbers. Results are untouched when false is returned.
 */
#ifndef MS_CORE_BASE_PARSE_H
#define MS_CORE_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ms_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* The same, or hexadecimal: "0x1f", in small or capital letters, with up to 16 digits. */
bool ms_parse_uint_or_hex(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* "80" or "8000-8100", ends included, first <= last. */
bool ms_parse_port_range(const char *text, uint16_t *ret_first, uint16_t *ret_last);

/* "250ms", "10s", "3m", "24h", "7d": one number, one unit. */
bool ms_parse_duration(const char *text, uint64_t *ret_ns);

/* The shortest exact form ms_parse_duration() reads back. Returns `buf`. */
char *ms_format_duration(uint64_t ns, char *buf, size_t size);

/* RFC 3339 with offset or Z, seconds since 1970. */
bool ms_parse_time(const char *text, int64_t *ret_seconds);

/* UTC, "2026-11-23T03:00:00Z". Returns `buf` (at least 21 bytes). */
char *ms_format_time(int64_t seconds, char *buf, size_t size);

#endif
