/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables that fit: where the terminal is too narrow, columns that can be missed are left out, then
 * elastic ones give way, widest first, and their texts lose their middle (veth1a2b…9f) or go on in
 * the next line, then more columns go. Where there is no terminal every text is whole. Cells are
 * added one after the other, row by row.
 */
#ifndef MS_CORE_CLI_TABLE_H
#define MS_CORE_CLI_TABLE_H

#include <stddef.h>

#include "core/cli/style.h"

struct ms_cli_column {
	const char *title;
	bool is_right;       /* aligned */
	unsigned int narrow; /* may be squeezed down to this; 0 = keeps its width */
	/* > 0 = may be left out, largest first; < 0 = only where squeezing is not enough, smallest
	 * first; 0 = never */
	int missed;
};

struct ms_cli_table;

/* `columns` is borrowed. NULL = out of memory, which every call below takes. */
struct ms_cli_table *ms_cli_table_new(const struct ms_cli_column *columns, size_t count);
struct ms_cli_table *ms_cli_table_free(struct ms_cli_table *table); /* returns NULL */
/* From this column on texts go on in the next line, where others lose their middle. */
void ms_cli_table_fold(struct ms_cli_table *table, size_t from);
void ms_cli_table_add(struct ms_cli_table *table, enum ms_cli_tint tint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints title and rows, and empties it. A later print has the columns of the first and no title,
 * for answers that come in pieces; the columns grow where there is room for what is longer. */
void ms_cli_table_print(struct ms_cli_table *table, const struct ms_cli_style *style);

#endif
