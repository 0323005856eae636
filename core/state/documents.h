/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy documents as text, in order: what is read from the policy directory, what a client sends,
 * and what the state directory keeps. Parsing them is core/policy/document's business.
 */
#ifndef MS_CORE_STATE_DOCUMENTS_H
#define MS_CORE_STATE_DOCUMENTS_H

#include <stddef.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_document {
	char *name; /* as shown in messages: "10-db.yaml" */
	char *text;
	size_t length;
};

struct ms_documents {
	struct ms_document *items;
	size_t count;
};

#define MS_DOCUMENTS_INIT                                                                          \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* Frees what it owns, leaves an empty list. */
void ms_documents_fini(struct ms_documents *documents);
/* Appends copies. -ENOMEM */
int ms_documents_add(struct ms_documents *documents, const char *name, const char *text,
		     size_t length);
int ms_documents_copy(const struct ms_document *items, size_t count,
		      struct ms_documents *ret_documents);
/* A file, or every *.yaml, *.yml and *.json of a directory in byte order of name. -ENOENT if
 * `path` is absent, with a sentence, and only then: a link that points nowhere, a file that went
 * while it was read are other errors. An empty directory is an empty list. */
int ms_documents_read(const char *path, struct ms_documents *ret_documents, struct ms_error *err);
/* All of them parsed into one policy; `*ret_policy` is new. */
int ms_documents_parse(const struct ms_documents *documents, enum ms_source source,
		       struct ms_policy **ret_policy, struct ms_error *err);
/* The form in which they are kept in a file. -EINVAL: a name or a text is not UTF-8 or has a NUL;
 * whether `out` took it all is the caller's to ask. */
int ms_documents_encode(const struct ms_documents *documents, FILE *out);
/* -EINVAL: it is not what ms_documents_encode() writes of some documents. -ENOMEM */
int ms_documents_decode(const char *text, size_t length, struct ms_documents *ret_documents);
/* "a.yaml b.yaml", cut to fit. Returns `buf`. */
char *ms_documents_names(const struct ms_documents *documents, char *buf, size_t size);

#endif
