/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a source or sink, in its own words, since when, and whose fault it is. Pure.
 */
#ifndef MS_CORE_SOURCE_COMPLAINT_H
#define MS_CORE_SOURCE_COMPLAINT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/source/wire.h"

/* Zeroed = nothing is. */
struct ms_source_complaint {
	char text[MS_SOURCE_WIRE_SENTENCE_MAX + 1];
	int64_t since; /* seconds since 1970 */
};

/* The first `length` bytes of `text`. Another sentence in the place of one goes on with its time;
 * "" = it is over. */
void ms_source_complaint_set(struct ms_source_complaint *complaint, const char *text,
			     size_t length);
/* `error` as one line of at most `size` - 1 bytes; with its place if what is there is at fault. */
void ms_source_complaint_error(char *into, size_t size, const struct ms_error *error);
/* The origin of `name`'s, within `error`, whose texts are at fault; NULL = none is. Where there is
 * no room for all, the place of an error is no more than where that was found out. */
const char *ms_source_complaint_origin(const char *name, const struct ms_error *error);
/* One line of UTF-8, whatever the plugin wrote. */
void ms_source_complaint_line(char *into, size_t size, const char *text, size_t length);

#endif
