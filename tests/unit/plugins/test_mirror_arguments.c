/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin mirror takes of a rule on this kernel and, by its name, on an older one. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include <microseg/trial.h>

#include "tests/harness/ms_check.h"

static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static void *self;

static void setup(void)
{
	const struct ms_plugin_values none = { NULL, 0 };

	ms_trial_init(&host);
	ck_assert_int_eq(ms_plugin_descriptor.create(&host.table, &none, &self, &error), 0);
}

static void teardown(void)
{
	ms_plugin_descriptor.destroy(self);
}

static int encode(uint64_t snap)
{
	const struct ms_trial_value list[] = {
		{ .name = "to", .string = "tap0" },
		{ .name = "one_in", .number = 1 },
		{ .name = "snap", .number = snap },
	};
	const struct ms_plugin_values values = { list, 3 };
	uint8_t args[MS_PLUGIN_ARGS_SIZE];

	error.sentence[0] = '\0';
	return ms_plugin_descriptor.actions[0].encode_args(self, &values, args, &error);
}

static void expect_refused(void)
{
	ck_assert_int_eq(encode(100), -EOPNOTSUPP);
	ck_assert_str_eq(error.sentence,
			 "'snap' needs kernel 6.6 or later; without it copies are whole");
	/* No tap was asked for. */
	ck_assert_uint_eq(host.wakes, 0);
	ck_assert_int_eq(encode(0), 0);
}

START_TEST(copies_are_shortened_where_the_kernel_can)
{
	unsigned int major, minor;
	struct utsname name;

	ck_assert_int_eq(uname(&name), 0);
	ck_assert_int_eq(sscanf(name.release, "%u.%u", &major, &minor), 2);
	if (major > 6 || (major == 6 && minor >= 6))
		ck_assert_msg(encode(100) == 0, "%s: %s", name.release, error.sentence);
	else
		expect_refused();
}
END_TEST

/* It calls itself 2.6 for this process. */
START_TEST(an_older_kernel_is_named)
{
	ck_assert_int_ge(personality(PER_LINUX | UNAME26), 0);
	expect_refused();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/mirror");
	TCase *tcase = tcase_create("mirror");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, copies_are_shortened_where_the_kernel_can);
	tcase_add_test(tcase, an_older_kernel_is_named);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
