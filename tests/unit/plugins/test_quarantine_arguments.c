/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin quarantine takes of rules: how many sets they may name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <microseg/trial.h>

#include "tests/harness/ms_check.h"

#define SETS 256 /* of one policy, as the README says */

static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static struct ms_plugin_in_force places[SETS + 1]; /* as encode_args() made them */
static void *self;

static const struct ms_plugin_action *action(void)
{
	return &ms_plugin_descriptor.actions[0];
}

static void setup(void)
{
	const struct ms_trial_value max = { .name = "max", .number = 10 };
	const struct ms_plugin_values config = { &max, 1 };

	ms_trial_init(&host);
	ck_assert_int_eq(ms_plugin_descriptor.create(&host.table, &config, &self, &error), 0);
}

static void teardown(void)
{
	ms_plugin_descriptor.destroy(self);
}

/* One rule after the other, each with a set of its own called PREFIX and a number. Returns what the
 * last one got. */
static int ask(const char *prefix, unsigned int count)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < count; i++) {
		char name[32];
		const struct ms_trial_value list[] = {
			{ .name = "set", .string = name },
			{ .name = "for", .number = 3600ull * 1000000000 },
			{ .name = "hits", .number = 1 },
		};
		const struct ms_plugin_values values = { list, 3 };

		snprintf(name, sizeof(name), "%s%u", prefix, i);
		error.sentence[0] = '\0';
		r = action()->encode_args(self, &values, places[i].args, &error);
	}
	return r;
}

static void next_turn(void)
{
	ck_assert_uint_gt(host.wakes, 0);
	host.wakes = 0;
	ms_plugin_descriptor.woken(self);
}

START_TEST(one_policy_names_so_many_sets)
{
	ck_assert_int_eq(ask("a", SETS + 1), -ENOSPC);
	ck_assert_str_eq(error.sentence, "the rules name more than 256 sets to put addresses into: "
					 "'a256' is one too many");
	/* The twin; and each as often as it likes. */
	next_turn();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ask("a", SETS), 0);
	ck_assert_int_eq(ask("b", 1), -ENOSPC);
}
END_TEST

START_TEST(a_policy_after_the_other_names_others)
{
	for (unsigned int i = 0; i < 10; i++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "t%u-", i);
		ck_assert_int_eq(ask(prefix, SETS), 0);
		/* Every second one is only tried. */
		if (i % 2 == 0)
			action()->in_force(self, places, SETS);
		next_turn();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/quarantine_arguments");
	TCase *tcase = tcase_create("arguments");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_policy_names_so_many_sets);
	tcase_add_test(tcase, a_policy_after_the_other_names_others);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
