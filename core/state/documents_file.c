/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file form of struct ms_documents: a JSON array of names and texts. It is written as it goes:
 * a tree and a text of it are twice what a policy of many rules takes, and ten times the work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"
#include "core/state/documents.h"

static bool stands_for_itself(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What does not stand for itself; returns how many bytes it was, 0 = that no text can hold. */
static size_t encode_character(const unsigned char *p, size_t rest, FILE *out)
{
	uint32_t c;
	size_t length = ms_utf8_decode(p, rest, &c);

	if (length == 0 || c == 0)
		return 0;
	if (c == '\n')
		fputs_unlocked("\\n", out);
	else if (c == '\t')
		fputs_unlocked("\\t", out);
	else if (c == '\r')
		fputs_unlocked("\\r", out);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (char)c);
	else if (c < 0x20)
		fprintf(out, "\\u%04x", c);
	else
		fwrite_unlocked(p, 1, length, out);
	return length;
}

static int encode_string(const char *text, size_t length, FILE *out)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i = 0;

	putc_unlocked('"', out);
	while (i < length) {
		size_t plain = i, step;

		while (plain < length && stands_for_itself(p[plain]))
			plain++;
		fwrite_unlocked(p + i, 1, plain - i, out);
		if (plain == length)
			break;
		step = encode_character(p + plain, length - plain, out);
		if (step == 0)
			return -EINVAL;
		i = plain + step;
	}
	putc_unlocked('"', out);
	return 0;
}

int ms_documents_encode(const struct ms_documents *documents, FILE *out)
{
	int r = 0;

	fputs("[", out);
	for (size_t i = 0; r == 0 && i < documents->count; i++) {
		const struct ms_document *document = &documents->items[i];

		fputs(i ? ",\n {\n  \"name\": " : "\n {\n  \"name\": ", out);
		r = encode_string(document->name, strlen(document->name), out);
		fputs(",\n  \"text\": ", out);
		if (r == 0)
			r = encode_string(document->text, document->length, out);
		fputs("\n }", out);
	}
	fputs("\n]", out);
	return r;
}

int ms_documents_decode(const char *text, size_t length, struct ms_documents *ret_documents)
{
	json_error_t problem;
	json_auto_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	json_t *item;
	size_t i;

	/* No documents at all are never saved. */
	if (!json_is_array(root) || json_array_size(root) == 0)
		return -EINVAL;
	json_array_foreach (root, i, item) {
		const char *name, *body;
		size_t body_length;
		int r = -EINVAL;

		if (json_unpack(item, "{s:s, s:s%}", "name", &name, "text", &body, &body_length) ==
		    0)
			r = ms_documents_add(&documents, name, body, body_length);
		if (r < 0) {
			ms_documents_fini(&documents);
			return r;
		}
	}
	*ret_documents = documents;
	return 0;
}
