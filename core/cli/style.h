/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How output looks: where it goes, how wide it may be, colours, and how numbers, sizes and
 * durations are written for a person. What the daemon sent is never trusted on a terminal:
 * control characters are replaced.
 */
#ifndef MS_CORE_CLI_STYLE_H
#define MS_CORE_CLI_STYLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ms_cli_tint {
	MS_CLI_PLAIN,
	MS_CLI_BOLD,
	MS_CLI_DIM,
	MS_CLI_GOOD,
	MS_CLI_BAD,
	MS_CLI_UNSURE,
	MS_CLI_TINT__COUNT,
};

struct ms_cli_style {
	FILE *out;
	unsigned int width; /* columns, 0 = as wide as it gets */
	bool color, numeric;
	bool utf8;
};

/* For standard output: width of the terminal, colours if wanted there (NO_COLOR is honoured by
 * "auto"). `color` as --color's choice: 0 auto, 1 always, 2 never. */
void ms_cli_style_init(struct ms_cli_style *style, int color, bool numeric);
/* Columns of the terminal behind `fd`, 0 = it is none. $COLUMNS wins. */
unsigned int ms_cli_style_columns(int fd);

void ms_cli_style_begin(const struct ms_cli_style *style, enum ms_cli_tint tint);
void ms_cli_style_end(const struct ms_cli_style *style, enum ms_cli_tint tint);
enum ms_cli_tint ms_cli_style_verdict(const char *verdict);

/* Places on the screen that `text` takes. */
size_t ms_cli_style_measure(const char *text);
/* Where the first `places` of them end. */
const char *ms_cli_style_skip(const char *text, size_t places);
/* Where the first of the lines ends that `text` is folded into, of at most `places` (> 0): before a
 * blank, or behind a comma, or wherever. Blanks that it is followed by begin no line. */
const char *ms_cli_style_fold(const char *text, size_t places);
/* `text` and a newline, from place `used` of the line on; what the style's width has no room for in
 * lines that begin at place `indent`. */
void ms_cli_style_paragraph(const struct ms_cli_style *style, size_t used, size_t indent,
			    const char *text);
/* "key          text", folded so; nothing without a text. */
void ms_cli_style_line(const struct ms_cli_style *style, const char *key, const char *text);
/* Replaces what could steer a terminal, in place. */
void ms_cli_style_defuse(char *text);

/* All return `buf`. */
char *ms_cli_style_count(const struct ms_cli_style *style, int64_t value, char *buf, size_t size);
char *ms_cli_style_bytes(const struct ms_cli_style *style, int64_t value, char *buf, size_t size);
/* "3m12s": the two largest units; null and negative are "-". */
char *ms_cli_style_age(const struct ms_cli_style *style, const json_t *ms, char *buf, size_t size);

#endif
