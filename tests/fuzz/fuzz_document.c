/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy documents, the configuration's reader among them: the first byte chooses YAML or JSON.
 * Whatever the bytes are, a document is refused with a place that exists, or it is read, and then
 * what is written is read back to what writes the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/check.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a buffer of 1 KiB when a long quoted text turns out to be none. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static void insist(bool holds)
{
	if (!holds)
		abort();
}

static char *write_policy(const struct ms_policy *policy, bool json, size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	insist(out && ms_document_write(policy, json, out) == 0);
	fclose(out);
	return text;
}

static void check_round_trip(const struct ms_policy *policy, bool json)
{
	struct ms_policy again = MS_POLICY_INIT;
	size_t length, length_again;
	char *text = write_policy(policy, json, &length), *text_again;

	insist(ms_document_parse(json ? "b.json" : "b.yaml", text, length, MS_SOURCE_FILE, &again,
				 NULL) == 0);
	text_again = write_policy(&again, json, &length_again);
	insist(length == length_again && memcmp(text, text_again, length) == 0);
	free(text);
	free(text_again);
	ms_policy_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_policy policy = MS_POLICY_INIT;
	struct ms_error err = MS_ERROR_INIT;
	struct ms_merge_inputs inputs = { .files = &policy };
	struct ms_policy *merged;
	struct ms_warning *warnings;
	size_t n_warnings;
	bool json;

	if (size == 0)
		return 0;
	json = data[0] & 1;
	if (ms_document_parse(json ? "a.json" : "a.yaml", (const char *)data + 1, size - 1,
			      MS_SOURCE_FILE, &policy, &err) < 0) {
		insist(err.code && err.message[0] && err.line > 0 && err.column > 0);
		insist(policy.n_rules + policy.n_groups + policy.n_sets == 0);
		return 0;
	}
	check_round_trip(&policy, true);
	check_round_trip(&policy, false);
	if (ms_policy_merge(&inputs, &merged, &err) == 0) {
		insist(ms_policy_check(merged, &warnings, &n_warnings) == 0);
		free(warnings);
		ms_policy_free(merged);
	}
	ms_policy_fini(&policy);
	return 0;
}
