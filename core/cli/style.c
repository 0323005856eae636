/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cli/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"

#define KEY_PLACES 12
#define LINE_LEAST 20 /* places that a line has, however narrow the terminal is */

static const char *const tints[] = {
	[MS_CLI_PLAIN] = "",        [MS_CLI_BOLD] = "\033[1m", [MS_CLI_DIM] = "\033[2m",
	[MS_CLI_GOOD] = "\033[32m", [MS_CLI_BAD] = "\033[31m", [MS_CLI_UNSURE] = "\033[33m",
};
_Static_assert(ms_array_size(tints) == MS_CLI_TINT__COUNT, "a colour per tint");

unsigned int ms_cli_style_columns(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t value;

	if (columns && ms_parse_uint(columns, 1, 10000, &value))
		return (unsigned int)value;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void ms_cli_style_init(struct ms_cli_style *style, int color, bool numeric)
{
	const char *no_color = getenv("NO_COLOR");
	const char *codeset = nl_langinfo(CODESET);

	*style = (struct ms_cli_style) {
		.out = stdout,
		.width = ms_cli_style_columns(STDOUT_FILENO),
		.numeric = numeric,
		.utf8 = codeset && strcmp(codeset, "UTF-8") == 0,
	};
	if (color == 0)
		style->color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
	else
		style->color = color == 1;
}

void ms_cli_style_begin(const struct ms_cli_style *style, enum ms_cli_tint tint)
{
	if (style->color && tint != MS_CLI_PLAIN)
		fputs(tints[tint], style->out);
}

void ms_cli_style_end(const struct ms_cli_style *style, enum ms_cli_tint tint)
{
	if (style->color && tint != MS_CLI_PLAIN)
		fputs("\033[0m", style->out);
}

enum ms_cli_tint ms_cli_style_verdict(const char *verdict)
{
	if (strcmp(verdict, "allow") == 0)
		return MS_CLI_GOOD;
	return strcmp(verdict, "deny") == 0 ? MS_CLI_BAD : MS_CLI_UNSURE;
}

size_t ms_cli_style_measure(const char *text)
{
	size_t places = 0;

	for (; *text; text++)
		places += ((unsigned char)*text & 0xc0) != 0x80;
	return places;
}

const char *ms_cli_style_skip(const char *text, size_t places)
{
	for (; places > 0 && *text; places--) {
		text++;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
	}
	return text;
}

/* Where the last line break that may stand behind `mark` is, within text..end; `text` = nowhere. */
static const char *find_break(const char *text, const char *end, char mark)
{
	while (end > text && end[-1] != mark)
		end--;
	while (mark == ' ' && end > text && end[-1] == ' ')
		end--;
	return end;
}

const char *ms_cli_style_fold(const char *text, size_t places)
{
	const char *end = ms_cli_style_skip(text, places), *at;

	if (!*end || *end == ' ')
		return end;
	at = find_break(text, end, ' ');
	if (at == text)
		at = find_break(text, end, ',');
	return at == text ? end : at;
}

void ms_cli_style_paragraph(const struct ms_cli_style *style, size_t used, size_t indent,
			    const char *text)
{
	for (;;) {
		size_t room = style->width ? LINE_LEAST : SIZE_MAX;
		const char *end;

		if (style->width > used + room)
			room = style->width - used;
		end = ms_cli_style_fold(text, room);
		fwrite(text, 1, (size_t)(end - text), style->out);
		fputc('\n', style->out);
		text = end + strspn(end, " ");
		if (!*text)
			return;
		fprintf(style->out, "%*s", (int)indent, "");
		used = indent;
	}
}

void ms_cli_style_line(const struct ms_cli_style *style, const char *key, const char *text)
{
	int used;

	if (!*text)
		return;
	used = fprintf(style->out, "%-*s ", KEY_PLACES, key);
	ms_cli_style_paragraph(style, used > 0 ? (size_t)used : 0, KEY_PLACES + 1, text);
}

void ms_cli_style_defuse(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		/* C0, DEL, and C1 as UTF-8 writes it (0xc2 0x80-0x9f). */
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
}

/* Three significant digits and a unit: 999, 1.02k, 34.5M. */
static char *scale(int64_t value, double step, const char *units, char *buf, size_t size)
{
	double scaled = (double)value;
	size_t unit = 0;

	if (value < 1000) {
		snprintf(buf, size, "%lld", (long long)value);
		return buf;
	}
	while (scaled >= 999.5 && units[unit]) {
		scaled /= step;
		unit++;
	}
	snprintf(buf, size, "%.*f%c", scaled < 9.995 ? 2 : (scaled < 99.95 ? 1 : 0), scaled,
		 units[unit - 1]);
	return buf;
}

char *ms_cli_style_count(const struct ms_cli_style *style, int64_t value, char *buf, size_t size)
{
	if (style->numeric || value < 100000) {
		snprintf(buf, size, "%lld", (long long)value);
		return buf;
	}
	return scale(value, 1000, "kMGTPE", buf, size);
}

char *ms_cli_style_bytes(const struct ms_cli_style *style, int64_t value, char *buf, size_t size)
{
	if (style->numeric) {
		snprintf(buf, size, "%lld", (long long)value);
		return buf;
	}
	return scale(value, 1024, "KMGTPE", buf, size);
}

char *ms_cli_style_age(const struct ms_cli_style *style, const json_t *ms, char *buf, size_t size)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
	int64_t value = json_integer_value(ms);
	size_t i;

	if (!json_is_integer(ms) || value < 0) {
		snprintf(buf, size, "-");
		return buf;
	}
	if (style->numeric || value < 1000) {
		snprintf(buf, size, "%lldms", (long long)value);
		return buf;
	}
	for (i = 0; value < units[i].ms; i++)
		;
	if (i + 1 < ms_array_size(units) && value % units[i].ms >= units[i + 1].ms)
		snprintf(buf, size, "%lld%s%lld%s", (long long)(value / units[i].ms), units[i].unit,
			 (long long)(value % units[i].ms / units[i + 1].ms), units[i + 1].unit);
	else
		snprintf(buf, size, "%lld%s", (long long)(value / units[i].ms), units[i].unit);
	return buf;
}
