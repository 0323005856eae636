/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/method.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

#define OVERFLOW 65534

/* Written by hand and not out of the list: who may change is decided twice. */
static const char *const changing[] = { "panic",       "group.mode",    "policy.apply",
					"rule.add",    "rule.del",      "rule.import",
					"set.add",     "set.del",       "session.flush",
					"plugin.load", "plugin.reload", "plugin.unload",
					"reload" };

static bool is_changing(const char *name)
{
	for (size_t i = 0; i < ms_array_size(changing); i++) {
		if (strcmp(name, changing[i]) == 0)
			return true;
	}
	return false;
}

START_TEST(group_reads_and_root_changes)
{
	enum ms_method method = (enum ms_method)_i;

	ck_assert(ms_method_is_allowed(method, 0, OVERFLOW));
	ck_assert_msg(ms_method_is_allowed(method, 1000, OVERFLOW) ==
			      !is_changing(ms_method_name(method)),
		      "%s", ms_method_name(method));
	ck_assert(!ms_method_is_allowed(method, OVERFLOW, OVERFLOW));
}
END_TEST

START_TEST(names_find_their_method)
{
	enum ms_method found = MS_METHOD__COUNT;

	ck_assert(ms_method_find(ms_method_name((enum ms_method)_i), &found));
	ck_assert_int_eq(found, _i);
}
END_TEST

START_TEST(unknown_name_leaves_the_result_alone)
{
	enum ms_method found = MS_METHOD_TRACE;

	ck_assert(!ms_method_find("rule", &found));
	ck_assert(!ms_method_find("", &found));
	ck_assert_int_eq(found, MS_METHOD_TRACE);
}
END_TEST

static const struct {
	const char *front;
	bool ok;
} fronts[] = {
	{ "{\"method\":\"policy.apply\"", true },
	{ " {\n \"method\" : \"policy.apply\" , \"parameters\"", true },
	{ "{\"method\":\"policy.apply", false },
	{ "{\"method\":\"no.such\"", false },
	{ "{\"parameters\":{\"method\":\"policy.apply\"", false },
	{ "{\"Method\":\"policy.apply\"", false },
	{ "{{\"method\":\"policy.apply\"", false },
	{ "", false },
	{ "{\"method\":\"a-name-that-is-longer-than-any-method-is\"", false },
};

START_TEST(front_of_a_frame_names_its_method)
{
	enum ms_method found = MS_METHOD__COUNT;

	ck_assert_int_eq(ms_method_peek(fronts[_i].front, strlen(fronts[_i].front), &found),
			 fronts[_i].ok);
	if (fronts[_i].ok)
		ck_assert_int_eq(found, MS_METHOD_POLICY_APPLY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/method");
	TCase *tcase = tcase_create("method");

	tcase_add_loop_test(tcase, group_reads_and_root_changes, 0, MS_METHOD__COUNT);
	tcase_add_loop_test(tcase, names_find_their_method, 0, MS_METHOD__COUNT);
	tcase_add_test(tcase, unknown_name_leaves_the_result_alone);
	tcase_add_loop_test(tcase, front_of_a_frame_names_its_method, 0, ms_array_size(fronts));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
