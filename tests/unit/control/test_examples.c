/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docs/control-protocol.md against the method list; against a daemon: tests/netns/test_protocol.c
 */
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/message.h"
#include "core/control/method.h"
#include "tests/harness/examples.h"
#include "tests/harness/ms_check.h"

static struct ms_example *examples;
static size_t n_examples;

static void set_up(void)
{
	ms_examples_read(&examples, &n_examples);
}

static void tear_down(void)
{
	ms_examples_free(examples, n_examples);
}

START_TEST(every_method_has_one_example)
{
	unsigned int seen[MS_METHOD__COUNT] = { 0 };

	for (size_t i = 0; i < n_examples; i++) {
		enum ms_method method;

		ck_assert_msg(ms_method_find(examples[i].method, &method), "line %u: no method %s",
			      examples[i].line, examples[i].method);
		seen[method]++;
	}
	for (int i = 0; i < MS_METHOD__COUNT; i++)
		ck_assert_msg(seen[i] == 1, "%s: %u examples", ms_method_name((enum ms_method)i),
			      seen[i]);
}
END_TEST

static void check_decodes(const struct ms_example *example, const json_t *message)
{
	ms_cleanup(ms_free) char *text = json_dumps(message, JSON_COMPACT);
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *again = ms_message_decode(text, strlen(text), &err);

	ck_assert_msg(again, "line %u: %s", example->line, err.message);
}

START_TEST(examples_are_messages)
{
	for (size_t i = 0; i < n_examples; i++) {
		enum ms_method method = MS_METHOD__COUNT;
		const json_t *request = examples[i].request;
		bool streams;

		check_decodes(&examples[i], request);
		check_decodes(&examples[i], examples[i].reply);
		ck_assert_str_eq(json_string_value(json_object_get(request, "method")),
				 examples[i].method);
		ck_assert(ms_method_find(examples[i].method, &method));
		streams = ms_method_flags(method) & MS_METHOD_STREAMS;
		ck_assert_msg(json_is_true(json_object_get(request, "more")) == streams,
			      "line %u: more", examples[i].line);
	}
}
END_TEST

/* snake_case, and no number of seconds or nanoseconds under a bare name. */
static void check_keys(const struct ms_example *example, json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach (value, i, item)
		check_keys(example, item);
	json_object_foreach (value, key, item) {
		ck_assert_msg(strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key),
			      "line %u: key %s", example->line, key);
		check_keys(example, item);
	}
}

START_TEST(keys_are_snake_case)
{
	for (size_t i = 0; i < n_examples; i++)
		check_keys(&examples[i], examples[i].reply);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/examples");
	TCase *tcase = tcase_create("examples");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_method_has_one_example);
	tcase_add_test(tcase, examples_are_messages);
	tcase_add_test(tcase, keys_are_snake_case);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
