/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/numbers.h"

#define APART_NS 1000000000ull /* they come every two seconds */

void ms_source_numbers_take(struct ms_source_numbers *numbers, const char *text, size_t length,
			    uint64_t now_ns)
{
	json_t *list;

	/* Those that are nothing cost as much to read. */
	if (numbers->read_ns && now_ns - numbers->read_ns < APART_NS)
		return;
	numbers->read_ns = now_ns;
	list = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return;
	}
	json_decref(numbers->list);
	numbers->list = list;
}

void ms_source_numbers_fini(struct ms_source_numbers *numbers)
{
	json_decref(numbers->list);
	*numbers = (struct ms_source_numbers) { 0 };
}
