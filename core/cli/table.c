/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define GAP 2
#define LEFT_OUT SIZE_MAX

struct cell {
	char *text;
	enum ms_cli_tint tint;
};

struct ms_cli_table {
	const struct ms_cli_column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n_cells, allocated;
	size_t *wanted; /* what the longest text takes */
	size_t *widths; /* what is given; LEFT_OUT = not shown */
	char **rests;   /* of the row that is being printed */
	size_t folded;  /* the first of the columns that are */
	bool is_begun;
};

struct ms_cli_table *ms_cli_table_new(const struct ms_cli_column *columns, size_t count)
{
	struct ms_cli_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n_columns = table->folded = count;
	table->wanted = calloc(count, sizeof(*table->wanted));
	table->widths = calloc(count, sizeof(*table->widths));
	table->rests = calloc(count, sizeof(*table->rests));
	return table->wanted && table->widths && table->rests ? table : ms_cli_table_free(table);
}

static void empty(struct ms_cli_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	table->n_cells = 0;
}

struct ms_cli_table *ms_cli_table_free(struct ms_cli_table *table)
{
	if (!table)
		return NULL;
	empty(table);
	free(table->cells);
	free(table->wanted);
	free(table->widths);
	free(table->rests);
	free(table);
	return NULL;
}

void ms_cli_table_fold(struct ms_cli_table *table, size_t from)
{
	if (table)
		table->folded = from;
}

void ms_cli_table_add(struct ms_cli_table *table, enum ms_cli_tint tint, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int r;

	if (!table)
		return;
	if (table->n_cells == table->allocated) {
		size_t more = table->allocated ? table->allocated * 2 : 256;
		struct cell *cells = reallocarray(table->cells, more, sizeof(*cells));

		if (!cells)
			return;
		table->cells = cells;
		table->allocated = more;
	}
	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0)
		return;
	table->cells[table->n_cells++] = (struct cell) { text, tint };
}

static size_t total_width(const size_t *widths, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if (widths[i] != LEFT_OUT)
			total += widths[i] + (total ? GAP : 0);
	}
	return total;
}

static void measure(struct ms_cli_table *table)
{
	size_t column = 0;

	for (size_t i = 0; !table->is_begun && i < table->n_columns; i++)
		table->wanted[i] = ms_cli_style_measure(table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t places = ms_cli_style_measure(table->cells[i].text);

		if (places > table->wanted[column])
			table->wanted[column] = places;
		if (++column == table->n_columns)
			column = 0;
	}
}

/* The widest column that may still give way, or n_columns. */
static size_t find_elastic(const struct ms_cli_table *table, const size_t *widths)
{
	size_t found = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		unsigned int narrow = table->columns[i].narrow;

		if (narrow && widths[i] != LEFT_OUT && widths[i] > narrow &&
		    (found == table->n_columns || widths[i] > widths[found]))
			found = i;
	}
	return found;
}

/* The column that is missed least among those before squeezing (sign 1) or after (-1), or
 * n_columns. */
static size_t find_missable(const struct ms_cli_table *table, const size_t *widths, int sign)
{
	size_t found = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		int missed = table->columns[i].missed * sign;

		if (missed > 0 && widths[i] != LEFT_OUT &&
		    (found == table->n_columns || missed > table->columns[found].missed * sign))
			found = i;
	}
	return found;
}

/* Gives what is wanted to the columns that are shown, less what there is no room for. */
static bool squeeze(const struct ms_cli_table *table, size_t *widths, size_t width)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		if (widths[i] != LEFT_OUT)
			widths[i] = table->wanted[i];
	}
	while (width && total_width(widths, table->n_columns) > width) {
		size_t column = find_elastic(table, widths);

		if (column == table->n_columns)
			return false;
		widths[column]--;
	}
	return true;
}

/* The first print chooses the columns. */
static void fit(struct ms_cli_table *table, size_t width)
{
	size_t column;

	memcpy(table->widths, table->wanted, table->n_columns * sizeof(*table->widths));
	while (width && total_width(table->widths, table->n_columns) > width) {
		column = find_missable(table, table->widths, 1);
		if (column == table->n_columns)
			break;
		table->widths[column] = LEFT_OUT;
	}
	while (!squeeze(table, table->widths, width)) {
		column = find_missable(table, table->widths, -1);
		if (column == table->n_columns)
			return;
		table->widths[column] = LEFT_OUT;
	}
}

/* A later one has them as they are, wider where they may be. */
static void refit(struct ms_cli_table *table, size_t width)
{
	size_t *widths = calloc(table->n_columns, sizeof(*widths));

	if (!widths)
		return;
	memcpy(widths, table->widths, table->n_columns * sizeof(*widths));
	if (squeeze(table, widths, width))
		memcpy(table->widths, widths, table->n_columns * sizeof(*widths));
	free(widths);
}

static void print_text(const struct ms_cli_style *style, const char *text, size_t width)
{
	size_t places = ms_cli_style_measure(text);
	size_t head, tail;

	if (places <= width) {
		fputs(text, style->out);
		return;
	}
	tail = (width - 1) / 2;
	head = width - 1 - tail;
	fwrite(text, 1, (size_t)(ms_cli_style_skip(text, head) - text), style->out);
	fputs(style->utf8 ? "\u2026" : "~", style->out);
	fputs(ms_cli_style_skip(text, places - tail), style->out);
}

static size_t last_shown(const struct ms_cli_table *table)
{
	size_t last = table->n_columns - 1;

	while (last > 0 && table->widths[last] == LEFT_OUT)
		last--;
	return last;
}

static void print_cell(const struct ms_cli_table *table, const struct ms_cli_style *style,
		       size_t column, const char *text, enum ms_cli_tint tint)
{
	size_t width = table->widths[column], places = ms_cli_style_measure(text);
	size_t pad = places < width ? width - places : 0;

	if (width == LEFT_OUT)
		return;
	if (table->columns[column].is_right)
		fprintf(style->out, "%*s", (int)pad, "");
	ms_cli_style_begin(style, tint);
	print_text(style, text, width);
	ms_cli_style_end(style, tint);
	if (column == last_shown(table))
		fputc('\n', style->out);
	else
		fprintf(style->out, "%*s", (int)(table->columns[column].is_right ? 0 : pad) + GAP,
			"");
}

/* Prints as much of the text as fits its cell; returns the rest. */
static char *print_piece(const struct ms_cli_table *table, const struct ms_cli_style *style,
			 size_t column, char *text, enum ms_cli_tint tint)
{
	size_t width = table->widths[column];
	char *end = text + strlen(text), after;

	if (column >= table->folded && width != LEFT_OUT)
		end = text + (ms_cli_style_fold(text, width) - text);
	after = *end;
	*end = '\0';
	print_cell(table, style, column, text, tint);
	*end = after;
	return end + strspn(end, " ");
}

static void print_row(const struct ms_cli_table *table, const struct ms_cli_style *style,
		      const struct cell *cells)
{
	bool has_more;

	for (size_t i = 0; i < table->n_columns; i++)
		table->rests[i] = cells[i].text;
	do {
		has_more = false;
		for (size_t i = 0; i < table->n_columns; i++) {
			table->rests[i] =
				print_piece(table, style, i, table->rests[i], cells[i].tint);
			has_more = has_more || *table->rests[i];
		}
	} while (has_more);
}

void ms_cli_table_print(struct ms_cli_table *table, const struct ms_cli_style *style)
{
	if (!table)
		return;
	measure(table);
	if (table->is_begun) {
		refit(table, style->width);
	} else {
		fit(table, style->width);
		for (size_t i = 0; i < table->n_columns; i++)
			print_cell(table, style, i, table->columns[i].title, MS_CLI_BOLD);
		table->is_begun = true;
	}
	/* A row that ran out of memory half-way is left out. */
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
		print_row(table, style, &table->cells[i]);
	empty(table);
}
