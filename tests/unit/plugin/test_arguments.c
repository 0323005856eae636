/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of values that an item does not take. */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/arguments.h"
#include "tests/harness/ms_check.h"

static const struct ms_plugin_item items[] = {
	{ .name = "pin", .type = MS_PLUGIN_UINT, .flags = MS_PLUGIN_SECRET, .max = 9 },
	{ .name = "top", .type = MS_PLUGIN_UINT, .max = 9 },
};

static void free_values(struct ms_plugin_values **values)
{
	ms_plugin_values_free(*values);
}

static const struct {
	const char *name, *values[2], *word, *says;
} refused[] = {
	{ "top", { "hush" }, "hush", "top must be a whole number, not 'hush'" },
	{ "top", { "1", "hush" }, "hush", "top takes one value" },
	{ "pin", { "hush" }, "pin", "pin must be a whole number" },
	{ "pin", { "1", "hush" }, "pin", "pin takes one value" },
	{ "pin", { "12" }, "pin", "pin must not be above 9" },
	{ "nosuch", { "hush" }, "nosuch", "there is no item 'nosuch': there are pin, top" },
};

START_TEST(a_secret_is_not_repeated)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	struct ms_rule_action_value texts[2] = { 0 };
	struct ms_rule_action_arg arg = { .name = (char *)refused[_i].name, .values = texts };
	struct ms_rule_action from = { .args = &arg, .n_args = 1 };
	struct ms_error err = MS_ERROR_INIT;

	while (arg.n_values < 2 && refused[_i].values[arg.n_values]) {
		texts[arg.n_values].text = (char *)refused[_i].values[arg.n_values];
		arg.n_values++;
	}
	ck_assert_int_eq(ms_plugin_values_new(items, ms_array_size(items), &values), 0);
	ck_assert_int_eq(ms_plugin_arguments_read(&from, "m.yaml", NULL, values, &err), -EINVAL);
	ck_assert_str_eq(err.message, refused[_i].says);
	ck_assert_str_eq(err.word, refused[_i].word);
}
END_TEST

static const struct {
	const char *sentence;
	unsigned int line;
} about[] = {
	{ "x: out of luck", 1 },
	{ "x: `file` cannot be read", 2 },
	{ "x: 'list' and `file` do not go together", 3 },
	{ "x: entry 2 of `list` is bad", 5 },
	{ "x: entry 1 of 'list' is that of `file`", 4 },
	/* As if nothing were said of the entry. */
	{ "x: entry 3 of `list` is bad", 3 },
	{ "x: entry 0 of `list` is bad", 3 },
	{ "x: entry 2 of the `list` is bad", 3 },
	/* Not in quotes, in two sorts of them, or of another name. */
	{ "x: file is not `file', nor `files`, nor 'a file'", 1 },
	{ "file'", 1 },
	{ "", 1 },
};

START_TEST(a_refusal_stands_at_what_it_is_about)
{
	struct ms_rule_action_value file = { .place = { 2, 9 } };
	struct ms_rule_action_value list[] = { { .place = { 4, 1 } }, { .place = { 5, 1 } } };
	struct ms_rule_action_arg args[] = {
		{ .place = { 6, 1 } }, /* has no name */
		{ .name = (char *)"file", .values = &file, .n_values = 1, .place = { 2, 1 } },
		{ .name = (char *)"list", .values = list, .n_values = 2, .place = { 3, 1 } },
	};
	struct ms_rule_action from = { .args = args, .n_args = 3, .place = { 1, 1 } };

	ck_assert_uint_eq(ms_plugin_arguments_place(&from, about[_i].sentence).line,
			  about[_i].line);
	ck_assert_uint_eq(ms_plugin_arguments_place(&from, about[_i].sentence).column, 1);
}
END_TEST

static const struct {
	uint32_t type;
	const char *text;
	bool is_one;
} values_of[] = {
	{ MS_PLUGIN_UINT, "256", true },
	{ MS_PLUGIN_UINT, "0x100", true },
	{ MS_PLUGIN_UINT, "0xFFffFFffFFffFFff", true },
	{ MS_PLUGIN_UINT, "0x", false },
	{ MS_PLUGIN_UINT, "0x1g", false },
	{ MS_PLUGIN_UINT, "0x1ffffffffffffffff", false },
	{ MS_PLUGIN_UINT, "0xfff000000", true },
	{ MS_PLUGIN_UINT, "-0x1", false },
	{ MS_PLUGIN_UINT, "0100", false },
	{ MS_PLUGIN_RATE, "0x100", false },
	/* As long as the language lets it be, and of its letters. */
	{ MS_PLUGIN_SET, "compose/shop/web", true },
	{ MS_PLUGIN_SET, "a23456789012345678901234567890123456789012345678", true },
	{ MS_PLUGIN_SET, "a234567890123456789012345678901234567890123456789", false },
	{ MS_PLUGIN_GROUP, "front.web_1", true },
	{ MS_PLUGIN_GROUP, "front/web", false },
	{ MS_PLUGIN_GROUP, "a234567890123456789012345678901234567890123456789", false },
};

START_TEST(a_value_is_one_of_its_type)
{
	const struct ms_plugin_item item = { .name = "x", .type = values_of[_i].type };

	ck_assert_int_eq(ms_plugin_values_check(&item, values_of[_i].text, NULL),
			 values_of[_i].is_one ? 0 : -EINVAL);
}
END_TEST

START_TEST(a_hexadecimal_number_is_the_same_number)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	const struct ms_plugin_item item = { .name = "x", .type = MS_PLUGIN_UINT, .max = 0x100 };

	ck_assert_int_eq(ms_plugin_values_new(&item, 1, &values), 0);
	ck_assert_int_eq(ms_plugin_values_add(values, "x", "0x101", NULL), -EINVAL);
	ck_assert_int_eq(ms_plugin_values_add(values, "x", "0x0Ff", NULL), 0);
	ck_assert_uint_eq(ms_plugin_values_uint(values, "x", 0), 255);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arguments");
	TCase *tcase = tcase_create("arguments");

	tcase_add_loop_test(tcase, a_secret_is_not_repeated, 0, ms_array_size(refused));
	tcase_add_loop_test(tcase, a_refusal_stands_at_what_it_is_about, 0, ms_array_size(about));
	tcase_add_loop_test(tcase, a_value_is_one_of_its_type, 0, ms_array_size(values_of));
	tcase_add_test(tcase, a_hexadecimal_number_is_the_same_number);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
