/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The YAML half of the reader: the only file that includes libfyaml. */
#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document_reader.h"

struct ms_document_yaml {
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct fy_event *event;
	bool had_document;
};

/* libfyaml prints what it finds wrong; here it is only collected. */
static void print_nothing(struct fy_diag *diag, void *user, const char *text, size_t length)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)length;
}

static int refuse_out_of_memory(struct ms_document_reader *reader)
{
	return ms_error_set(reader->err, -ENOMEM, "out of memory");
}

int ms_document_yaml_open(struct ms_document_reader *reader)
{
	const struct fy_diag_cfg diag_cfg = {
		.output_fn = print_nothing,
		.level = FYET_ERROR,
		.module_mask = ~0u,
	};
	struct ms_document_yaml *yaml = calloc(1, sizeof(*yaml));
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
			 FYPCF_DEFAULT_VERSION_1_2,
	};

	reader->yaml = yaml;
	if (!yaml)
		return refuse_out_of_memory(reader);
	yaml->diag = fy_diag_create(&diag_cfg);
	if (!yaml->diag)
		return refuse_out_of_memory(reader);
	fy_diag_set_collect_errors(yaml->diag, true);
	cfg.diag = yaml->diag;
	yaml->parser = fy_parser_create(&cfg);
	/* An empty text is no input to libfyaml; one line feed says the same. */
	if (!yaml->parser ||
	    fy_parser_set_string(yaml->parser, reader->length ? reader->text : "\n",
				 reader->length ? reader->length : 1) != 0)
		return refuse_out_of_memory(reader);
	return 0;
}

void ms_document_yaml_close(struct ms_document_reader *reader)
{
	struct ms_document_yaml *yaml = reader->yaml;

	if (!yaml)
		return;
	if (yaml->event)
		fy_parser_event_free(yaml->parser, yaml->event);
	if (yaml->parser)
		fy_parser_destroy(yaml->parser);
	if (yaml->diag)
		fy_diag_destroy(yaml->diag);
	free(yaml);
	reader->yaml = NULL;
}

/* Where a line and a column in characters, both from 1, are in the text. */
static size_t find_offset(const struct ms_document_reader *reader, int line, int column)
{
	const char *p = reader->text, *end = reader->text + reader->length;

	for (; line > 1; line--) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		if (!newline)
			return reader->length;
		p = newline + 1;
	}
	for (; column > 1 && p < end && *p != '\n'; column--) {
		p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	return (size_t)(p - reader->text);
}

/* A tab among the blanks in front of `offset`, or SIZE_MAX. */
static size_t find_indenting_tab(const struct ms_document_reader *reader, size_t offset)
{
	size_t tab = SIZE_MAX;

	while (offset > 0 && memchr(" \t", reader->text[offset - 1], 2)) {
		offset--;
		if (reader->text[offset] == '\t')
			tab = offset;
	}
	return offset == 0 || reader->text[offset - 1] == '\n' ? tab : SIZE_MAX;
}

/* libfyaml's place and words, mended where it points behind what a person would point at. */
static int refuse_error(struct ms_document_reader *reader, const struct fy_diag_error *error)
{
	size_t offset = find_offset(reader, error->line, error->column);
	size_t tab = find_indenting_tab(reader, offset);

	if (tab != SIZE_MAX)
		return ms_document_reader_refuse_at(reader, tab,
						    "a tab where the depth is told by blanks");
	if (offset > 0 && strstr(error->msg, "quoted") &&
	    memchr("\"'", reader->text[offset - 1], 2))
		offset--;
	return ms_document_reader_refuse_at(reader, offset, "%s", error->msg);
}

/* Past blanks, line breaks and comments. */
static size_t skip_blank(const struct ms_document_reader *reader, size_t at)
{
	while (at < reader->length) {
		if (reader->text[at] == '#') {
			while (at < reader->length && reader->text[at] != '\n')
				at++;
		} else if (memchr(" \t\r\n", reader->text[at], 4)) {
			at++;
		} else {
			break;
		}
	}
	return at;
}

/* Of some errors libfyaml says nothing (`>0`): then it is what comes next that cannot be read. */
static int refuse_syntax(struct ms_document_reader *reader)
{
	size_t next = skip_blank(reader, reader->offset);
	void *iterator = NULL;
	struct fy_diag_error *error;

	while ((error = fy_diag_errors_iterate(reader->yaml->diag, &iterator))) {
		if (error->type == FYET_ERROR)
			return refuse_error(reader, error);
	}
	if (next < reader->length && reader->text[next] == ':')
		next = skip_blank(reader, next + 1);
	return ms_document_reader_refuse_at(reader, next, "not YAML from here on");
}

static size_t token_offset(struct fy_token *token)
{
	const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;

	return mark ? mark->input_pos : SIZE_MAX;
}

/* Tags and anchors before their node; whichever is written first is named. */
static int check_properties(struct ms_document_reader *reader, struct fy_event *event)
{
	size_t tag = token_offset(fy_event_get_tag_token(event));
	size_t anchor = token_offset(fy_event_get_anchor_token(event));

	if (anchor != SIZE_MAX && anchor > 0)
		anchor--; /* libfyaml's mark is behind the & */
	if (tag < anchor)
		return ms_document_reader_refuse_at(reader, tag,
						    "tags are not part of the language");
	if (anchor != SIZE_MAX)
		return ms_document_reader_refuse_at(reader, anchor,
						    "anchors are not part of the language");
	return 0;
}

static int check_document_start(struct ms_document_reader *reader, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	size_t end = mark ? mark->input_pos : reader->offset;

	if (reader->yaml->had_document) {
		if (mark)
			return ms_document_reader_refuse_at(reader, mark->input_pos,
							    "a second document in one file");
		/* Begins without a mark: its first word says where. */
		fy_parser_event_free(reader->yaml->parser, event);
		reader->yaml->event = fy_parser_parse(reader->yaml->parser);
		mark = reader->yaml->event ? fy_event_start_mark(reader->yaml->event) : NULL;
		return ms_document_reader_refuse_at(reader, mark ? mark->input_pos : reader->length,
						    "a second document in one file");
	}
	reader->yaml->had_document = true;
	for (size_t at = 0; at < end;) {
		const char *newline;

		if (reader->text[at] == '%')
			return ms_document_reader_refuse_at(
				reader, at, "directives are not part of the language");
		newline = memchr(reader->text + at, '\n', end - at);
		if (!newline)
			break;
		at = (size_t)(newline + 1 - reader->text);
	}
	return 0;
}

static bool is_null_word(const char *text)
{
	switch (text[0]) {
	case '\0':
		return true;
	case '~':
		return text[1] == '\0';
	case 'n':
		return strcmp(text, "null") == 0;
	case 'N':
		return strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
	default:
		return false;
	}
}

/* The | or > of a block scalar; libfyaml's mark is the text below it. */
static size_t find_block_mark(const struct ms_document_reader *reader, size_t text)
{
	for (size_t at = skip_blank(reader, reader->offset); at < text;
	     at = skip_blank(reader, at)) {
		if (reader->text[at] == '|' || reader->text[at] == '>')
			return at;
		at++;
	}
	return text;
}

/* The text of a scalar. Where it stands in the document as it is, on one line and without escapes,
 * that is where it is: libfyaml takes longer to find this out than to read it. */
static const char *find_text(const struct ms_document_reader *reader, struct fy_token *token,
			     const struct fy_mark *start, const struct fy_mark *end,
			     size_t *ret_length)
{
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_ANY;

	if (start && end && start->line == end->line &&
	    (style == FYSS_PLAIN || style == FYSS_DOUBLE_QUOTED)) {
		const char *text = reader->text + start->input_pos;
		size_t length = end->input_pos - start->input_pos;

		if (style == FYSS_PLAIN || !memchr(text, '\\', length)) {
			*ret_length = length;
			return text;
		}
	}
	*ret_length = 0;
	return token ? fy_token_get_text(token, ret_length) : "";
}

static int take_scalar(struct ms_document_reader *reader, struct fy_event *event)
{
	struct fy_token *token = fy_event_get_token(event);
	const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
	size_t length, at;
	const char *text = find_text(reader, token, start, end, &length);
	int r;

	if (!text)
		return refuse_out_of_memory(reader);
	reader->event = MS_DOCUMENT_SCALAR;
	if (!start) {
		/* Nothing is written there: what stands next, the dash of its list, is the place.
		 */
		at = skip_blank(reader, reader->offset);
		reader->offset = at < reader->length && reader->text[at] == '-' ? at + 1 : at;
	} else {
		at = start->input_pos;
		if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at > 0)
			at--; /* the mark is behind the quote */
		if (style == FYSS_LITERAL || style == FYSS_FOLDED)
			at = find_block_mark(reader, at);
		reader->offset = end ? end->input_pos : at;
	}
	reader->place = ms_document_reader_place(reader, at);
	r = ms_document_reader_set_value(reader, at, text, length);
	reader->is_quoted = style != FYSS_PLAIN && style != FYSS_ANY;
	reader->is_null = !reader->is_quoted && is_null_word(reader->value);
	return r;
}

/* `[a: b]` is a mapping without its braces. Its mark is the colon; its first key says where. */
static int check_braces(struct ms_document_reader *reader, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	struct ms_document_yaml *yaml = reader->yaml;

	if (fy_event_get_node_style(event) != FYNS_FLOW || !mark ||
	    reader->text[mark->input_pos] == '{')
		return 0;
	fy_parser_event_free(yaml->parser, event);
	yaml->event = fy_parser_parse(yaml->parser);
	if (yaml->event && yaml->event->type == FYET_SCALAR && fy_event_start_mark(yaml->event))
		mark = fy_event_start_mark(yaml->event);
	return ms_document_reader_refuse_at(reader, mark ? mark->input_pos : 0,
					    "a key in a list; a mapping is written in braces");
}

static void take_structure(struct ms_document_reader *reader, struct fy_event *event,
			   enum ms_document_event kind)
{
	const struct fy_mark *mark = fy_event_start_mark(event);

	reader->event = kind;
	if (mark) {
		reader->place = ms_document_reader_place(reader, mark->input_pos);
		if (mark->input_pos > reader->offset)
			reader->offset = mark->input_pos;
		/* Behind a bracket, but in front of the dash of a list in block style. */
		mark = fy_event_end_mark(event);
		if (mark && mark->input_pos > reader->offset)
			reader->offset = mark->input_pos;
	}
}

static int take_event(struct ms_document_reader *reader, struct fy_event *event)
{
	const struct fy_mark *mark;
	int r = check_properties(reader, event);

	if (r < 0)
		return r;
	switch (event->type) {
	case FYET_ALIAS:
		mark = fy_event_start_mark(event);
		return ms_document_reader_refuse_at(
			reader, mark && mark->input_pos > 0 ? mark->input_pos - 1 : 0,
			"aliases are not part of the language");
	case FYET_SCALAR:
		return take_scalar(reader, event);
	case FYET_MAPPING_START:
		take_structure(reader, event, MS_DOCUMENT_MAPPING);
		return check_braces(reader, event);
	case FYET_MAPPING_END:
		take_structure(reader, event, MS_DOCUMENT_MAPPING_END);
		return 0;
	case FYET_SEQUENCE_START:
		take_structure(reader, event, MS_DOCUMENT_SEQUENCE);
		return 0;
	case FYET_SEQUENCE_END:
		take_structure(reader, event, MS_DOCUMENT_SEQUENCE_END);
		return 0;
	default:
		return -EINVAL;
	}
}

int ms_document_yaml_next(struct ms_document_reader *reader)
{
	struct ms_document_yaml *yaml = reader->yaml;

	for (;;) {
		int r = 0;

		if (yaml->event)
			fy_parser_event_free(yaml->parser, yaml->event);
		yaml->event = fy_parser_parse(yaml->parser);
		if (!yaml->event)
			return refuse_syntax(reader);
		switch (yaml->event->type) {
		case FYET_NONE:
		case FYET_STREAM_START:
		case FYET_DOCUMENT_END:
			continue;
		case FYET_DOCUMENT_START:
			r = check_document_start(reader, yaml->event);
			if (r < 0)
				return r;
			continue;
		case FYET_STREAM_END:
			reader->event = MS_DOCUMENT_END;
			reader->place = ms_document_reader_place(reader, reader->length);
			return 0;
		default:
			return take_event(reader, yaml->event);
		}
	}
}
