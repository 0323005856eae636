/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "openmetrics.h"

#include <stdarg.h>

static void put_escaped(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", to);
		else if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else
			putc(*text, to);
	}
}

void ms_exporter_openmetrics_family(FILE *to, const char *name, const char *type, const char *unit,
				    const char *help)
{
	fprintf(to, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(to, "# UNIT %s %s\n", name, unit);
	fprintf(to, "# HELP %s ", name);
	put_escaped(to, help);
	putc('\n', to);
}

void ms_exporter_openmetrics_sample(FILE *to, const char *name, double value, ...)
{
	const char *label, *between = "{";
	va_list labels;

	fputs(name, to);
	va_start(labels, value);
	while ((label = va_arg(labels, const char *)) != NULL) {
		fprintf(to, "%s%s=\"", between, label);
		put_escaped(to, va_arg(labels, const char *));
		putc('"', to);
		between = ",";
	}
	va_end(labels);
	/* Whole numbers up to 2^53, which is what the reader's own arithmetic has. */
	fprintf(to, "%s %.17g\n", between[0] == ',' ? "}" : "", value);
}

void ms_exporter_openmetrics_end(FILE *to)
{
	fputs("# EOF\n", to);
}
