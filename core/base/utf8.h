/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters of UTF-8 text. */
#ifndef MS_CORE_BASE_UTF8_H
#define MS_CORE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The character at `p`, of at most `rest` bytes; returns how many it has, 0 = not UTF-8 (too long
 * a form, half of a surrogate pair, and beyond U+10FFFF included). `rest` is not 0. */
size_t ms_utf8_decode(const unsigned char *p, size_t rest, uint32_t *ret_char);

#endif
