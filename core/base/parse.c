/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/base/parse.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)

/* Largest first, so that formatting finds the shortest exact form. */
static const struct {
	const char *suffix;
	uint64_t ns;
} units[] = {
	{ "d", 86400 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },         { "ms", NS_PER_MS },
};

/* Digits only, no leading zero, no overflow. Returns the first byte behind the number, or NULL. */
static const char *scan_uint(const char *text, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return NULL;
	if (*p == '0' && p[1] >= '0' && p[1] <= '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return NULL;
	}
	*ret_value = value;
	return p;
}

bool ms_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	const char *end = scan_uint(text, &value);

	if (!end || *end || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

bool ms_parse_uint_or_hex(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : NULL;
	size_t length = digits ? strspn(digits, "0123456789abcdefABCDEF") : 0;
	uint64_t value;

	if (!digits)
		return ms_parse_uint(text, min, max, ret_value);
	if (length == 0 || length > 16 || digits[length])
		return false;
	value = strtoull(digits, NULL, 16);
	if (value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

bool ms_parse_port_range(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
	uint64_t first, last;
	const char *p = scan_uint(text, &first);

	if (!p)
		return false;
	last = first;
	if (*p == '-')
		p = scan_uint(p + 1, &last);
	if (!p || *p || first > last || last > 65535)
		return false;
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return true;
}

bool ms_parse_duration(const char *text, uint64_t *ret_ns)
{
	uint64_t count, ns;
	const char *p = scan_uint(text, &count);

	for (size_t i = 0; p && i < ms_array_size(units); i++) {
		if (strcmp(p, units[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(count, units[i].ns, &ns))
			return false;
		*ret_ns = ns;
		return true;
	}
	return false;
}

char *ms_format_duration(uint64_t ns, char *buf, size_t size)
{
	for (size_t i = 0; i < ms_array_size(units); i++) {
		if (ns >= units[i].ns && ns % units[i].ns == 0) {
			snprintf(buf, size, "%llu%s", (unsigned long long)(ns / units[i].ns),
				 units[i].suffix);
			return buf;
		}
	}
	snprintf(buf, size, "%llums", (unsigned long long)(ns / NS_PER_MS));
	return buf;
}

bool ms_parse_time(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 }, asked;
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t offset = 0, seconds;

	/* strptime() skips white space and reads short fields: RFC 3339's are fixed in width. */
	if (!p || p - text != 19)
		return false;
	if (*p == 'Z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		int sign = *p == '-' ? -1 : 1;

		for (int i = 1; i <= 5; i++) {
			if (i == 3 ? p[i] != ':' : p[i] < '0' || p[i] > '9')
				return false;
		}
		if ((p[1] - '0') * 10 + p[2] - '0' > 23 || p[4] > '5')
			return false;
		offset = sign * (((p[1] - '0') * 10 + p[2] - '0') * 3600 +
				 ((p[4] - '0') * 10 + p[5] - '0') * 60);
		p += 6;
	} else {
		return false;
	}
	if (*p)
		return false;
	/* timegm() makes 2 March of 30 February: a day that is another one was none. */
	asked = tm;
	seconds = (int64_t)timegm(&tm);
	if (tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon)
		return false;
	*ret_seconds = seconds - offset;
	return true;
}

char *ms_format_time(int64_t seconds, char *buf, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}
