/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/utf8.h"

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
