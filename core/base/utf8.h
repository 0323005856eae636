/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters of UTF-8 text. */
#ifndef MS_CORE_BASE_UTF8_H
#define MS_CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at `p`, of at most `rest` bytes; returns how many it has, 0 = not UTF-8 (too long
 * a form, half of a surrogate pair, and beyond U+10FFFF included). `rest` is not 0. */
size_t ms_utf8_decode(const unsigned char *p, size_t rest, uint32_t *ret_char);

/* UTF-8 without control characters (C0, DEL, C1). */
bool ms_utf8_is_line(const char *text);
/* Makes that of it, in place: what is not UTF-8, half a character at its end too, becomes `?`, a
 * control character blanks. Returns `line`. */
char *ms_utf8_tidy(char *line);
/*
 * `text` and `end` behind it, as a line of less than `size` bytes: what is too long loses the
 * middle of `text`, between two characters, where `...` stands then. `end` stays whole; there is
 * room for it and 8 bytes more. Returns `into`.
 */
char *ms_utf8_shorten(char *into, size_t size, const char *text, const char *end);

#endif
