/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/encoding.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/harness/ms_check.h"

/* Named by one letter: of the letter itself are the answers made. */
static struct ms_rule_action first[] = { { .name = (char *)"a" }, { .name = (char *)"b" } };
static struct ms_rule_action second[] = { { .name = (char *)"c" } };
static struct ms_rule rules[] = {
	{ .actions = first, .n_actions = 2, .origin.file = (char *)"10.yaml" },
	{ .actions = NULL },
	{ .actions = second, .n_actions = 1 },
};
static const struct ms_policy policy = { .rules = rules, .n_rules = 3 };

static struct {
	char absent, refused, left; /* letters */
	unsigned int asked;
	int failure; /* of the refused one, 0 = -EINVAL */
} plugins;

static int answer(void *user, const struct ms_policy *of, const struct ms_rule *rule,
		  const struct ms_rule_action *action, struct ms_rule_action_call *ret_call,
		  struct ms_error *err)
{
	ck_assert_ptr_eq(user, &plugins);
	ck_assert_ptr_nonnull(of);
	ck_assert(action >= rule->actions && action < rule->actions + rule->n_actions);
	plugins.asked++;
	if (action->name[0] == plugins.absent)
		return -ENOENT;
	if (action->name[0] == plugins.refused)
		return ms_error_set(err, plugins.failure ? plugins.failure : -EINVAL,
				    "%s must not be", action->name);
	ret_call->slot = (uint8_t)(action->name[0] - 'a');
	ret_call->args.bytes[0] = (uint8_t)action->name[0];
	ret_call->observes = action->name[0] == 'b';
	return 0;
}

static bool leave(void *user, const struct ms_rule *rule, size_t nth)
{
	ck_assert_ptr_eq(user, &plugins);
	return rule->actions[nth].name[0] == plugins.left;
}

static struct ms_encoding *ask(void)
{
	struct ms_encoding *encoding = NULL;

	ck_assert_int_eq(ms_encoding_new(&policy, answer, leave, &plugins, &encoding), 0);
	return encoding;
}

static int find(const struct ms_encoding *encoding, const struct ms_rule_action *action,
		uint8_t *ret_slot, struct ms_error *err)
{
	struct ms_rule_action_call call = { .slot = *ret_slot };
	int r = ms_encoding_find(encoding, action, &call, err);

	ck_assert_int_eq(call.args.bytes[0], r < 0 ? 0 : action->name[0]);
	ck_assert(call.observes == (r == 0 && action->name[0] == 'b'));
	*ret_slot = call.slot;
	return r;
}

START_TEST(each_action_has_its_own_answer)
{
	struct ms_encoding *encoding = ask();
	uint8_t slot = 99;

	ck_assert_uint_eq(plugins.asked, 3);
	ck_assert_int_eq(find(encoding, &second[0], &slot, NULL), 0);
	ck_assert_uint_eq(slot, 2);
	ck_assert_int_eq(find(encoding, &first[0], &slot, NULL), 0);
	ck_assert_uint_eq(slot, 0);
	ck_assert_int_eq(find(encoding, &first[1], &slot, NULL), 0);
	ck_assert_uint_eq(slot, 1);
	ck_assert_uint_eq(ms_encoding_args(encoding, &second[0])->bytes[0], 'c');
	/* The plugins have nothing to do with it any more. */
	ck_assert_uint_eq(plugins.asked, 3);
	ms_encoding_free(encoding);
}
END_TEST

START_TEST(one_that_is_not_there_is_no_end)
{
	const struct ms_rule_action nobodys = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	struct ms_encoding *encoding;
	uint8_t slot = 99;

	plugins.absent = 'a';
	encoding = ask();
	ck_assert_int_eq(find(encoding, &first[0], &slot, &err), -ENOENT);
	ck_assert_uint_eq(slot, 99);
	ck_assert(!ms_error_is_set(&err));
	ck_assert_ptr_null(ms_encoding_args(encoding, &first[0]));
	ck_assert_ptr_null(ms_encoding_args(encoding, &nobodys));
	ck_assert_int_eq(find(encoding, &second[0], &slot, &err), 0);
	ms_encoding_free(encoding);
}
END_TEST

START_TEST(a_refusal_is_the_last_answer_and_keeps_its_sentence)
{
	struct ms_error err = MS_ERROR_INIT, before = MS_ERROR_INIT;
	struct ms_encoding *encoding;
	uint8_t slot = 99;

	plugins.refused = 'b';
	encoding = ask();
	ck_assert_uint_eq(plugins.asked, 2);
	ck_assert_int_eq(find(encoding, &first[0], &slot, &err), 0);
	ck_assert(!ms_error_is_set(&err));
	ck_assert_int_eq(find(encoding, &first[1], &slot, &err), -EINVAL);
	ck_assert_uint_eq(slot, 0);
	ck_assert_str_eq(err.message, "b must not be");
	ck_assert_int_eq(find(encoding, &first[1], &slot, NULL), -EINVAL);
	/* The first writer wins. */
	ms_error_set(&before, -EIO, "something else");
	ck_assert_int_eq(find(encoding, &first[1], &slot, &before), -EINVAL);
	ck_assert_str_eq(before.message, "something else");
	ms_encoding_free(encoding);
}
END_TEST

START_TEST(one_that_is_let_be_is_as_if_it_were_not_there)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_encoding *encoding;
	uint8_t slot = 99;

	plugins.refused = plugins.left = 'b';
	encoding = ask();
	ck_assert_uint_eq(plugins.asked, 3);
	ck_assert_int_eq(find(encoding, &first[1], &slot, &err), -ENOENT);
	ck_assert(!ms_error_is_set(&err));
	ck_assert_ptr_null(ms_encoding_args(encoding, &first[1]));
	ck_assert_str_eq(ms_encoding_refused(encoding, &first[1])->message, "b must not be");
	ck_assert_str_eq(ms_encoding_refused(encoding, &first[1])->file, "10.yaml");
	ck_assert_ptr_null(ms_encoding_refused(encoding, &first[0]));
	ck_assert_int_eq(find(encoding, &second[0], &slot, &err), 0);
	ms_encoding_free(encoding);
}
END_TEST

/* No word against the rule. */
START_TEST(too_little_memory_is_not_let_be)
{
	struct ms_encoding *encoding;
	uint8_t slot = 99;

	plugins.refused = plugins.left = 'b';
	plugins.failure = -ENOMEM;
	encoding = ask();
	ck_assert_uint_eq(plugins.asked, 2);
	ck_assert_int_eq(find(encoding, &first[1], &slot, NULL), -ENOMEM);
	ms_encoding_free(encoding);
}
END_TEST

START_TEST(no_more_are_asked_than_the_datapath_holds)
{
	const size_t count = MS_ACTION_LISTS + 10;
	struct ms_policy many = { .rules = calloc(count, sizeof(*many.rules)), .n_rules = count };
	struct ms_encoding *encoding = NULL;

	ck_assert_ptr_nonnull(many.rules);
	for (size_t i = 0; i < count; i++)
		many.rules[i] = rules[2];
	ck_assert_int_eq(ms_encoding_new(&many, answer, NULL, &plugins, &encoding), 0);
	ck_assert_uint_eq(plugins.asked, MS_ACTION_LISTS);
	ms_encoding_free(encoding);
	free(many.rules);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("core/encoding");
	TCase *tcase = tcase_create("encoding");

	tcase_add_test(tcase, each_action_has_its_own_answer);
	tcase_add_test(tcase, one_that_is_not_there_is_no_end);
	tcase_add_test(tcase, a_refusal_is_the_last_answer_and_keeps_its_sentence);
	tcase_add_test(tcase, one_that_is_let_be_is_as_if_it_were_not_there);
	tcase_add_test(tcase, too_little_memory_is_not_let_be);
	tcase_add_test(tcase, no_more_are_asked_than_the_datapath_holds);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
