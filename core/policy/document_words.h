/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a document word by word: quotes where YAML or JSON need them, lists, keys. */
#ifndef MS_CORE_POLICY_DOCUMENT_WORDS_H
#define MS_CORE_POLICY_DOCUMENT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ms_document_words {
	FILE *out; /* borrowed */
	bool json;
};

/* Text of any kind: in quotes, or only where it needs them. */
void ms_document_words_quoted(const struct ms_document_words *writer, const char *text);
void ms_document_words_text(const struct ms_document_words *writer, const char *text);
/* A number, boolean or one of our own words. */
void ms_document_words_word(const struct ms_document_words *writer, const char *word);
void ms_document_words_key(const struct ms_document_words *writer, const char *key);
/* The comma in front of all but the first of a mapping's keys. */
void ms_document_words_next_key(const struct ms_document_words *writer, bool *is_first,
				const char *key);
/* One stands for itself, several are a list. */
void ms_document_words_open_list(const struct ms_document_words *writer, size_t count);
void ms_document_words_comma(const struct ms_document_words *writer, size_t i);
void ms_document_words_close_list(const struct ms_document_words *writer, size_t count);

#endif
