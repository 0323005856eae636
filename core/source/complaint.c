/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/complaint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"

void ms_source_complaint_set(struct ms_source_complaint *complaint, const char *text, size_t length)
{
	ms_source_complaint_line(complaint->text, sizeof(complaint->text), text, length);
	if (!complaint->text[0])
		complaint->since = 0;
	else if (!complaint->since)
		complaint->since = (int64_t)time(NULL);
}

/* Not the text that stands at its place, but what all texts share: the machine, or the policy. */
static bool is_of_all(const struct ms_error *error)
{
	static const int codes[] = { ENOMEM, ENOSPC, EDQUOT, EIO, EMFILE, ENFILE };

	for (size_t i = 0; i < ms_array_size(codes); i++) {
		if (error->code == -codes[i])
			return true;
	}
	return false;
}

void ms_source_complaint_error(char *into, size_t size, const struct ms_error *error)
{
	char raw[768];

	if (is_of_all(error))
		snprintf(raw, sizeof(raw), "%s", error->message);
	else
		ms_error_format(error, raw, sizeof(raw));
	ms_source_complaint_line(into, size, raw, strlen(raw));
}

/* A file is "NAME:ORIGIN" as ms_source_offer_policy() has it. */
const char *ms_source_complaint_origin(const char *name, const struct ms_error *error)
{
	size_t length = strlen(name);

	if (is_of_all(error) || strncmp(error->file, name, length) != 0 ||
	    error->file[length] != ':')
		return NULL;
	return error->file + length + 1;
}

void ms_source_complaint_line(char *into, size_t size, const char *text, size_t length)
{
	snprintf(into, size, "%.*s", (int)length, text);
	ms_utf8_tidy(into);
}
