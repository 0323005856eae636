/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document_words.h"

#include <string.h>

#include "core/policy/document_schema.h"

/* What YAML reads as the same text without quotes, in a flow mapping too. */
static bool is_plain(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";

	return strchr(letters, text[0]) && text[0] != '-' && text[0] != '\0' &&
	       text[strspn(text, letters)] == '\0' && !ms_document_schema_is_typed(text);
}

void ms_document_words_quoted(const struct ms_document_words *writer, const char *text)
{
	fputc('"', writer->out);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', writer->out);
		fputc(*p, writer->out);
	}
	fputc('"', writer->out);
}

void ms_document_words_text(const struct ms_document_words *writer, const char *text)
{
	if (!writer->json && is_plain(text))
		fputs(text, writer->out);
	else
		ms_document_words_quoted(writer, text);
}

/* A number, boolean or one of our own words. */
void ms_document_words_word(const struct ms_document_words *writer, const char *word)
{
	if (writer->json && !ms_document_schema_is_typed(word))
		ms_document_words_quoted(writer, word);
	else
		fputs(word, writer->out);
}

void ms_document_words_key(const struct ms_document_words *writer, const char *key)
{
	/* A plugin may call an argument `on`, which is a boolean to many readers of YAML. */
	if (writer->json || ms_document_schema_is_typed(key))
		fprintf(writer->out, "\"%s\": ", key);
	else
		fprintf(writer->out, "%s: ", key);
}

/* The comma in front of all but the first of a mapping's keys. */
void ms_document_words_next_key(const struct ms_document_words *writer, bool *is_first,
				const char *key)
{
	if (!*is_first)
		fputs(", ", writer->out);
	*is_first = false;
	ms_document_words_key(writer, key);
}

/* One stands for itself, several are a list. */
void ms_document_words_open_list(const struct ms_document_words *writer, size_t count)
{
	if (count != 1)
		fputc('[', writer->out);
}

void ms_document_words_comma(const struct ms_document_words *writer, size_t i)
{
	if (i > 0)
		fputs(", ", writer->out);
}

void ms_document_words_close_list(const struct ms_document_words *writer, size_t count)
{
	if (count != 1)
		fputc(']', writer->out);
}
