/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON half of the reader: RFC 8259 and nothing more. Not libfyaml's, which takes JSON for a
 * dialect of YAML and, like every YAML reader, must hold a one-line document in memory to know
 * whether it is a key.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/document_reader.h"

enum state {
	STATE_VALUE,        /* a value must come */
	STATE_FIRST_VALUE,  /* a value or ] */
	STATE_FIRST_KEY,    /* a key or } */
	STATE_KEY,          /* a key must come */
	STATE_COLON,        /* behind a key */
	STATE_COMMA_OR_END, /* behind a value in { or [ */
	STATE_DONE,         /* behind the document's one value */
};

struct ms_document_json {
	enum state state;
	char open[MS_DOCUMENT_DEPTH_MAX + 1]; /* { or [, outermost first */
	unsigned int n_open;
};

int ms_document_json_open(struct ms_document_reader *reader)
{
	reader->json = calloc(1, sizeof(*reader->json));
	if (!reader->json)
		return ms_error_set(reader->err, -ENOMEM, "out of memory");
	reader->json->state = STATE_VALUE;
	return 0;
}

void ms_document_json_close(struct ms_document_reader *reader)
{
	free(reader->json);
	reader->json = NULL;
}

static int refuse_here(struct ms_document_reader *reader, const char *expected)
{
	if (reader->offset >= reader->length)
		return ms_document_reader_refuse_at(
			reader, reader->length, "not JSON: %s expected, the text ends", expected);
	return ms_document_reader_refuse_at(reader, reader->offset, "not JSON: %s expected",
					    expected);
}

/* The byte at the reader's offset, NUL at the end (no document contains one). */
static char peek(const struct ms_document_reader *reader)
{
	return reader->offset < reader->length ? reader->text[reader->offset] : '\0';
}

static bool is_one_of(char c, const char *chars)
{
	return c != '\0' && strchr(chars, c);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A value has been read. */
static void close_value(struct ms_document_json *json)
{
	json->state = json->n_open ? STATE_COMMA_OR_END : STATE_DONE;
}

/* ---- strings ---- */

static int read_hex(struct ms_document_reader *reader, size_t at, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	for (size_t i = at; i < at + 4; i++) {
		char c = i < reader->length ? reader->text[i] : '\0';

		if (is_digit(c))
			unit = unit << 4 | (uint32_t)(c - '0');
		else if (is_one_of(c, "abcdefABCDEF"))
			unit = unit << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return ms_document_reader_refuse_at(reader, at - 2,
							    "not JSON: \\u wants four hex digits");
	}
	*ret_unit = unit;
	return 0;
}

static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* `at` is the backslash; `*ret_next` what follows the escape. */
static int read_escape(struct ms_document_reader *reader, size_t at, char *out, size_t *ret_length,
		       size_t *ret_next)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	char c = at + 1 < reader->length ? reader->text[at + 1] : '\0';
	uint32_t unit, low;
	int r;

	if (is_one_of(c, letters)) {
		out[0] = bytes[strchr(letters, c) - letters];
		*ret_length = 1;
		*ret_next = at + 2;
		return 0;
	}
	if (c != 'u')
		return ms_document_reader_refuse_at(reader, at, "not JSON: no such escape");
	r = read_hex(reader, at + 2, &unit);
	if (r < 0)
		return r;
	*ret_next = at + 6;
	if (unit >= 0xd800 && unit <= 0xdfff) {
		if (unit >= 0xdc00 || at + 12 > reader->length || reader->text[at + 6] != '\\' ||
		    reader->text[at + 7] != 'u')
			return ms_document_reader_refuse_at(reader, at,
							    "not JSON: half of a surrogate pair");
		r = read_hex(reader, at + 8, &low);
		if (r < 0)
			return r;
		if (low < 0xdc00 || low > 0xdfff)
			return ms_document_reader_refuse_at(reader, at,
							    "not JSON: half of a surrogate pair");
		unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
		*ret_next = at + 12;
	}
	*ret_length = encode(unit, out);
	return 0;
}

static int read_string(struct ms_document_reader *reader)
{
	char value[MS_DOCUMENT_VALUE_MAX +
		   8]; /* one character past the limit is enough to see it */
	size_t start = reader->offset, at = start + 1, length = 0;

	for (;;) {
		size_t added = 1, next = at + 1;
		char c = at < reader->length ? reader->text[at] : '\0';
		int r = 0;

		if (c == '"')
			break;
		if (c == '\t')
			return ms_document_reader_refuse_at(reader, at,
							    "not JSON: a tab in a string is \\t");
		if (c == '\0' || c == '\n' || c == '\r')
			return ms_document_reader_refuse_at(
				reader, start, "not JSON: a string without its closing quote");
		if (c == '\\')
			r = read_escape(reader, at, value + length, &added, &next);
		else
			value[length] = c;
		if (r < 0)
			return r;
		if (length <= MS_DOCUMENT_VALUE_MAX)
			length += added;
		at = next;
	}
	reader->event = MS_DOCUMENT_SCALAR;
	reader->is_quoted = true;
	reader->place = ms_document_reader_place(reader, start);
	reader->offset = at + 1;
	return ms_document_reader_set_value(reader, start, value, length);
}

/* ---- the rest ---- */

static size_t skip_digits(const struct ms_document_reader *reader, size_t at)
{
	while (at < reader->length && is_digit(reader->text[at]))
		at++;
	return at;
}

/* Length of the number at the reader's offset, 0 = none. */
static size_t measure_number(const struct ms_document_reader *reader)
{
	const char *text = reader->text;
	size_t start = reader->offset, at = start, from;

	if (text[at] == '-')
		at++;
	from = at;
	at = skip_digits(reader, at);
	if (at == from || (text[from] == '0' && at > from + 1))
		return 0;
	if (at < reader->length && text[at] == '.') {
		from = at + 1;
		at = skip_digits(reader, from);
		if (at == from)
			return 0;
	}
	if (at < reader->length && is_one_of(text[at], "eE")) {
		from = at + 1;
		if (from < reader->length && is_one_of(text[from], "+-"))
			from++;
		at = skip_digits(reader, from);
		if (at == from)
			return 0;
	}
	return at - start;
}

/* true, false, null or a number, up to something that can follow a value. */
static int read_bare(struct ms_document_reader *reader)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *at = reader->text + reader->offset;
	size_t rest = reader->length - reader->offset, length = 0;

	for (size_t i = 0; i < 3 && length == 0; i++) {
		size_t n = strlen(words[i]);

		if (rest >= n && memcmp(at, words[i], n) == 0)
			length = n;
	}
	if (length == 0)
		length = measure_number(reader);
	if (length == 0 || (length < rest && !is_one_of(at[length], " \t\r\n,]}")))
		return refuse_here(reader, "a value");
	reader->event = MS_DOCUMENT_SCALAR;
	reader->is_null = at[0] == 'n';
	reader->place = ms_document_reader_place(reader, reader->offset);
	reader->offset += length;
	return ms_document_reader_set_value(reader, reader->offset - length, at, length);
}

static void open_bracket(struct ms_document_reader *reader)
{
	struct ms_document_json *json = reader->json;
	char c = peek(reader);

	reader->event = c == '{' ? MS_DOCUMENT_MAPPING : MS_DOCUMENT_SEQUENCE;
	reader->place = ms_document_reader_place(reader, reader->offset++);
	/* One too deep is still written down: the reader refuses it right after this event. */
	json->open[json->n_open++] = c;
	json->state = c == '{' ? STATE_FIRST_KEY : STATE_FIRST_VALUE;
}

static void close_bracket(struct ms_document_reader *reader)
{
	struct ms_document_json *json = reader->json;

	reader->event = peek(reader) == '}' ? MS_DOCUMENT_MAPPING_END : MS_DOCUMENT_SEQUENCE_END;
	reader->place = ms_document_reader_place(reader, reader->offset++);
	json->n_open--;
	close_value(json);
}

static int read_value(struct ms_document_reader *reader)
{
	int r;

	if (is_one_of(peek(reader), "{[")) {
		open_bracket(reader);
		return 0;
	}
	if (reader->offset >= reader->length)
		return refuse_here(reader, "a value");
	r = peek(reader) == '"' ? read_string(reader) : read_bare(reader);
	if (r == 0)
		close_value(reader->json);
	return r;
}

static int read_key(struct ms_document_reader *reader)
{
	if (peek(reader) != '"')
		return refuse_here(reader, "a key in double quotes");
	reader->json->state = STATE_COLON;
	return read_string(reader);
}

int ms_document_json_next(struct ms_document_reader *reader)
{
	struct ms_document_json *json = reader->json;
	char close = json->n_open && json->open[json->n_open - 1] == '{' ? '}' : ']';

	for (;;) {
		while (is_one_of(peek(reader), " \t\r\n"))
			reader->offset++;
		switch (json->state) {
		case STATE_FIRST_VALUE:
		case STATE_FIRST_KEY:
			if (peek(reader) == close) {
				close_bracket(reader);
				return 0;
			}
			return json->state == STATE_FIRST_KEY ? read_key(reader)
							      : read_value(reader);
		case STATE_VALUE:
			return read_value(reader);
		case STATE_KEY:
			return read_key(reader);
		case STATE_COLON:
			if (peek(reader) != ':')
				return refuse_here(reader, "':'");
			reader->offset++;
			json->state = STATE_VALUE;
			break;
		case STATE_COMMA_OR_END:
			if (peek(reader) == close) {
				close_bracket(reader);
				return 0;
			}
			if (peek(reader) != ',')
				return refuse_here(reader,
						   close == '}' ? "',' or '}'" : "',' or ']'");
			reader->offset++;
			json->state = close == '}' ? STATE_KEY : STATE_VALUE;
			break;
		case STATE_DONE:
			if (reader->offset < reader->length)
				return refuse_here(reader, "the end");
			reader->event = MS_DOCUMENT_END;
			reader->place = ms_document_reader_place(reader, reader->offset);
			return 0;
		}
	}
}
