/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/encoding.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct answer {
	const struct ms_rule_action *action;
	int result;
	struct ms_error *refused; /* why it is as if it were not there, NULL = nobody minds it */
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

/* To be short of memory says nothing of what was asked. */
static bool is_refusal(int result)
{
	return result < 0 && result != -ENOENT && result != -ENOMEM;
}

/* The action knows line and column, the rule in which file. */
static int keep_refusal(struct answer *answer, const struct ms_rule *rule,
			const struct ms_error *why)
{
	answer->refused = malloc(sizeof(*answer->refused));
	if (!answer->refused)
		return -ENOMEM;
	*answer->refused = *why;
	if (!why->file[0] && rule->origin.file)
		snprintf(answer->refused->file, sizeof(answer->refused->file), "%s",
			 rule->origin.file);
	return -ENOENT;
}

int ms_encoding_new(const struct ms_policy *policy, ms_encoding_ask ask, ms_encoding_leave leave,
		    void *user, struct ms_encoding **ret_encoding)
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
			struct ms_error why = MS_ERROR_INIT;

			answer->action = &rule->actions[j];
			answer->result =
				ask(user, policy, rule, answer->action, &answer->call, &why);
			if (is_refusal(answer->result) && leave && leave(user, rule, j))
				answer->result = keep_refusal(answer, rule, &why);
			is_refused = answer->result < 0 && answer->result != -ENOENT;
			if (is_refused)
				encoding->why = why;
		}
	}
	qsort(encoding->answers, encoding->count, sizeof(encoding->answers[0]), by_address);
	*ret_encoding = encoding;
	return 0;
}

struct ms_encoding *ms_encoding_free(struct ms_encoding *encoding)
{
	for (size_t i = 0; encoding && i < encoding->count; i++)
		free(encoding->answers[i].refused);
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

const struct ms_error *ms_encoding_refused(const struct ms_encoding *encoding,
					   const struct ms_rule_action *action)
{
	const struct answer *answer = find_answer(encoding, action);

	return answer ? answer->refused : NULL;
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
