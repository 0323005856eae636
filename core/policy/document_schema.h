/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How documents say things, whatever they are about: mappings with known keys, lists that one
 * value may stand for, words out of a few, texts, numbers, durations. Shared by policy documents
 * and the configuration file.
 *
 * A function that reads a value is entered with the reader at the value's first event and returns
 * with it at the value's last. 0 or -errno, the reader's `err` set.
 */
#ifndef MS_CORE_POLICY_DOCUMENT_SCHEMA_H
#define MS_CORE_POLICY_DOCUMENT_SCHEMA_H

#include <stdint.h>

#include "core/policy/document_reader.h"

#define MS_DOCUMENT_KEYS_MAX 32

struct ms_document_key {
	const char *name;
	int (*read)(struct ms_document_reader *reader, void *into);
	bool is_required;
};

/*
 * A mapping of exactly these keys. `what` is said in messages ("a rule"). `places`, if given, has
 * as many elements as `keys` and gets where each key stands; line 0 = absent.
 */
int ms_document_schema_mapping(struct ms_document_reader *reader, const char *what,
			       const struct ms_document_key *keys, size_t n_keys,
			       struct ms_place *places, void *into);

/* The reader is at the end of the mapping that began at `start`. What follows is looked at first:
 * if it is no YAML, a line pushed out of the mapping is why the key is missing. */
int ms_document_schema_refuse_missing(struct ms_document_reader *reader, struct ms_place start,
				      const char *what, const char *key);

/* A mapping whose keys are names: `read` is called with the reader at the value; key and its place
 * are the reader's owner's to use only during the call. */
int ms_document_schema_entries(struct ms_document_reader *reader, const char *what,
			       int (*read)(struct ms_document_reader *reader, const char *key,
					   struct ms_place place, void *into),
			       void *into);

/* The same where `{}` says something too. */
int ms_document_schema_entries_or_none(struct ms_document_reader *reader, const char *what,
				       int (*read)(struct ms_document_reader *reader,
						   const char *key, struct ms_place place,
						   void *into),
				       void *into);

/* One value or a list of at least one; `read_item` is called for each. */
int ms_document_schema_list(struct ms_document_reader *reader, const char *what,
			    int (*read_item)(struct ms_document_reader *reader, void *into),
			    void *into);
/* The same, and the list may be empty. */
int ms_document_schema_list_or_none(struct ms_document_reader *reader, const char *what,
				    int (*read_item)(struct ms_document_reader *reader, void *into),
				    void *into);

/* The reader is at a scalar that is not null, or `wants` ("a port") is what it should have been.
 */
int ms_document_schema_scalar(struct ms_document_reader *reader, const char *wants);
/* One of `words`; `*ret_index` says which. */
int ms_document_schema_word(struct ms_document_reader *reader, const char *wants,
			    const char *const *words, size_t n_words, unsigned int *ret_index);
/* A text: in quotes, or a plain word YAML would not take for a number, a boolean or nothing. */
int ms_document_schema_text(struct ms_document_reader *reader, const char *wants);
/* A text of lower-case letters, digits and `marks`, beginning with a letter or digit. */
int ms_document_schema_name(struct ms_document_reader *reader, const char *wants, const char *marks,
			    size_t max);
/* A whole number, not in quotes. */
int ms_document_schema_number(struct ms_document_reader *reader, const char *wants, uint64_t min,
			      uint64_t max, uint64_t *ret_value);
int ms_document_schema_duration(struct ms_document_reader *reader, uint64_t min_ns, uint64_t max_ns,
				uint64_t *ret_ns);

bool ms_document_schema_is_name(const char *text, const char *marks, size_t max);

/* Refuses the scalar the reader is at as no `what`, with the word that was probably meant. */
int ms_document_schema_refuse_word(struct ms_document_reader *reader, const char *what,
				   const char *const *words, size_t n_words);

/* Whether YAML's core schema (or the 1.1 one of many heads) reads the plain word as no text. */
bool ms_document_schema_is_typed(const char *word);

#endif
