/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define GAP "..."

size_t ms_utf8_decode(const unsigned char *p, size_t rest, uint32_t *ret_char)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = p[0];

	if (length > 1) {
		if (p[0] < 0xc2 || p[0] > 0xf4 || rest < length)
			return 0;
		c &= 0x7fu >> length;
		for (size_t i = 1; i < length; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
	}
	*ret_char = c;
	return length;
}

static bool is_control(uint32_t letter)
{
	return letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
}

/* Where the first character is that no line may have, and what it is; the end = there is none. */
static size_t find_bad(const char *line, size_t from, size_t *ret_length, char *ret_instead)
{
	size_t end = strlen(line), at = from;

	for (size_t taken; at < end; at += taken) {
		uint32_t letter = 0;

		taken = ms_utf8_decode((const unsigned char *)line + at, end - at, &letter);
		if (taken == 0 || is_control(letter)) {
			*ret_instead = taken ? ' ' : '?';
			*ret_length = taken ? taken : 1;
			break;
		}
	}
	return at;
}

bool ms_utf8_is_line(const char *text)
{
	size_t length;
	char instead;

	return text[find_bad(text, 0, &length, &instead)] == '\0';
}

char *ms_utf8_tidy(char *line)
{
	size_t at = 0, length;
	char instead;

	while (line[at = find_bad(line, at, &length, &instead)])
		memset(line + at, instead, length);
	return line;
}

static bool is_inside(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

char *ms_utf8_shorten(char *into, size_t size, const char *text, const char *end)
{
	size_t length = strlen(text), room = size - 1 - strlen(end), head, tail;

	if (length <= room) {
		snprintf(into, size, "%s%s", text, end);
		return ms_utf8_tidy(into);
	}
	/* Paths and keys are told apart by how they end. */
	head = (room - strlen(GAP)) / 3;
	tail = length - (room - strlen(GAP) - head);
	while (head > 0 && is_inside(text[head]))
		head--;
	while (is_inside(text[tail]))
		tail++;
	snprintf(into, size, "%.*s" GAP "%s%s", (int)head, text, text + tail, end);
	return ms_utf8_tidy(into);
}
