/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/complaint.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void ms_source_complaint_set(struct ms_source_complaint *complaint, const char *text, size_t length)
{
	ms_source_complaint_line(complaint->text, sizeof(complaint->text), text, length);
	if (!complaint->text[0])
		complaint->since = 0;
	else if (!complaint->since)
		complaint->since = (int64_t)time(NULL);
}

void ms_source_complaint_error(char *into, size_t size, const struct ms_error *error)
{
	char raw[768];

	ms_error_format(error, raw, sizeof(raw));
	ms_source_complaint_line(into, size, raw, strlen(raw));
}

void ms_source_complaint_line(char *into, size_t size, const char *text, size_t length)
{
	snprintf(into, size, "%.*s", (int)length, text);
	for (; *into; into++) {
		if ((unsigned char)*into < ' ' || *into == 127)
			*into = ' ';
	}
}
