/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event as named values, the same ones for every way out: the keys of `microsegctl observe -o
 * json`. What an event does not have (ports of what has none, say) is left out.
 */
#ifndef MS_JOURNAL_RECORD_H
#define MS_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "microseg/plugin.h"

#define MS_JOURNAL_RECORD_FIELDS 32

struct ms_journal_field {
	const char *key;
	bool is_number;
	char text[256]; /* a longer value is cut off */
};

struct ms_journal_record {
	struct ms_journal_field fields[MS_JOURNAL_RECORD_FIELDS];
	size_t count;
	char sentence[768]; /* for people, one line */
	int priority;       /* of syslog: LOG_NOTICE ... */
};

void ms_journal_record_event(struct ms_journal_record *record, const struct ms_plugin_event *event);
/* `lost` events are missing here; `time_ns` is CLOCK_REALTIME. */
void ms_journal_record_lost(struct ms_journal_record *record, uint64_t lost, uint64_t time_ns);
/* One JSON object with a newline behind it, for the caller to free; NULL = out of memory. */
char *ms_journal_record_json(const struct ms_journal_record *record);

#endif
