/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy documents (YAML 1.2 or strict JSON) to and from struct ms_policy. Strict: everything the
 * language does not say is refused with file:line:column and the offending word. Read through
 * libfyaml's parser events, never a document tree, so 100k rules stay cheap. Pure but for reading
 * the file.
 *
 * Checks what one document can know. What needs the whole policy (unknown group or set, duplicates
 * over files) is merge.h's.
 */
#ifndef MS_CORE_POLICY_DOCUMENT_H
#define MS_CORE_POLICY_DOCUMENT_H

#include <stdio.h>

#include "core/base/error.h"
#include "core/policy/model.h"

#define MS_DOCUMENT_SIZE_MAX ((size_t)256 << 20)

/* Appends the document's contents to `policy`, which is untouched on failure. `name` is shown in
 * messages and origins; a name ending in .json must be strict JSON. */
int ms_document_parse(const char *name, const char *text, size_t length, enum ms_source source,
		      struct ms_policy *policy, struct ms_error *err);
/* The same from a file; the shown name is the path's last component. Regular files up to 256 MiB.
 */
int ms_document_parse_file(const char *path, enum ms_source source, struct ms_policy *policy,
			   struct ms_error *err);
/* Every *.yaml, *.yml, *.json of a directory in byte order of name, and `path` itself if it is a
 * file. Appends to `policy`, untouched on failure. An empty directory is an empty policy. */
int ms_document_parse_path(const char *path, enum ms_source source, struct ms_policy *policy,
			   struct ms_error *err);

/* The bytes of a regular file of up to 256 MiB, with a NUL behind them; the caller frees. */
int ms_document_read_file(const char *path, char **ret_text, size_t *ret_length,
			  struct ms_error *err);

/* One rule given as the words of `rule add` or as a mapping of the same schema, for source
 * runtime: `text` is a YAML/JSON flow mapping. */
int ms_document_parse_rule(const char *name, const char *text, struct ms_rule *ret_rule,
			   struct ms_error *err);

/* One mapping as below `groups:` or `rules:`, appended to `policy`, which is untouched on failure.
 * The rule may have no id (then it is NULL); what a group lacks is refused. */
int ms_document_parse_group(const char *name, const char *text, size_t length,
			    enum ms_source source, struct ms_policy *policy, struct ms_error *err);
int ms_document_parse_unnamed(const char *name, const char *text, size_t length,
			      enum ms_source source, struct ms_policy *policy,
			      struct ms_error *err);

/* Whether a document could name a set or a group so. */
bool ms_document_is_set_name(const char *name);
bool ms_document_is_group_name(const char *name);

/* Writes documents ms_document_parse() reads back to an equal policy. `json`: strict JSON. */
int ms_document_write(const struct ms_policy *policy, bool json, FILE *out);
/* One rule as a flow mapping on one line (no newline): what `rule list` and the state dir hold. */
int ms_document_write_rule(const struct ms_rule *rule, bool json, FILE *out);

#endif
