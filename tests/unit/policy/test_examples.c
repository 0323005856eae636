/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What we show must work: every fenced block marked yaml or json of docs/policy.md (those with
 * actions too, marked so: tests/netns/test_plugin_policy.c, with the plugins), every example
 * of microseg-policy(5), and the policy that is installed, is read, merged and gives no warning.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/check.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

static void assert_policy_is_good(const char *name, const char *text, size_t length,
				  unsigned int line)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	ms_cleanup(ms_free) struct ms_warning *warnings = NULL;
	struct ms_merge_inputs inputs = { .files = &policy };
	struct ms_error err = MS_ERROR_INIT;
	struct ms_policy *merged = NULL;
	size_t n_warnings = 0;
	char said[1024];
	int r = ms_document_parse(name, text, length, MS_SOURCE_FILE, &policy, &err);

	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &err);
	ck_assert_msg(r == 0, "block at line %u: %s", line,
		      ms_error_format(&err, said, sizeof(said)));
	ck_assert_int_eq(ms_policy_check(merged, &warnings, &n_warnings), 0);
	ck_assert_msg(n_warnings == 0, "block at line %u: %s", line,
		      n_warnings ? warnings[0].message : "");
	ms_policy_free(merged);
}

/* Blocks between a line `open` + kind and a line `close`. Returns how many there were. */
static unsigned int check_blocks(const char *path, const char *open, const char *const *kinds,
				 size_t n_kinds, const char *close)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(path, "r");
	ms_cleanup(ms_free) char *line = NULL;
	ms_cleanup(ms_free) char *block = NULL;
	const char *kind = NULL;
	size_t room = 0, length = 0;
	unsigned int number = 0, start = 0, n_blocks = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &room, file) > 0) {
		number++;
		if (kind && strcmp(line, close) == 0) {
			char name[64];

			snprintf(name, sizeof(name), "block.%s", kind);
			assert_policy_is_good(name, block ? block : "", length, start);
			n_blocks++;
			kind = NULL;
		} else if (kind) {
			block = realloc(block, length + strlen(line) + 1);
			strcpy(block + length, line);
			length += strlen(line);
		}
		for (size_t i = 0; i < n_kinds && !kind; i++) {
			char first[64];

			snprintf(first, sizeof(first), "%s%s\n", open, kinds[i]);
			if (strcmp(line, first) == 0) {
				kind = kinds[i];
				length = 0;
				start = number;
			}
		}
	}
	ck_assert_ptr_null(kind);
	return n_blocks;
}

START_TEST(every_block_of_the_page_is_a_good_policy)
{
	static const char *const kinds[] = { "yaml", "json" };

	ck_assert_uint_ge(
		check_blocks(MS_DOCS_DIR "/policy.md", "```", kinds, ms_array_size(kinds), "```\n"),
		9);
}
END_TEST

START_TEST(every_block_of_the_manual_is_a_good_policy)
{
	static const char *const kinds[] = { "yaml" };

	/* The name of the display says what it is, for nobody but us. */
	ck_assert_uint_ge(check_blocks(MS_DOCS_DIR "/man/microseg-policy.5",
				       ".Bd -literal -offset indent \\\" ", kinds,
				       ms_array_size(kinds), ".Ed\n"),
			  2);
}
END_TEST

START_TEST(installed_policy_protects_all_and_blocks_nothing)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	ms_cleanup(ms_free) char *text = NULL;
	static const char *const names[] = { "loopback", "workloads", "uplinks" };
	size_t length;

	ck_assert_int_eq(ms_document_read_file(MS_DEFAULT_POLICY, &text, &length, NULL), 0);
	assert_policy_is_good("default-policy.yaml", text, length, 1);
	ck_assert_int_eq(ms_document_parse("default-policy.yaml", text, length, MS_SOURCE_FILE,
					   &policy, NULL),
			 0);
	ck_assert_uint_eq(policy.n_groups, 3);
	ck_assert_uint_eq(policy.n_rules, 0);
	for (size_t i = 0; i < policy.n_groups; i++) {
		ck_assert_str_eq(policy.groups[i].name, names[i]);
		ck_assert_int_eq(policy.groups[i].mode, MS_MODE_ENFORCE);
		ck_assert_int_eq(policy.groups[i].default_verdict[MS_DIR_IN], MS_VERDICT_ALLOW);
		ck_assert_int_eq(policy.groups[i].default_verdict[MS_DIR_OUT], MS_VERDICT_ALLOW);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("policy/examples");
	TCase *tcase = tcase_create("examples");

	tcase_add_test(tcase, every_block_of_the_page_is_a_good_policy);
	tcase_add_test(tcase, every_block_of_the_manual_is_a_good_policy);
	tcase_add_test(tcase, installed_policy_protects_all_and_blocks_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
