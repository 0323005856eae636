/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/encoding.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct answer {
	const struct ms_rule_action *action;
	int result;
	struct ms_rule_action_call call;
};

struct ms_encoding {
	struct ms_error why; /* of the last answer, if that is a refusal */
	size_t count;
	struct answer answers[]; /* sorted by address once all are there */
};

/* More rules with actions than the datapath holds are refused by the compiler: nobody has to be
 * asked about all of them first. */
static size_t count_actions(const struct ms_policy *policy)
{
	size_t count = 0, rules = 0;

	for (size_t i = 0; i < policy->n_rules && rules < MS_ACTION_LISTS; i++) {
		count += policy->rules[i].n_actions;
		rules += policy->rules[i].n_actions != 0;
	}
	return count;
}

static int by_address(const void *a, const void *b)
{
	const struct ms_rule_action *left = ((const struct answer *)a)->action;
	const struct ms_rule_action *right = ((const struct answer *)b)->action;

	return (left > right) - (left < right);
}

int ms_encoding_new(const struct ms_policy *policy, ms_encoding_ask ask, void *user,
		    struct ms_encoding **ret_encoding)
{
	size_t count = count_actions(policy);
	struct ms_encoding *encoding =
		calloc(1, sizeof(*encoding) + count * sizeof(encoding->answers[0]));
	bool is_refused = false;

	if (!encoding)
		return -ENOMEM;
	for (size_t i = 0; !is_refused && encoding->count < count; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; !is_refused && j < rule->n_actions; j++) {
			struct answer *answer = &encoding->answers[encoding->count++];

			answer->action = &rule->actions[j];
			answer->result =
				ask(user, policy, answer->action, &answer->call, &encoding->why);
			is_refused = answer->result < 0 && answer->result != -ENOENT;
		}
	}
	qsort(encoding->answers, encoding->count, sizeof(encoding->answers[0]), by_address);
	*ret_encoding = encoding;
	return 0;
}

struct ms_encoding *ms_encoding_free(struct ms_encoding *encoding)
{
	free(encoding);
	return NULL;
}

static const struct answer *find_answer(const struct ms_encoding *encoding,
					const struct ms_rule_action *action)
{
	const struct answer key = { .action = action };

	return bsearch(&key, encoding->answers, encoding->count, sizeof(encoding->answers[0]),
		       by_address);
}

const struct ms_action_args *ms_encoding_args(const struct ms_encoding *encoding,
					      const struct ms_rule_action *action)
{
	const struct answer *answer = find_answer(encoding, action);

	return answer && answer->result == 0 ? &answer->call.args : NULL;
}

int ms_encoding_find(const struct ms_encoding *encoding, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	const struct answer *answer = find_answer(encoding, action);

	assert(answer);
	if (answer->result == 0)
		*ret_call = answer->call;
	else if (answer->result != -ENOENT && err && !ms_error_is_set(err))
		*err = encoding->why;
	return answer->result;
}
