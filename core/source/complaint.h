/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a source or sink, in its own words, and since when something is. Pure. */
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
/* `error` as one line of at most `size` - 1 bytes. */
void ms_source_complaint_error(char *into, size_t size, const struct ms_error *error);
/* One line, whatever the plugin wrote. */
void ms_source_complaint_line(char *into, size_t size, const char *text, size_t length);

#endif
