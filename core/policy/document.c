/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/policy/document.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document_parts.h"

#define FILE_MAX (256ULL << 20)

int ms_document_origin(const struct ms_document_reader *reader, struct ms_place place,
		       struct ms_origin *ret_origin)
{
	char *file = strdup(reader->name);

	if (!file)
		return -ENOMEM;
	*ret_origin = (struct ms_origin) {
		.source = reader->source,
		.file = file,
		.line = place.line,
		.column = place.column,
	};
	return 0;
}

/* ---- the document ---- */

static int read_version(struct ms_document_reader *reader, void *into)
{
	uint64_t version;

	(void)into;
	return ms_document_schema_number(reader, "a version of the language: 1", 1, 1, &version);
}

static int read_groups(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "groups", ms_document_group_read, into);
}

static int read_sets(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_entries(reader, "sets", ms_document_set_read, into);
}

static int read_rules(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "rules", ms_document_rule_read, into);
}

static const struct ms_document_key document_keys[] = {
	{ "version", read_version, true },
	{ "groups", read_groups, false },
	{ "failsafe", ms_document_failsafe_read, false },
	{ "sets", read_sets, false },
	{ "rules", read_rules, false },
};
enum { KEY_FAILSAFE = 2, KEY__COUNT = 5 };
_Static_assert(ms_array_size(document_keys) == KEY__COUNT, "one place a key");

static void fini_draft(struct ms_document_draft *draft)
{
	ms_policy_fini(&draft->policy);
	ms_name_index_fini(&draft->groups);
	ms_name_index_fini(&draft->sets);
	ms_name_index_fini(&draft->rules);
}

static bool is_empty(const struct ms_policy *policy)
{
	return !policy->n_groups && !policy->n_sets && !policy->n_rules && !policy->n_expired &&
	       !policy->failsafe.present;
}

/* Makes room in all three arrays first: from then on nothing can fail. */
static int append(struct ms_policy *policy, struct ms_policy *more)
{
	void *groups, *sets, *rules;

	if (is_empty(policy)) { /* as it is, without a copy of 100k rules */
		ms_policy_fini(policy);
		*policy = *more;
		*more = (struct ms_policy)MS_POLICY_INIT;
		return 0;
	}
	groups = ms_array_reserve(policy->groups, policy->n_groups + more->n_groups,
				  sizeof(*policy->groups));
	if (!groups)
		return -ENOMEM;
	policy->groups = groups;
	sets = ms_array_reserve(policy->sets, policy->n_sets + more->n_sets, sizeof(*policy->sets));
	if (!sets)
		return -ENOMEM;
	policy->sets = sets;
	rules = ms_array_reserve(policy->rules, policy->n_rules + more->n_rules,
				 sizeof(*policy->rules));
	if (!rules)
		return -ENOMEM;
	policy->rules = rules;

	for (size_t i = 0; i < more->n_groups; i++)
		policy->groups[policy->n_groups++] = more->groups[i];
	for (size_t i = 0; i < more->n_sets; i++)
		policy->sets[policy->n_sets++] = more->sets[i];
	for (size_t i = 0; i < more->n_rules; i++)
		policy->rules[policy->n_rules++] = more->rules[i];
	more->n_groups = more->n_sets = more->n_rules = 0;
	if (more->failsafe.present) {
		ms_failsafe_def_fini(&policy->failsafe);
		policy->failsafe = more->failsafe;
		more->failsafe = (struct ms_failsafe_def) { 0 };
	}
	return 0;
}

static int read_document(struct ms_document_reader *reader, struct ms_document_draft *draft,
			 struct ms_policy *policy)
{
	struct ms_place places[KEY__COUNT];
	int r = ms_document_reader_next(reader);

	if (r == 0 && reader->event == MS_DOCUMENT_END)
		return ms_document_reader_refuse(reader, (struct ms_place) { 1, 1 }, "",
						 "the document is empty: it needs at least "
						 "'version: 1'");
	if (r == 0)
		r = ms_document_schema_mapping(reader, "a policy", document_keys,
					       ms_array_size(document_keys), places, draft);
	if (r == 0)
		r = ms_document_reader_next(reader);
	if (r == 0 && draft->policy.failsafe.present && policy->failsafe.present)
		return ms_document_reader_refuse(reader, places[KEY_FAILSAFE], "failsafe",
						 "a second failsafe; the first is in %s, line %u",
						 policy->failsafe.origin.file,
						 policy->failsafe.origin.line);
	return r;
}

int ms_document_parse(const char *name, const char *text, size_t length, enum ms_source source,
		      struct ms_policy *policy, struct ms_error *err)
{
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	ms_cleanup(fini_draft) struct ms_document_draft draft = { 0 };
	int r = ms_document_reader_open(&reader, name, text, length, err);

	reader.source = source;
	if (r == 0)
		r = read_document(&reader, &draft, policy);
	if (r == 0)
		r = append(policy, &draft.policy);
	return r < 0 ? ms_error_set(err, r, "out of memory") : 0;
}

int ms_document_parse_rule(const char *name, const char *text, struct ms_rule *ret_rule,
			   struct ms_error *err)
{
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	ms_cleanup(ms_rule_fini) struct ms_rule rule = { 0 };
	int r = ms_document_reader_open(&reader, name, text, strlen(text), err);

	reader.source = MS_SOURCE_RUNTIME;
	if (r == 0)
		r = ms_document_reader_next(&reader);
	if (r == 0 && reader.event == MS_DOCUMENT_END)
		return ms_document_reader_refuse(&reader, (struct ms_place) { 1, 1 }, "",
						 "a rule is { action: ... }, this is empty");
	if (r == 0)
		r = ms_document_rule_read_one(&reader, false, &rule);
	if (r == 0)
		r = ms_document_reader_next(&reader);
	if (r < 0)
		return ms_error_set(err, r, "out of memory");
	*ret_rule = rule;
	rule = (struct ms_rule) { 0 };
	return 0;
}

/* ---- parts ---- */

static int read_group_part(struct ms_document_reader *reader, struct ms_policy *policy)
{
	ms_cleanup(fini_draft) struct ms_document_draft draft = { 0 };
	int r = ms_document_group_read(reader, &draft);

	if (r == 0)
		r = ms_document_reader_next(reader);
	return r < 0 ? r : append(policy, &draft.policy);
}

static int read_rule_part(struct ms_document_reader *reader, struct ms_policy *policy)
{
	ms_cleanup(ms_rule_fini) struct ms_rule rule = { 0 };
	int r = ms_document_rule_read_one(reader, false, &rule);

	if (r == 0)
		r = ms_document_reader_next(reader);
	return r < 0 ? r : ms_policy_add_rule(policy, &rule);
}

static int parse_part(const char *name, const char *text, size_t length, enum ms_source source,
		      int (*read)(struct ms_document_reader *reader, struct ms_policy *policy),
		      struct ms_policy *policy, struct ms_error *err)
{
	ms_cleanup(ms_document_reader_close) struct ms_document_reader reader = { 0 };
	int r = ms_document_reader_open(&reader, name, text, length, err);

	reader.source = source;
	if (r == 0)
		r = ms_document_reader_next(&reader);
	if (r == 0 && reader.event == MS_DOCUMENT_END)
		return ms_document_reader_refuse(&reader, (struct ms_place) { 1, 1 }, "",
						 "a group or rule is a mapping, this is empty");
	if (r == 0)
		r = read(&reader, policy);
	return r < 0 ? ms_error_set(err, r, "out of memory") : 0;
}

int ms_document_parse_group(const char *name, const char *text, size_t length,
			    enum ms_source source, struct ms_policy *policy, struct ms_error *err)
{
	return parse_part(name, text, length, source, read_group_part, policy, err);
}

int ms_document_parse_unnamed(const char *name, const char *text, size_t length,
			      enum ms_source source, struct ms_policy *policy, struct ms_error *err)
{
	return parse_part(name, text, length, source, read_rule_part, policy, err);
}

/* ---- files ---- */

int ms_document_read_file(const char *path, char **ret_text, size_t *ret_length,
			  struct ms_error *err)
{
	/* A FIFO in a policy directory must not hang the daemon. */
	ms_cleanup(ms_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ms_cleanup(ms_free) char *text = NULL;
	size_t length = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = -errno;

		return ms_error_set(err, code, "%s: %s", path, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return ms_error_set(err, -EINVAL, "%s: not a regular file", path);
	if ((unsigned long long)st.st_size > FILE_MAX)
		return ms_error_set(err, -EFBIG, "%s: larger than 256 MiB", path);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return ms_error_set(err, -ENOMEM, "out of memory");
	while (length < (size_t)st.st_size) {
		ssize_t n = read(fd, text + length, (size_t)st.st_size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = -errno;

			return ms_error_set(err, code, "%s: %s", path, strerror(-code));
		}
		if (n == 0)
			break; /* somebody made it shorter; what is there must still parse */
		length += (size_t)n;
	}
	text[length] = '\0';
	*ret_text = ms_take_ptr(text);
	*ret_length = length;
	return 0;
}

int ms_document_parse_file(const char *path, enum ms_source source, struct ms_policy *policy,
			   struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = NULL;
	const char *slash = strrchr(path, '/');
	size_t length;
	int r = ms_document_read_file(path, &text, &length, err);

	if (r < 0)
		return r;
	return ms_document_parse(slash ? slash + 1 : path, text, length, source, policy, err);
}

static int is_document(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

/* Not alphasort(): that is the locale's order, and the daemon's must be everybody's. */
static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int parse_entry(const char *directory, const char *name, enum ms_source source,
		       struct ms_policy *policy, struct ms_error *err)
{
	ms_cleanup(ms_free) char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return ms_error_set(err, -ENOMEM, "out of memory");
	}
	return ms_document_parse_file(path, source, policy, err);
}

int ms_document_parse_path(const char *path, enum ms_source source, struct ms_policy *policy,
			   struct ms_error *err)
{
	/* All or nothing over the files too. They must see what came before: the failsafe. */
	ms_cleanup(ms_policy_fini) struct ms_policy more = MS_POLICY_INIT;
	struct dirent **entries;
	int n = scandir(path, &entries, is_document, compare_bytes), r = 0;

	if (n < 0 && errno == ENOTDIR)
		return ms_document_parse_file(path, source, policy, err);
	if (n < 0) {
		int code = -errno;

		return ms_error_set(err, code, "%s: %s", path, strerror(-code));
	}
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = parse_entry(path, entries[i]->d_name, source, &more, err);
		free(entries[i]);
	}
	free(entries);
	if (r == 0 && more.failsafe.present && policy->failsafe.present)
		return ms_error_set_at(err, -EINVAL, more.failsafe.origin.file,
				       more.failsafe.origin.line, more.failsafe.origin.column,
				       "failsafe", "a second failsafe; the first is in %s, line %u",
				       policy->failsafe.origin.file, policy->failsafe.origin.line);
	if (r == 0 && append(policy, &more) < 0)
		return ms_error_set(err, -ENOMEM, "out of memory");
	return r;
}
