/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/document_hint.h"
#include "core/policy/name_index.h"

/* ---- mappings ---- */

/* The place and the word of a value that is missing: the key's, which is all there is. */
static int refuse_null(struct ms_document_reader *reader, const char *key, struct ms_place place)
{
	if (reader->value[0] != '\0')
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is null; leave the key out instead", key);
	return ms_document_reader_refuse(reader, place, key, "'%s' has no value", key);
}

static int refuse_type(struct ms_document_reader *reader, const char *wants)
{
	const char *word;

	switch (reader->event) {
	case MS_DOCUMENT_MAPPING:
		return ms_document_reader_refuse_written(reader, reader->place,
							 "%s expected, not a mapping", wants);
	case MS_DOCUMENT_SEQUENCE:
		return ms_document_reader_refuse_written(reader, reader->place,
							 "%s expected, not a list", wants);
	default:
		word = ms_document_reader_word(reader);
		if (!word[0])
			return ms_document_reader_refuse(reader, reader->place, word,
							 "%s expected, not a single value", wants);
		return ms_document_reader_refuse(reader, reader->place, word,
						 "%s expected, not '%s'", wants, word);
	}
}

static int check_key(struct ms_document_reader *reader, const char *what)
{
	if (reader->event != MS_DOCUMENT_SCALAR)
		return refuse_type(reader, "a key");
	if (reader->is_null)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "a key of %s is null", what);
	if (!reader->is_quoted && strcmp(reader->value, "<<") == 0)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "merge keys are not part of the language");
	return 0;
}

static int enter_mapping(struct ms_document_reader *reader, const char *what)
{
	char wants[96];

	if (reader->event == MS_DOCUMENT_MAPPING)
		return ms_document_reader_next(reader);
	snprintf(wants, sizeof(wants), "a mapping ({ key: value }) for %s", what);
	return refuse_type(reader, wants);
}

static int refuse_key(struct ms_document_reader *reader, const char *what,
		      const struct ms_document_key *keys, size_t n_keys)
{
	const char *names[MS_DOCUMENT_KEYS_MAX];
	const char *meant, *key;
	char buf[32];

	for (size_t i = 0; i < n_keys; i++)
		names[i] = keys[i].name;
	meant = ms_document_hint_find(reader->value, names, n_keys);
	key = ms_document_reader_key(reader, reader->value, reader->place, buf, sizeof(buf));
	if (meant)
		return ms_document_reader_refuse(reader, reader->place, key,
						 "unknown key '%s' in %s, did you mean '%s'?", key,
						 what, meant);
	return ms_document_reader_refuse(reader, reader->place, key, "unknown key '%s' in %s", key,
					 what);
}

/* The reader is at a key; leaves it at the value's last event. */
static int read_pair(struct ms_document_reader *reader, const char *what,
		     const struct ms_document_key *keys, size_t n_keys, struct ms_place *places,
		     void *into)
{
	struct ms_place place = reader->place;
	size_t i = 0;
	int r = check_key(reader, what);

	if (r < 0)
		return r;
	while (i < n_keys &&
	       (reader->value[0] != keys[i].name[0] || strcmp(reader->value, keys[i].name) != 0))
		i++;
	if (i == n_keys)
		return refuse_key(reader, what, keys, n_keys);
	if (places[i].line)
		return ms_document_reader_refuse(reader, place, reader->value,
						 "'%s' is there already, on line %u", reader->value,
						 places[i].line);
	places[i] = place;
	r = ms_document_reader_next(reader);
	if (r < 0)
		return r;
	if (reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
		return refuse_null(reader, keys[i].name, place);
	return keys[i].read(reader, into);
}

int ms_document_schema_refuse_missing(struct ms_document_reader *reader, struct ms_place start,
				      const char *what, const char *key)
{
	int r = ms_document_reader_next(reader);

	if (r < 0)
		return r;
	return ms_document_reader_refuse(reader, start, key, "%s has no '%s'", what, key);
}

int ms_document_schema_mapping(struct ms_document_reader *reader, const char *what,
			       const struct ms_document_key *keys, size_t n_keys,
			       struct ms_place *places, void *into)
{
	struct ms_place own_places[MS_DOCUMENT_KEYS_MAX] = { 0 };
	struct ms_place start = reader->place;
	int r = enter_mapping(reader, what);

	if (!places)
		places = own_places;
	for (size_t i = 0; i < n_keys; i++)
		places[i] = (struct ms_place) { 0 };
	while (r == 0 && reader->event != MS_DOCUMENT_MAPPING_END) {
		r = read_pair(reader, what, keys, n_keys, places, into);
		if (r == 0)
			r = ms_document_reader_next(reader);
	}
	for (size_t i = 0; r == 0 && i < n_keys; i++) {
		if (keys[i].is_required && !places[i].line)
			return ms_document_schema_refuse_missing(reader, start, what, keys[i].name);
	}
	return r;
}

static int read_entries(struct ms_document_reader *reader, const char *what, bool may_be_empty,
			int (*read)(struct ms_document_reader *reader, const char *key,
				    struct ms_place place, void *into),
			void *into)
{
	struct ms_place start = reader->place;
	bool is_empty = true;
	int r = enter_mapping(reader, what);

	while (r == 0 && reader->event != MS_DOCUMENT_MAPPING_END) {
		struct ms_place place = reader->place;
		char key[MS_DOCUMENT_VALUE_MAX + 1], buf[32];
		const char *shown;

		r = check_key(reader, what);
		if (r < 0)
			return r;
		snprintf(key, sizeof(key), "%s", reader->value);
		shown = ms_document_reader_key(reader, key, place, buf, sizeof(buf));
		if (!reader->is_quoted && ms_document_schema_is_typed(key))
			return ms_document_reader_refuse(reader, place, shown,
							 "'%s' is not text here: put it in quotes",
							 shown);
		r = ms_document_reader_next(reader);
		if (r == 0 && reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
			return refuse_null(reader, shown, place);
		if (r == 0)
			r = read(reader, key, place, into);
		if (r == 0)
			r = ms_document_reader_next(reader);
		is_empty = false;
	}
	if (r == 0 && is_empty && !may_be_empty)
		return ms_document_reader_refuse(reader, start, "{}",
						 "%s is empty; leave the key out instead", what);
	return r;
}

int ms_document_schema_entries(struct ms_document_reader *reader, const char *what,
			       int (*read)(struct ms_document_reader *reader, const char *key,
					   struct ms_place place, void *into),
			       void *into)
{
	return read_entries(reader, what, false, read, into);
}

int ms_document_schema_entries_or_none(struct ms_document_reader *reader, const char *what,
				       int (*read)(struct ms_document_reader *reader,
						   const char *key, struct ms_place place,
						   void *into),
				       void *into)
{
	return read_entries(reader, what, true, read, into);
}

/* ---- lists ---- */

static int read_list(struct ms_document_reader *reader, const char *what, bool may_be_empty,
		     int (*read_item)(struct ms_document_reader *reader, void *into), void *into)
{
	struct ms_place start = reader->place;
	int r;

	if (reader->event != MS_DOCUMENT_SEQUENCE)
		return read_item(reader, into);
	r = ms_document_reader_next(reader);
	if (r == 0 && reader->event == MS_DOCUMENT_SEQUENCE_END && !may_be_empty)
		return ms_document_reader_refuse(
			reader, start, "[]", "the list of %s is empty; leave the key out instead",
			what);
	while (r == 0 && reader->event != MS_DOCUMENT_SEQUENCE_END) {
		if (reader->event == MS_DOCUMENT_SEQUENCE)
			return ms_document_reader_refuse_written(reader, reader->place,
								 "a list in the list of %s", what);
		if (reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value[0] ? reader->value : "-",
				"nothing stands here in the list of %s", what);
		r = read_item(reader, into);
		if (r == 0)
			r = ms_document_reader_next(reader);
	}
	return r;
}

int ms_document_schema_list(struct ms_document_reader *reader, const char *what,
			    int (*read_item)(struct ms_document_reader *reader, void *into),
			    void *into)
{
	return read_list(reader, what, false, read_item, into);
}

int ms_document_schema_list_or_none(struct ms_document_reader *reader, const char *what,
				    int (*read_item)(struct ms_document_reader *reader, void *into),
				    void *into)
{
	return read_list(reader, what, true, read_item, into);
}

/* ---- scalars ---- */

int ms_document_schema_scalar(struct ms_document_reader *reader, const char *wants)
{
	return reader->event == MS_DOCUMENT_SCALAR ? 0 : refuse_type(reader, wants);
}

int ms_document_schema_refuse_word(struct ms_document_reader *reader, const char *what,
				   const char *const *words, size_t n_words)
{
	const char *meant = ms_document_hint_find(reader->value, words, n_words);

	if (meant)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is not %s, did you mean %s?", reader->value,
						 what, meant);
	return ms_document_reader_refuse(reader, reader->place, reader->value, "'%s' is not %s",
					 reader->value, what);
}

int ms_document_schema_word(struct ms_document_reader *reader, const char *wants,
			    const char *const *words, size_t n_words, unsigned int *ret_index)
{
	int r = ms_document_schema_scalar(reader, wants);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_words; i++) {
		if (strcmp(reader->value, words[i]) == 0) {
			*ret_index = (unsigned int)i;
			return 0;
		}
	}
	return ms_document_schema_refuse_word(reader, wants, words, n_words);
}

bool ms_document_schema_is_typed(const char *word)
{
	static const char *const words[] = { "true", "false", "yes",   "no",   "on",
					     "off",  "y",     "n",     "null", "~",
					     ".inf", "-.inf", "+.inf", ".nan" };
	const char *p = word;
	size_t digits;

	if (*p != '\0' && !strchr("tTfFyYnNoO~.+-0123456789", *p))
		return false; /* nearly all texts */
	for (size_t i = 0; i < ms_array_size(words); i++) {
		if (strcasecmp(word, words[i]) == 0)
			return true;
	}
	if (*p == '+' || *p == '-')
		p++;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'o') && p[2] != '\0')
		return p[2 + strspn(p + 2, "0123456789abcdefABCDEF")] == '\0';
	digits = strspn(p, "0123456789");
	p += digits;
	if (*p == '.') {
		p++;
		digits += strspn(p, "0123456789");
		p += strspn(p, "0123456789");
	}
	if (digits == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (*p == '\0')
			return false;
		p += strspn(p, "0123456789");
	}
	return *p == '\0';
}

int ms_document_schema_text(struct ms_document_reader *reader, const char *wants)
{
	int r = ms_document_schema_scalar(reader, wants);

	if (r == 0 && !reader->is_quoted && ms_document_schema_is_typed(reader->value))
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "%s expected, and '%s' is not text: put it in "
						 "quotes",
						 wants, reader->value);
	if (r == 0 && reader->value[0] == '\0')
		return ms_document_reader_refuse(reader, reader->place, "\"\"",
						 "%s expected, not an empty text", wants);
	return r;
}

static bool is_name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool ms_document_schema_is_name(const char *text, const char *marks, size_t max)
{
	size_t length = strlen(text);

	if (length == 0 || length > max || !is_name_letter(text[0]))
		return false;
	for (const char *p = text; *p; p++) {
		if (!is_name_letter(*p) && !strchr(marks, *p))
			return false;
	}
	return true;
}

int ms_document_schema_name(struct ms_document_reader *reader, const char *wants, const char *marks,
			    size_t max)
{
	int r = ms_document_schema_text(reader, wants);

	if (r == 0 && !ms_document_schema_is_name(reader->value, marks, max))
		return ms_document_reader_refuse(
			reader, reader->place, reader->value,
			"'%s' is not %s: up to %zu lower-case letters, digits and %s behind the "
			"first",
			reader->value, wants, max, marks);
	return r;
}

int ms_document_schema_number(struct ms_document_reader *reader, const char *wants, uint64_t min,
			      uint64_t max, uint64_t *ret_value)
{
	int r = ms_document_schema_scalar(reader, wants);

	if (r < 0)
		return r;
	if (reader->is_quoted)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "%s expected, not a text: no quotes", wants);
	if (!ms_parse_uint(reader->value, min, max, ret_value))
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is not %s", reader->value, wants);
	return 0;
}

int ms_document_schema_duration(struct ms_document_reader *reader, uint64_t min_ns, uint64_t max_ns,
				uint64_t *ret_ns)
{
	char low[32], high[32];
	uint64_t ns;
	int r = ms_document_schema_scalar(reader, "a duration like 10s, 5m or 24h");

	if (r < 0)
		return r;
	if (!ms_parse_duration(reader->value, &ns))
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is not a duration like 10s, 5m or 24h",
						 reader->value);
	if (ns < min_ns || ns > max_ns)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "'%s' is not between %s and %s", reader->value,
						 ms_format_duration(min_ns, low, sizeof(low)),
						 ms_format_duration(max_ns, high, sizeof(high)));
	*ret_ns = ns;
	return 0;
}
