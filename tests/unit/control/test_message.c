/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/message.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

static const struct {
	const char *text;
	bool ok;
} envelopes[] = {
	{ "{\"method\":\"status\"}", true },
	{ "{\"method\":\"status\",\"parameters\":{}}", true },
	{ "{\"method\":\"observe\",\"parameters\":{\"last\":3},\"more\":true}", true },
	{ " {\"method\" : \"status\"}\n", true },
	{ "{\"parameters\":{}}", true },
	{ "{\"parameters\":{},\"continues\":true}", true },
	{ "{\"error\":{\"code\":\"busy\",\"message\":\"later\"}}", true },
	/* not one object */
	{ "", false },
	{ "{", false },
	{ "[]", false },
	{ "\"status\"", false },
	{ "{\"method\":\"status\"} x", false },
	{ "{\"method\":\"status\"}{\"method\":\"stats\"}", false },
	/* what other parsers let pass */
	{ "{\"method\":\"status\",\"method\":\"panic\"}", false },
	{ "{\"method\":\"panic\",\"parameters\":{\"state\":\"open\",\"state\":\"off\"}}", false },
	{ "{\"method\":\"status\",}", false },
	{ "{'method':'status'}", false },
	{ "{\"method\":\"sta\\u0000tus\"}", false },
	{ "{\"method\":\"\xff\"}", false },
	/* the envelope's own rules */
	{ "{}", false },
	{ "{\"method\":1}", false },
	{ "{\"method\":null}", false },
	{ "{\"method\":\"status\",\"parameters\":[]}", false },
	{ "{\"method\":\"status\",\"parameters\":null}", false },
	{ "{\"method\":\"status\",\"more\":1}", false },
	{ "{\"method\":\"status\",\"upgrade\":true}", false },
	{ "{\"parameters\":{},\"continues\":\"yes\"}", false },
	{ "{\"parameters\":{},\"error\":{}}", false },
	{ "{\"error\":\"busy\"}", false },
	{ "{\"error\":{},\"continues\":true}", false },
};

START_TEST(envelope_is_strict)
{
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *message =
		ms_message_decode(envelopes[_i].text, strlen(envelopes[_i].text), &err);

	ck_assert_msg(!!message == envelopes[_i].ok, "%s: %s", envelopes[_i].text, err.message);
	ck_assert_int_eq(ms_error_is_set(&err), !envelopes[_i].ok);
}
END_TEST

START_TEST(bytes_behind_a_nul_are_no_part_of_it)
{
	static const char text[] = "{\"method\":\"status\"}\0garbage";
	json_auto_t *message = ms_message_decode(text, sizeof(text) - 1, NULL);

	ck_assert_ptr_null(message);
}
END_TEST

START_TEST(request_survives_the_way_and_begins_with_its_method)
{
	json_auto_t *request =
		ms_message_request("rule.del", json_pack("{s:s}", "id", "runtime/1"), false);
	ms_cleanup(ms_free) char *text = NULL;
	json_auto_t *again = NULL;
	size_t length;

	text = ms_message_encode(request, &length);
	ck_assert_str_eq(text, "{\"method\":\"rule.del\",\"parameters\":{\"id\":\"runtime/1\"}}");
	ck_assert_uint_eq(length, strlen(text) + 1);
	again = ms_message_decode(text, length - 1, NULL);
	ck_assert(json_equal(request, again));
}
END_TEST

START_TEST(reply_says_whether_it_continues)
{
	json_auto_t *last = ms_message_reply(NULL, false);
	json_auto_t *other = ms_message_reply(json_object(), true);

	ck_assert_ptr_null(json_object_get(last, "continues"));
	ck_assert(json_is_object(json_object_get(last, "parameters")));
	ck_assert(json_is_true(json_object_get(other, "continues")));
}
END_TEST

START_TEST(failure_has_place_and_word)
{
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *message = NULL;
	const json_t *error;

	ms_error_set_at(&err, -22, "10-db.yaml", 14, 9, "drop", "unknown action 'drop'");
	message = ms_message_failure("refused", &err);
	error = json_object_get(message, "error");
	ck_assert_str_eq(json_string_value(json_object_get(error, "code")), "refused");
	ck_assert_str_eq(json_string_value(json_object_get(error, "file")), "10-db.yaml");
	ck_assert_int_eq(json_integer_value(json_object_get(error, "line")), 14);
	ck_assert_int_eq(json_integer_value(json_object_get(error, "column")), 9);
	ck_assert_str_eq(json_string_value(json_object_get(error, "word")), "drop");
}
END_TEST

/* An interface's name is any bytes but a few. */
START_TEST(text_of_others_is_always_told)
{
	json_auto_t *good = ms_message_text("b\xc3\xbcro\x01"),
		    *bad = ms_message_text("veth\xff\xc3");

	ck_assert_str_eq(json_string_value(good), "b\xc3\xbcro\x01");
	ck_assert_str_eq(json_string_value(bad), "veth??");
}
END_TEST

/* A document may be refused for bytes that JSON cannot say. */
START_TEST(failure_about_no_text_is_still_told)
{
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *message = NULL;

	ms_error_set_at(&err, -22, "a.yaml", 1, 1, "\xff\xfe", "not UTF-8: '\xff\xfe'");
	message = ms_message_failure("refused", &err);
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(message, "error"), "message")),
		"not UTF-8: '?\?'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/message");
	TCase *tcase = tcase_create("message");

	tcase_add_loop_test(tcase, envelope_is_strict, 0, ms_array_size(envelopes));
	tcase_add_test(tcase, bytes_behind_a_nul_are_no_part_of_it);
	tcase_add_test(tcase, request_survives_the_way_and_begins_with_its_method);
	tcase_add_test(tcase, reply_says_whether_it_continues);
	tcase_add_test(tcase, failure_has_place_and_word);
	tcase_add_test(tcase, text_of_others_is_always_told);
	tcase_add_test(tcase, failure_about_no_text_is_still_told);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
