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
	size_t *widths; /* LEFT_OUT = not shown */
	bool is_begun;
};

struct ms_cli_table *ms_cli_table_new(const struct ms_cli_column *columns, size_t count)
{
	struct ms_cli_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n_columns = count;
	table->widths = calloc(count, sizeof(*table->widths));
	return table->widths ? table : ms_cli_table_free(table);
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
	free(table->widths);
	free(table);
	return NULL;
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

static size_t total_width(const struct ms_cli_table *table)
{
	size_t total = 0;

	for (size_t i = 0; i < table->n_columns; i++) {
		if (table->widths[i] != LEFT_OUT)
			total += table->widths[i] + (total ? GAP : 0);
	}
	return total;
}

static void measure(struct ms_cli_table *table)
{
	size_t column = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		table->widths[i] = ms_cli_style_measure(table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t places = ms_cli_style_measure(table->cells[i].text);

		if (places > table->widths[column])
			table->widths[column] = places;
		if (++column == table->n_columns)
			column = 0;
	}
}

/* The widest column that may still give way, or n_columns. */
static size_t find_elastic(const struct ms_cli_table *table)
{
	size_t found = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		unsigned int narrow = table->columns[i].narrow;

		if (narrow && table->widths[i] != LEFT_OUT && table->widths[i] > narrow &&
		    (found == table->n_columns || table->widths[i] > table->widths[found]))
			found = i;
	}
	return found;
}

/* The column that is missed least, or n_columns. */
static size_t find_missable(const struct ms_cli_table *table)
{
	size_t found = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		unsigned int missed = table->columns[i].missed;

		if (missed && table->widths[i] != LEFT_OUT &&
		    (found == table->n_columns || missed > table->columns[found].missed))
			found = i;
	}
	return found;
}

static void squeeze(struct ms_cli_table *table, size_t width)
{
	size_t column;

	while (total_width(table) > width) {
		column = find_missable(table);
		if (column == table->n_columns)
			break;
		table->widths[column] = LEFT_OUT;
	}
	while (total_width(table) > width) {
		column = find_elastic(table);
		if (column == table->n_columns)
			return;
		table->widths[column]--;
	}
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

static void print_cell(const struct ms_cli_table *table, const struct ms_cli_style *style,
		       size_t column, const char *text, enum ms_cli_tint tint)
{
	size_t width = table->widths[column], places = ms_cli_style_measure(text);
	size_t pad = places < width ? width - places : 0;
	bool is_last = column == table->n_columns - 1;

	if (width == LEFT_OUT)
		return;
	if (table->columns[column].is_right)
		fprintf(style->out, "%*s", (int)pad, "");
	ms_cli_style_begin(style, tint);
	print_text(style, text, width);
	ms_cli_style_end(style, tint);
	if (is_last)
		fputc('\n', style->out);
	else
		fprintf(style->out, "%*s", (int)(table->columns[column].is_right ? 0 : pad) + GAP,
			"");
}

void ms_cli_table_print(struct ms_cli_table *table, const struct ms_cli_style *style)
{
	if (!table)
		return;
	if (!table->is_begun) {
		measure(table);
		if (style->width)
			squeeze(table, style->width);
		for (size_t i = 0; i < table->n_columns; i++)
			print_cell(table, style, i, table->columns[i].title, MS_CLI_BOLD);
		table->is_begun = true;
	}
	/* A row that ran out of memory half-way is left out. */
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
		for (size_t j = 0; j < table->n_columns; j++)
			print_cell(table, style, j, table->cells[i + j].text,
				   table->cells[i + j].tint);
	}
	empty(table);
}
