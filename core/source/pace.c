/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/pace.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S (1000 * NS_PER_MS)
#define SHARE 3 /* of waiting to one of working */

void ms_source_pace_took(struct ms_source_pace *pace, uint64_t from_ns, uint64_t now_ns)
{
	uint64_t pause_ns = SHARE * (now_ns - from_ns);

	if (pause_ns < MS_SOURCE_PACE_PAUSE_MIN_MS * NS_PER_MS)
		pause_ns = MS_SOURCE_PACE_PAUSE_MIN_MS * NS_PER_MS;
	if (pause_ns > MS_SOURCE_PACE_PAUSE_MAX_MS * NS_PER_MS)
		pause_ns = MS_SOURCE_PACE_PAUSE_MAX_MS * NS_PER_MS;
	pace->next_ns = now_ns + pause_ns;
}

uint64_t ms_source_pace_wait_ms(const struct ms_source_pace *pace, uint64_t now_ns)
{
	return pace->next_ns > now_ns ? (pace->next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

bool ms_source_pace_line(struct ms_source_pace *pace, bool is_warning, uint64_t now_ns)
{
	unsigned int *lines = is_warning ? &pace->warnings : &pace->lines;

	if (pace->second_ns == 0 || now_ns - pace->second_ns >= NS_PER_S) {
		pace->second_ns = now_ns;
		pace->lines = pace->warnings = 0;
	}
	if (*lines >= MS_SOURCE_PACE_LINES_PER_S) {
		pace->unsaid++;
		pace->suppressed++;
		return false;
	}
	++*lines;
	return true;
}

unsigned int ms_source_pace_unsaid(struct ms_source_pace *pace)
{
	unsigned int unsaid = pace->unsaid;

	pace->unsaid = 0;
	return unsaid;
}
