/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values out of a reply, forgiving: what is absent or of another type reads as "" or 0. */
#ifndef MS_CORE_CLI_VALUE_H
#define MS_CORE_CLI_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

const char *ms_cli_value_text(const json_t *object, const char *key);
json_int_t ms_cli_value_int(const json_t *object, const char *key);
bool ms_cli_value_is(const json_t *object, const char *key);
/* A text, a number or a list of them as "a,b,c", at most `size` long. Returns `buf`, "" = absent.
 */
char *ms_cli_value_words(const json_t *object, const char *key, char *buf, size_t size);
/* How many values a key holds: 1 for a scalar, 0 for none. */
size_t ms_cli_value_count(const json_t *object, const char *key);

#endif
