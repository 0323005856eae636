/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/examples.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define EXAMPLES_MAX 64
#define TEXT_MAX 65536

struct reading {
	FILE *file;
	char line[4096];
	unsigned int number;
};

static bool next_line(struct reading *reading)
{
	if (!fgets(reading->line, sizeof(reading->line), reading->file))
		return false;
	reading->line[strcspn(reading->line, "\n")] = '\0';
	reading->number++;
	return true;
}

static json_t *read_fence(struct reading *reading)
{
	ms_cleanup(ms_free) char *text = calloc(1, TEXT_MAX);
	unsigned int begin = reading->number;
	json_error_t where;
	json_t *value;

	while (next_line(reading) && strcmp(reading->line, "```") != 0) {
		size_t used = strlen(text);

		snprintf(text + used, TEXT_MAX - used, "%s\n", reading->line);
	}
	value = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	ck_assert_msg(value, "line %u: %s", begin + (unsigned int)where.line, where.text);
	return value;
}

void ms_examples_read(struct ms_example **ret_examples, size_t *ret_count)
{
	struct ms_example *examples = calloc(EXAMPLES_MAX, sizeof(*examples));
	struct reading reading = { .file = fopen(MS_PROTOCOL_FILE, "r") };
	struct ms_example *example = NULL;
	size_t count = 0;

	ck_assert_ptr_nonnull(reading.file);
	while (next_line(&reading)) {
		if (strncmp(reading.line, "### ", 4) == 0) {
			ck_assert_uint_lt(count, EXAMPLES_MAX);
			example = &examples[count++];
			example->line = reading.number;
			snprintf(example->method, sizeof(example->method), "%.31s",
				 reading.line + 4);
		} else if (example && strcmp(reading.line, "```json request") == 0) {
			ck_assert_ptr_null(example->request);
			example->request = read_fence(&reading);
		} else if (example && strcmp(reading.line, "```json reply") == 0) {
			ck_assert_ptr_null(example->reply);
			example->reply = read_fence(&reading);
		}
	}
	fclose(reading.file);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(examples[i].request && examples[i].reply,
			      "line %u: %s lacks a request or a reply", examples[i].line,
			      examples[i].method);
	*ret_examples = examples;
	*ret_count = count;
}

void ms_examples_free(struct ms_example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_decref(examples[i].request);
		json_decref(examples[i].reply);
	}
	free(examples);
}
