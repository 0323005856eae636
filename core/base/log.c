/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"

static const char *const names[] = { "error", "warn", "notice", "info", "debug" };
_Static_assert(ms_array_size(names) == MS_LOG__COUNT, "a name per level");

/* syslog(3) priorities, which are journald's prefixes too. */
static const int priorities[] = { 3, 4, 5, 6, 7 };
_Static_assert(ms_array_size(priorities) == MS_LOG__COUNT, "a priority per level");

static enum ms_log_level threshold = MS_LOG_INFO;

void ms_log_set_level(enum ms_log_level level)
{
	threshold = level;
}

enum ms_log_level ms_log_level(void)
{
	return threshold;
}

bool ms_log_level_parse(const char *name, enum ms_log_level *ret_level)
{
	for (size_t i = 0; i < ms_array_size(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_level = (enum ms_log_level)i;
			return true;
		}
	}
	return false;
}

const char *ms_log_level_name(enum ms_log_level level)
{
	return names[level];
}

void ms_log_vwrite(enum ms_log_level level, const char *module, const char *format, va_list args)
{
	char text[1024];

	if (level > threshold)
		return;
	vsnprintf(text, sizeof(text), format, args);
	if (getenv("JOURNAL_STREAM")) {
		fprintf(stderr, "<%d>%s: %s\n", priorities[level], module, text);
	} else {
		char stamp[16];
		struct tm tm;
		time_t now = time(NULL);

		localtime_r(&now, &tm);
		strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
		/* At info a person reads along: no level word, just the text. */
		if (level >= MS_LOG_NOTICE && level <= MS_LOG_INFO)
			fprintf(stderr, "%s %s: %s\n", stamp, module, text);
		else
			fprintf(stderr, "%s %s: %s: %s\n", stamp, names[level], module, text);
	}
}

void ms_log_write(enum ms_log_level level, const char *module, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ms_log_vwrite(level, module, format, args);
	va_end(args);
}
