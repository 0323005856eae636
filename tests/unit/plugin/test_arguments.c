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

int main(void)
{
	Suite *suite = suite_create("arguments");
	TCase *tcase = tcase_create("arguments");

	tcase_add_loop_test(tcase, a_secret_is_not_repeated, 0, ms_array_size(refused));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
