/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/policy/document_ahead.h"

#define KEY_SHOWN 16 /* bytes of a key that may be a secret: what is asked for is no longer */

/* ---- places and refusals ---- */

struct ms_place ms_document_reader_place(struct ms_document_reader *reader, size_t offset)
{
	const char *from, *newline;

	if (offset > reader->length)
		offset = reader->length;
	if (offset < reader->known_line_start) {
		reader->known_offset = reader->known_line_start = 0;
		reader->known_line = 1;
	}
	from = reader->text + reader->known_offset;
	while (reader->known_offset < offset &&
	       (newline = memchr(from, '\n', (size_t)(reader->text + offset - from)))) {
		from = newline + 1;
		reader->known_line_start = (size_t)(from - reader->text);
		reader->known_line++;
	}
	if (offset > reader->known_offset)
		reader->known_offset = offset;
	return (struct ms_place) {
		.line = reader->known_line,
		.column = (unsigned int)(offset - reader->known_line_start) + 1,
	};
}

static int refuse(struct ms_document_reader *reader, struct ms_place place, const char *word,
		  const char *format, va_list args)
{
	char message[512];

	vsnprintf(message, sizeof(message), format, args);
	return ms_error_set_at(reader->err, -EINVAL, reader->name, place.line, place.column, word,
			       "%s", message);
}

int ms_document_reader_refuse(struct ms_document_reader *reader, struct ms_place place,
			      const char *word, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = refuse(reader, place, word, format, args);
	va_end(args);
	return r;
}

/* What is between the quote at `at` and its partner on the same line; 0 = there is none. */
static size_t measure_quoted(const char *at, size_t rest)
{
	for (size_t i = 1; i < rest && at[i] != '\n'; i++) {
		if (at[i] == at[0])
			return i - 1;
		if (at[i] == '\\' && at[0] == '"')
			i++;
	}
	return 0;
}

static bool may_be_secret(const struct ms_document_reader *reader, size_t offset)
{
	return reader->secrets && reader->text + offset >= reader->secrets;
}

/* What a person would call the word there: what is in the quotes, or all up to a blank or a mark
 * of the syntax, or that mark. A tab is named, for it cannot be seen. */
static void copy_word(const struct ms_document_reader *reader, size_t offset, char *buf,
		      size_t size)
{
	const char *at = reader->text + offset;
	size_t rest = reader->length - offset, length = 0;

	if (may_be_secret(reader, offset)) {
		snprintf(buf, size, "%.*s", rest > 0 && memchr("[]{}", *at, 4) ? 1 : 0, at);
		return;
	}
	if (rest > 0 && *at == '\t') {
		snprintf(buf, size, "\\t");
		return;
	}
	if (rest > 0 && (*at == '"' || *at == '\''))
		length = measure_quoted(at, rest);
	if (length > 0) {
		at++;
	} else {
		while (length < rest && !memchr(" \t\r\n,[]{}\"'", at[length], 11))
			length++;
		if (length == 0 && rest > 0 && (unsigned char)*at > ' ')
			length = 1;
		if (length > 1 && at[length - 1] == ':')
			length--; /* of a key */
	}
	snprintf(buf, size, "%.*s", (int)(length < size ? length : size - 1), at);
}

static size_t find_offset(const struct ms_document_reader *reader, struct ms_place place)
{
	const char *p = reader->text, *end = reader->text + reader->length;

	for (unsigned int line = 1; line < place.line; line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		if (!newline)
			return reader->length;
		p = newline + 1;
	}
	return place.column - 1 < (size_t)(end - p) ? (size_t)(p - reader->text) + place.column - 1
						    : reader->length;
}

const char *ms_document_reader_word(const struct ms_document_reader *reader)
{
	return may_be_secret(reader, find_offset(reader, reader->place)) ? "" : reader->value;
}

const char *ms_document_reader_key(const struct ms_document_reader *reader, const char *key,
				   struct ms_place place, char *buf, size_t size)
{
	size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (!reader->secrets || !may_be_secret(reader, find_offset(reader, place)))
		return key;
	if (length > KEY_SHOWN)
		length = KEY_SHOWN;
	if (key[0] >= '0' && key[0] <= '9')
		length = 0;
	if (key[length] == '\0')
		return key;
	snprintf(buf, size, "%.*s...", (int)length, key);
	return buf;
}

int ms_document_reader_refuse_written(struct ms_document_reader *reader, struct ms_place place,
				      const char *format, ...)
{
	char word[128];
	va_list args;
	int r;

	copy_word(reader, find_offset(reader, place), word, sizeof(word));
	va_start(args, format);
	r = refuse(reader, place, word, format, args);
	va_end(args);
	return r;
}

int ms_document_reader_refuse_at(struct ms_document_reader *reader, size_t offset,
				 const char *format, ...)
{
	struct ms_place place = ms_document_reader_place(reader, offset);
	char word[128];
	va_list args;
	int r;

	copy_word(reader, offset < reader->length ? offset : reader->length, word, sizeof(word));
	va_start(args, format);
	r = refuse(reader, place, word, format, args);
	va_end(args);
	return r;
}

/* ---- bytes ---- */

/* Characters that make a document read otherwise than it looks, or break lines unseen. */
static bool is_deceptive(uint32_t c)
{
	return c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || (c >= 0x200b && c <= 0x200f) || c == 0xfeff ||
	       (c & 0xfffe) == 0xfffe;
}

/* What is wrong with a character wherever it stands, NULL = nothing. */
static const char *complain(uint32_t c)
{
	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0))
		return "a control character";
	if (is_deceptive(c))
		return "an invisible character that changes how the text reads";
	return NULL;
}

static int refuse_character(struct ms_document_reader *reader, size_t offset, uint32_t c,
			    const char *message)
{
	char word[16];

	snprintf(word, sizeof(word), "U+%04X", c);
	return ms_document_reader_refuse(reader, ms_document_reader_place(reader, offset), word,
					 "%s", message);
}

/* How many bytes from `p` on are printable ASCII, of which nothing is to be said; eight are looked
 * at in one step: none has or gets its highest bit when 1 is added or, for those below ' ', 32
 * taken away. */
static size_t span_printable(const unsigned char *p, size_t length)
{
	const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= length; i += sizeof(uint64_t)) {
		uint64_t eight;

		memcpy(&eight, p + i, sizeof(eight));
		if ((eight | (eight + ones) | (eight - 0x20 * ones)) & high)
			break;
	}
	while (i < length && p[i] >= 0x20 && p[i] < 0x7f)
		i++;
	return i;
}

static int check_line(struct ms_document_reader *reader, size_t start, size_t end)
{
	const unsigned char *p = (const unsigned char *)reader->text;

	if (!reader->json && end - start > MS_DOCUMENT_LINE_MAX)
		return ms_document_reader_refuse(
			reader, ms_document_reader_place(reader, start), "",
			"a line of more than 1 MiB: put every rule and every few members of a set "
			"on a line of their own");
	for (size_t i = start + span_printable(p + start, end - start); i < end;
	     i += span_printable(p + i, end - i)) {
		const char *complaint;
		uint32_t c;
		size_t length;

		length = ms_utf8_decode(p + i, reader->length - i, &c);
		if (length == 0) {
			char word[8];

			snprintf(word, sizeof(word), "\\x%02x", p[i]);
			return ms_document_reader_refuse(
				reader, ms_document_reader_place(reader, i), word, "not UTF-8");
		}
		if (i == 0 && c == 0xfeff)
			return refuse_character(reader, i, c,
						"a byte order mark: save the file as plain UTF-8");
		if (c == '\r' && !(i + 1 < reader->length && p[i + 1] == '\n'))
			return refuse_character(reader, i, c,
						"a carriage return without a line feed");
		complaint = complain(c);
		if (complaint)
			return refuse_character(reader, i, c, complaint);
		i += length;
	}
	return 0;
}

/* libfyaml stops silently at NUL and at bytes that are not UTF-8, and takes what came before for
 * the document. */
static int check_bytes(struct ms_document_reader *reader)
{
	int r = 0;

	for (size_t start = 0, end; r == 0 && start < reader->length; start = end + 1) {
		const char *newline = memchr(reader->text + start, '\n', reader->length - start);

		end = newline ? (size_t)(newline - reader->text) : reader->length;
		r = check_line(reader, start, end);
	}
	return r;
}

/* ---- events ---- */

int ms_document_reader_set_value(struct ms_document_reader *reader, size_t offset,
				 const char *bytes, size_t length)
{
	if (length > MS_DOCUMENT_VALUE_MAX)
		return ms_document_reader_refuse_at(reader, offset, "a value of more than %d bytes",
						    MS_DOCUMENT_VALUE_MAX);
	/* Escapes can still make what the bytes of the document may not be. */
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
			return ms_document_reader_refuse_at(
				reader, offset, "a value with a line break or control character");
	}
	memcpy(reader->buffer, bytes, length);
	reader->buffer[length] = '\0';
	return 0;
}

static bool is_json_name(const char *name)
{
	size_t length = strlen(name);

	return length >= 5 && strcmp(name + length - 5, ".json") == 0;
}

int ms_document_reader_open(struct ms_document_reader *reader, const char *name, const char *text,
			    size_t length, struct ms_error *err)
{
	int r;

	*reader = (struct ms_document_reader) {
		.name = name,
		.text = text,
		.length = length,
		.err = err,
		.secrets = reader->secrets,
		.known_line = 1,
		.buffer = malloc(MS_DOCUMENT_VALUE_MAX + 1),
	};
	if (!reader->buffer)
		return -ENOMEM;
	reader->buffer[0] = '\0';
	reader->value = reader->buffer;
	/* It stands in every verdict that a rule of this document gives. */
	if (!ms_utf8_is_line(name))
		return ms_error_set_at(
			err, -EINVAL, name, 0, 0, NULL,
			"the name of a document is UTF-8 without control characters");
	if (is_json_name(name)) {
		r = ms_document_json_open(reader);
		return r < 0 ? r : check_bytes(reader);
	}
	r = check_bytes(reader);
	if (r == 0)
		r = ms_document_yaml_open(reader);
	if (r == 0 && length >= MS_DOCUMENT_AHEAD_MIN)
		ms_document_ahead_open(reader);
	return r;
}

void ms_document_reader_close(struct ms_document_reader *reader)
{
	ms_document_ahead_close(reader);
	ms_document_yaml_close(reader);
	ms_document_json_close(reader);
	free(reader->buffer);
	*reader = (struct ms_document_reader) { 0 };
}

int ms_document_reader_next(struct ms_document_reader *reader)
{
	bool opens;
	int r;

	if (reader->event == MS_DOCUMENT_MAPPING || reader->event == MS_DOCUMENT_SEQUENCE)
		reader->depth++;
	reader->is_null = reader->is_quoted = false;
	r = reader->ahead  ? ms_document_ahead_next(reader)
	    : reader->json ? ms_document_json_next(reader)
			   : ms_document_yaml_next(reader);
	if (r < 0)
		return r;
	opens = reader->event == MS_DOCUMENT_MAPPING || reader->event == MS_DOCUMENT_SEQUENCE;
	if (reader->event == MS_DOCUMENT_MAPPING_END || reader->event == MS_DOCUMENT_SEQUENCE_END)
		reader->depth--;
	if (opens && reader->depth >= MS_DOCUMENT_DEPTH_MAX)
		return ms_document_reader_refuse(reader, reader->place,
						 reader->event == MS_DOCUMENT_MAPPING ? "{" : "[",
						 "nested more than %d deep", MS_DOCUMENT_DEPTH_MAX);
	return 0;
}
