/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

static void set(struct ms_error *err, int code, const char *format, va_list args)
{
	err->code = code;
	vsnprintf(err->message, sizeof(err->message), format, args);
}

int ms_error_set(struct ms_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err || err->code)
		return code;
	va_start(args, format);
	set(err, code, format, args);
	va_end(args);
	return code;
}

int ms_error_set_at(struct ms_error *err, int code, const char *file, unsigned int line,
		    unsigned int column, const char *word, const char *format, ...)
{
	va_list args;

	if (!err || err->code)
		return code;
	va_start(args, format);
	set(err, code, format, args);
	va_end(args);
	snprintf(err->file, sizeof(err->file), "%s", file ? file : "");
	snprintf(err->word, sizeof(err->word), "%s", word ? word : "");
	err->line = line;
	err->column = column;
	return code;
}

bool ms_error_is_set(const struct ms_error *err)
{
	return err && err->code != 0;
}

char *ms_error_format(const struct ms_error *err, char *buf, unsigned long size)
{
	if (err->file[0] && err->line)
		snprintf(buf, size, "%s:%u:%u: %s", err->file, err->line, err->column,
			 err->message);
	else if (err->file[0])
		snprintf(buf, size, "%s: %s", err->file, err->message);
	else
		snprintf(buf, size, "%s", err->message);
	return ms_utf8_tidy(buf);
}
