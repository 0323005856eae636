/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a source or sink counts itself, as its process said last. */
#ifndef MS_CORE_SOURCE_NUMBERS_H
#define MS_CORE_SOURCE_NUMBERS_H

#include <jansson.h>
#include <stdint.h>

/* Zeroed = it has said none. */
struct ms_source_numbers {
	json_t *list; /* as struct ms_plugin_emit has it; NULL = none */
	uint64_t read_ns;
};

/* Takes them out of a message, at `now_ns` since boot; what comes too soon behind the last, or is
 * no list, is left aside. */
void ms_source_numbers_take(struct ms_source_numbers *numbers, const char *text, size_t length,
			    uint64_t now_ns);
void ms_source_numbers_fini(struct ms_source_numbers *numbers);

#endif
