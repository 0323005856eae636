/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The corpus of refused documents: each file of refused/ is one kind of error, each case in it a
 * document and, written by hand above it, where and at which word it must be refused:
 *
 *	=== FILE:LINE:COLUMN |WORD| [escaped]
 *
 * `escaped`: \t \r \n \\ and \xNN stand for bytes, in the word too. `>>> FILE` begins another
 * document of the same case; the last one is refused, alone or when all are merged.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/policy/document_ahead.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

#define CASES_MAX 1000

struct refused {
	char kind[256];
	unsigned int line_in_corpus;
	char file[64], word[128];
	unsigned int line, column;
	char *text; /* all documents, as in the corpus */
	size_t length;
	bool is_escaped;
};

static struct refused cases[CASES_MAX];
static size_t n_cases, n_kinds;

/* Before any test runs check's own assertions have nobody to tell. */
static void insist(bool holds, const char *where, unsigned int line, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%u: %s\n", where, line, what);
	exit(EXIT_FAILURE);
}

/* In place; returns the new length. */
static size_t unescape(char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned int byte;

		if (text[i] != '\\' || i + 1 == length) {
			text[n++] = text[i];
			continue;
		}
		i++;
		if (text[i] == 'x' && sscanf(text + i + 1, "%2x", &byte) == 1) {
			text[n++] = (char)byte;
			i += 2;
		} else {
			text[n++] = text[i] == 't'   ? '\t'
				    : text[i] == 'r' ? '\r'
				    : text[i] == 'n' ? '\n'
						     : '\\';
		}
	}
	return n;
}

static void read_header(struct refused *refused, const char *line)
{
	const char *open = strchr(line, '|'), *close = strrchr(line, '|');
	size_t length;

	insist(sscanf(line, "=== %63[^:]:%u:%u", refused->file, &refused->line, &refused->column) ==
			       3 &&
		       open && close > open && close - open <= (long)sizeof(refused->word),
	       refused->kind, refused->line_in_corpus, "not a header");
	length = (size_t)(close - open - 1);
	memcpy(refused->word, open + 1, length);
	refused->is_escaped = strstr(close, "escaped") != NULL;
	if (refused->is_escaped)
		length = unescape(refused->word, length);
	refused->word[length] = '\0';
}

static void read_kind(const char *path, const char *kind)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(path, "r");
	ms_cleanup(ms_free) char *line = NULL;
	struct refused *refused = NULL;
	size_t room = 0;
	ssize_t length;

	insist(file != NULL, path, 0, "cannot be read");
	for (unsigned int number = 1; (length = getline(&line, &room, file)) > 0; number++) {
		if (strncmp(line, "=== ", 4) == 0) {
			insist(n_cases < CASES_MAX, path, number, "too many cases");
			refused = &cases[n_cases++];
			snprintf(refused->kind, sizeof(refused->kind), "%s", kind);
			refused->line_in_corpus = number;
			read_header(refused, line);
			continue;
		}
		if (!refused)
			continue; /* licence and what the kind is */
		refused->text = realloc(refused->text, refused->length + (size_t)length + 1);
		insist(refused->text != NULL, path, number, "out of memory");
		memcpy(refused->text + refused->length, line, (size_t)length + 1);
		refused->length += (size_t)length;
	}
	insist(refused != NULL, path, 0, "no cases");
	n_kinds++;
}

static void read_corpus(void)
{
	struct dirent **entries;
	int n = scandir(MS_REFUSED_DIR, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", MS_REFUSED_DIR, entries[i]->d_name);
		if (strstr(entries[i]->d_name, ".txt"))
			read_kind(path, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* What the policy says, to see that a refusal left it as it was. */
static char *describe(const struct ms_policy *policy)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(ms_document_write(policy, false, out), 0);
	fclose(out);
	return text;
}

/* Comments in front, so that a document is long enough to be read ahead (document_ahead.h). */
#define COMMENT "# 4567890123456789 1234567890123456789 1234567890123456789 1234\n"
enum { COMMENT_LINES = MS_DOCUMENT_AHEAD_MIN / (sizeof(COMMENT) - 1) };

/* Parses one document into the policy, `n_comments` lines of comment in front; a refusal must leave
 * it untouched. */
static int parse(const struct refused *refused, unsigned int n_comments, const char *name,
		 const char *text, size_t length, struct ms_policy *policy, struct ms_error *err)
{
	ms_cleanup(ms_free) char *before = describe(policy);
	size_t start = n_comments * (sizeof(COMMENT) - 1);
	ms_cleanup(ms_free) char *bytes = malloc(start + length + 1);
	int r;

	for (unsigned int i = 0; i < n_comments; i++)
		memcpy(bytes + i * (sizeof(COMMENT) - 1), COMMENT, sizeof(COMMENT) - 1);
	memcpy(bytes + start, text, length);
	if (refused->is_escaped)
		length = unescape(bytes + start, length);
	r = ms_document_parse(name, bytes, start + length, MS_SOURCE_FILE, policy, err);
	if (r < 0) {
		ms_cleanup(ms_free) char *after = describe(policy);

		ck_assert_str_eq(after, before);
	}
	return r;
}

/* All documents of the case, one after the other, then merged. */
static int refuse(const struct refused *refused, unsigned int n_comments, struct ms_error *err)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	struct ms_policy *merged = NULL;
	const char *at = refused->text ? refused->text : "";
	char name[64];
	int r;

	/* The header's file is the last one's; the first is a.yaml unless there is only one. */
	snprintf(name, sizeof(name), "%s", strstr(at, ">>> ") ? "a.yaml" : refused->file);
	for (;;) {
		const char *next = strstr(at, ">>> ");
		size_t length = next ? (size_t)(next - at) : strlen(at);

		r = parse(refused, n_comments, name, at, length, &policy, err);
		if (r < 0 || !next)
			break;
		ck_assert_int_eq(sscanf(next, ">>> %63s", name), 1);
		at = strchr(next, '\n') + 1;
	}
	if (r == 0)
		r = ms_policy_merge(&(struct ms_merge_inputs) { .files = &policy }, &merged, err);
	if (r < 0)
		ck_assert_ptr_null(merged);
	ms_policy_free(merged);
	return r;
}

static void expect_refused(const struct refused *refused, unsigned int n_comments)
{
	struct ms_error err = MS_ERROR_INIT;
	char said[1024];
	int r = refuse(refused, n_comments, &err);

	ms_error_format(&err, said, sizeof(said));
	ck_assert_msg(r < 0, "%s:%u: accepted", refused->kind, refused->line_in_corpus);
	ck_assert_msg(r == -EINVAL && strcmp(err.file, refused->file) == 0 &&
			      err.line == n_comments + refused->line &&
			      err.column == refused->column &&
			      strcmp(err.word, refused->word) == 0 && err.message[0] != '\0',
		      "%s:%u: expected %s:%u:%u |%s|, got %s |%s| (%d)", refused->kind,
		      refused->line_in_corpus, refused->file, n_comments + refused->line,
		      refused->column, refused->word, said, err.word, r);
}

START_TEST(is_refused_at_its_word)
{
	expect_refused(&cases[_i], 0);
}
END_TEST

/* What is refused because of the document's first line, or of its having none, is not when comments
 * are in front; in JSON there are none. */
static bool may_be_long(const struct refused *refused)
{
	return !strstr(refused->file, ".json") && refused->word[0] != '\0';
}

START_TEST(is_refused_at_its_word_in_a_long_document)
{
	if (may_be_long(&cases[_i]))
		expect_refused(&cases[_i], COMMENT_LINES);
}
END_TEST

START_TEST(corpus_is_as_large_as_promised)
{
	ck_assert_uint_ge(n_cases, 220);
	ck_assert_uint_ge(n_kinds, 45);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/refused");
	TCase *tcase = tcase_create("corpus");

	tcase_add_test(tcase, corpus_is_as_large_as_promised);
	tcase_add_loop_test(tcase, is_refused_at_its_word, 0, (int)n_cases);
	tcase_add_loop_test(tcase, is_refused_at_its_word_in_a_long_document, 0, (int)n_cases);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	int status;

	read_corpus();
	status = ms_check_run(make_suite());
	for (size_t i = 0; i < n_cases; i++)
		free(cases[i].text);
	return status;
}
