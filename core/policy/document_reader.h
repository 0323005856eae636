/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A document as a stream of events, YAML or strict JSON alike, each with its place. What no
 * document may contain is refused here, whatever its schema: bytes that are not UTF-8, control
 * characters, a byte order mark, directives, tags, anchors, aliases, a second document, nesting
 * and values without end. Memory is bounded by the longest line, not by the document. A long YAML
 * document is read ahead by a thread (document_ahead.h): its text must stay until the reader is
 * closed.
 *
 * Every function returns 0 or -errno; on failure the reader's `err` has the sentence and the
 * reader can only be closed.
 */
#ifndef MS_CORE_POLICY_DOCUMENT_READER_H
#define MS_CORE_POLICY_DOCUMENT_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/policy/model.h"

#define MS_DOCUMENT_DEPTH_MAX 16        /* the language needs 7 */
#define MS_DOCUMENT_VALUE_MAX 1024      /* bytes of one scalar */
#define MS_DOCUMENT_LINE_MAX (1u << 20) /* bytes of one line of YAML: it is held in memory */

enum ms_document_event {
	MS_DOCUMENT_END,
	MS_DOCUMENT_SCALAR,
	MS_DOCUMENT_MAPPING,
	MS_DOCUMENT_MAPPING_END,
	MS_DOCUMENT_SEQUENCE,
	MS_DOCUMENT_SEQUENCE_END,
};

struct ms_document_ahead;
struct ms_document_yaml;
struct ms_document_json;

struct ms_document_reader {
	const char *name; /* borrowed, as shown in messages */
	const char *text; /* borrowed */
	size_t length;
	struct ms_error *err;  /* borrowed, may be NULL */
	enum ms_source source; /* of origins; set by whoever opened it */
	/* Borrowed, set before it is opened: from here in `text` on there may be secrets. No
	 * refusal repeats a value there, but that of a known key of a known kind, nor more of a key
	 * than ms_document_reader_key(). NULL = nowhere. */
	const char *secrets;

	/* The current event. */
	enum ms_document_event event;
	struct ms_place place;
	char *value;    /* of a scalar, NUL-terminated, valid until the next event */
	bool is_quoted; /* of a scalar: text, whatever it looks like */
	bool is_null;   /* of a scalar: null, ~ or nothing at all */
	unsigned int depth;

	/* Private to the files of the reader. */
	char *buffer;  /* owned: room for a value */
	size_t offset; /* where the last event ended */
	/* Lines are counted up to known_offset; places are counted on from there. */
	size_t known_offset, known_line_start;
	unsigned int known_line;
	struct ms_document_yaml *yaml;
	struct ms_document_json *json;
	struct ms_document_ahead *ahead;
};

/* A name ending in .json is strict JSON. Stops in front of the first event. Close it even if this
 * fails. */
int ms_document_reader_open(struct ms_document_reader *reader, const char *name, const char *text,
			    size_t length, struct ms_error *err);
void ms_document_reader_close(struct ms_document_reader *reader);
int ms_document_reader_next(struct ms_document_reader *reader);

/* Refuses: -EINVAL, after telling `err` this place and word. */
int ms_document_reader_refuse(struct ms_document_reader *reader, struct ms_place place,
			      const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with the word that is written at `place`: for a list or mapping its first mark, for a
 * value the letters that stand there, not what they were read as. None where secrets may be. */
int ms_document_reader_refuse_written(struct ms_document_reader *reader, struct ms_place place,
				      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The value that the reader is at for a refusal to repeat, "" where secrets may be. */
const char *ms_document_reader_word(const struct ms_document_reader *reader);

/* `key`, which stands at `place`, for a refusal to repeat: where secrets may be, as much of it as
 * looks like a word of ours, and "..." for the rest, for which `buf` is. */
const char *ms_document_reader_key(const struct ms_document_reader *reader, const char *key,
				   struct ms_place place, char *buf, size_t size);

/* ---- for document_yaml.c and document_json.c ---- */

struct ms_place ms_document_reader_place(struct ms_document_reader *reader, size_t offset);
/* Refuses the word that stands at `offset`; it is not told where secrets may be. */
int ms_document_reader_refuse_at(struct ms_document_reader *reader, size_t offset,
				 const char *format, ...) __attribute__((format(printf, 3, 4)));
int ms_document_reader_set_value(struct ms_document_reader *reader, size_t offset,
				 const char *bytes, size_t length);

int ms_document_yaml_open(struct ms_document_reader *reader);
void ms_document_yaml_close(struct ms_document_reader *reader);
int ms_document_yaml_next(struct ms_document_reader *reader);
int ms_document_json_open(struct ms_document_reader *reader);
void ms_document_json_close(struct ms_document_reader *reader);
int ms_document_json_next(struct ms_document_reader *reader);

#endif
