/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin quarantine takes of rules: how many sets they may name, and what times. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <microseg/trial.h>

#include "plugins/quarantine/quarantine.h"
#include "tests/harness/ms_check.h"

#define NS_PER_S 1000000000ull
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

static int encode(const char *set, uint64_t for_ns, uint8_t *ret_args)
{
	const struct ms_trial_value list[] = {
		{ .name = "set", .string = set },
		{ .name = "for", .number = for_ns },
		{ .name = "hits", .number = 1 },
	};
	const struct ms_plugin_values values = { list, 3 };

	error.sentence[0] = '\0';
	return action()->encode_args(self, &values, ret_args, &error);
}

/* One rule after the other, each with a set of its own called PREFIX and a number. Returns what the
 * last one got. */
static int ask(const char *prefix, unsigned int count)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s%u", prefix, i);
		r = encode(name, NS_PER_S, places[i].args);
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

/* Of 1500ms half a second was left out without a word. */
START_TEST(a_time_is_whole_seconds)
{
	struct quarantine_args args;
	uint8_t bytes[MS_PLUGIN_ARGS_SIZE];

	ck_assert_int_eq(encode("a", 3 * NS_PER_S / 2, bytes), -EINVAL);
	ck_assert_str_eq(error.sentence, "'for' must be whole seconds");
	ck_assert_int_eq(encode("a", 2 * NS_PER_S, bytes), 0);
	memcpy(&args, bytes, sizeof(args));
	ck_assert_uint_eq(args.for_s, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/quarantine_arguments");
	TCase *tcase = tcase_create("arguments");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_policy_names_so_many_sets);
	tcase_add_test(tcase, a_policy_after_the_other_names_others);
	tcase_add_test(tcase, a_time_is_whole_seconds);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
