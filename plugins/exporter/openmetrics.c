/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "openmetrics.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which form ---- */

/* What a client says it reads: a media type and what it says of it. */
struct range {
	char type[64], version[16];
	double quality;
};

static void copy_trimmed(char *to, size_t size, const char *from, size_t length)
{
	while (length > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		length--;
	}
	while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\t'))
		length--;
	snprintf(to, size, "%.*s", (int)length, from);
}

/* "TYPE; KEY=VALUE; ...", up to a comma; returns what is behind that. */
static const char *read_range(const char *at, struct range *ret_range)
{
	struct range range = { .quality = 1 };
	size_t length = strcspn(at, ",;");
	char word[64];

	copy_trimmed(range.type, sizeof(range.type), at, length);
	at += length;
	while (*at == ';') {
		length = strcspn(++at, ",;");
		copy_trimmed(word, sizeof(word), at, length);
		if (strncasecmp(word, "version=", 8) == 0)
			copy_trimmed(range.version, sizeof(range.version), word + 8,
				     strlen(word + 8));
		else if (strncasecmp(word, "q=", 2) == 0)
			range.quality = strtod(word + 2, NULL);
		at += length;
	}
	*ret_range = range;
	return *at ? at + 1 : at;
}

/* How closely a range names a type of its `version`: 3 = by name, 2 = all of its kind, 1 = all
 * there are, 0 = not at all. */
static int closeness(const struct range *range, const char *type, const char *version)
{
	size_t kind = strcspn(type, "/") + 1;

	if (strcasecmp(range->type, type) == 0)
		return !range->version[0] || strcmp(range->version, version) == 0 ? 3 : 0;
	if (strncasecmp(range->type, type, kind) == 0 && strcmp(range->type + kind, "*") == 0)
		return 2;
	return strcmp(range->type, "*/*") == 0 ? 1 : 0;
}

/* What a client thinks of one form: the range that names it most closely says so. */
struct opinion {
	int closeness;
	double quality;
};

static void hear(struct opinion *opinion, const struct range *range, int close)
{
	if (close < opinion->closeness || close == 0)
		return;
	if (close > opinion->closeness || range->quality > opinion->quality)
		opinion->quality = range->quality;
	opinion->closeness = close;
}

enum ms_exporter_form ms_exporter_openmetrics_negotiate(const char *accept)
{
	struct opinion openmetrics = { 0 }, plain = { 0 };
	struct range range;

	while (accept && *accept) {
		accept = read_range(accept, &range);
		hear(&openmetrics, &range,
		     closeness(&range, "application/openmetrics-text", "1.0.0"));
		hear(&plain, &range, closeness(&range, "text/plain", "0.0.4"));
	}
	/* Who takes whatever there is has not asked for it. */
	return openmetrics.closeness > 1 && openmetrics.quality > 0 &&
			       openmetrics.quality >= plain.quality
		       ? MS_EXPORTER_OPENMETRICS
		       : MS_EXPORTER_PLAIN;
}

const char *ms_exporter_openmetrics_type(enum ms_exporter_form form)
{
	return form == MS_EXPORTER_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- the text ---- */

/* A quote is escaped in a label alone: the older form takes the backslash for one in a help. */
static void put_escaped(FILE *to, const char *text, bool is_quoted)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", to);
		else if (*text == '\\' || (*text == '"' && is_quoted))
			fprintf(to, "\\%c", *text);
		else
			putc(*text, to);
	}
}

static const char *find_suffix(const char *type)
{
	return strcmp(type, "counter") == 0 ? "_total" : strcmp(type, "info") == 0 ? "_info" : "";
}

void ms_exporter_openmetrics_family(struct ms_exporter_text *to, const char *name, const char *type,
				    const char *unit, const char *help)
{
	const char *suffix = "";

	if (to->form == MS_EXPORTER_PLAIN) {
		suffix = find_suffix(type);
		unit = NULL;
		if (strcmp(type, "info") == 0)
			type = "gauge";
	}
	fprintf(to->file, "# TYPE %s%s %s\n", name, suffix, type);
	if (unit)
		fprintf(to->file, "# UNIT %s %s\n", name, unit);
	fprintf(to->file, "# HELP %s%s ", name, suffix);
	put_escaped(to->file, help, to->form == MS_EXPORTER_OPENMETRICS);
	putc('\n', to->file);
}

void ms_exporter_openmetrics_sample(struct ms_exporter_text *to, const char *name, double value,
				    ...)
{
	const char *label, *between = "{";
	va_list labels;

	fputs(name, to->file);
	va_start(labels, value);
	while ((label = va_arg(labels, const char *)) != NULL) {
		fprintf(to->file, "%s%s=\"", between, label);
		put_escaped(to->file, va_arg(labels, const char *), true);
		putc('"', to->file);
		between = ",";
	}
	va_end(labels);
	/* Whole numbers up to 2^53, which is what the reader's own arithmetic has. */
	fprintf(to->file, "%s %.17g\n", between[0] == ',' ? "}" : "", value);
}

void ms_exporter_openmetrics_end(struct ms_exporter_text *to)
{
	if (to->form == MS_EXPORTER_OPENMETRICS)
		fputs("# EOF\n", to->file);
}
