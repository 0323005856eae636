/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/rule_action.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"

static void fini_arg(struct ms_rule_action_arg *arg)
{
	for (size_t i = 0; i < arg->n_values; i++)
		free(arg->values[i].text);
	free(arg->values);
	free(arg->name);
}

void ms_rule_action_fini(struct ms_rule_action *action)
{
	for (size_t i = 0; i < action->n_args; i++)
		fini_arg(&action->args[i]);
	free(action->args);
	free(action->name);
}

void ms_rule_action_free(struct ms_rule_action *actions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ms_rule_action_fini(&actions[i]);
	free(actions);
}

void ms_rule_action_remove_arg(struct ms_rule_action *action, size_t nth)
{
	fini_arg(&action->args[nth]);
	action->n_args--;
	memmove(&action->args[nth], &action->args[nth + 1],
		(action->n_args - nth) * sizeof(*action->args));
}

static int copy_arg(const struct ms_rule_action_arg *arg, struct ms_rule_action *into)
{
	struct ms_rule_action_arg copy = { .place = arg->place };
	int r = 0;

	if (arg->name) {
		copy.name = strdup(arg->name);
		r = copy.name ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < arg->n_values; i++) {
		struct ms_rule_action_value value = { strdup(arg->values[i].text),
						      arg->values[i].place };

		r = value.text ? ms_array_append(&copy.values, &copy.n_values, value) : -ENOMEM;
		if (r < 0)
			free(value.text);
	}
	if (r == 0)
		r = ms_array_append(&into->args, &into->n_args, copy);
	if (r < 0)
		fini_arg(&copy);
	return r;
}

int ms_rule_action_copy(const struct ms_rule_action *actions, size_t count,
			struct ms_rule_action **ret_actions, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_rule_action copy = { strdup(actions[i].name), actions[i].place, NULL, 0 };
		int r = copy.name ? 0 : -ENOMEM;

		for (size_t j = 0; r == 0 && j < actions[i].n_args; j++)
			r = copy_arg(&actions[i].args[j], &copy);
		if (r == 0)
			r = ms_array_append(ret_actions, ret_count, copy);
		if (r < 0) {
			ms_rule_action_fini(&copy);
			return r;
		}
	}
	return 0;
}

static bool equal_args(const struct ms_rule_action_arg *a, const struct ms_rule_action_arg *b)
{
	if (a->n_values != b->n_values || !a->name != !b->name ||
	    (a->name && strcmp(a->name, b->name) != 0))
		return false;
	for (size_t i = 0; i < a->n_values; i++) {
		if (strcmp(a->values[i].text, b->values[i].text) != 0)
			return false;
	}
	return true;
}

bool ms_rule_action_equal(const struct ms_rule_action *a, size_t n_a,
			  const struct ms_rule_action *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (strcmp(a[i].name, b[i].name) != 0 || a[i].n_args != b[i].n_args)
			return false;
		for (size_t j = 0; j < a[i].n_args; j++) {
			if (!equal_args(&a[i].args[j], &b[i].args[j]))
				return false;
		}
	}
	return true;
}

bool ms_rule_action_may_be_set(const struct ms_rule_action *action,
			       const struct ms_rule_action_arg *arg,
			       const struct ms_rule_action_known *known)
{
	return !known || known->may_be_set(known->user, action->name, arg->name);
}

bool ms_rule_action_names_set(const struct ms_rule_action *actions, size_t count, const char *set,
			      const struct ms_rule_action_known *known)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < actions[i].n_args; j++) {
			const struct ms_rule_action_arg *arg = &actions[i].args[j];

			for (size_t v = 0; v < arg->n_values; v++) {
				if (strcmp(arg->values[v].text, set) == 0 &&
				    ms_rule_action_may_be_set(&actions[i], arg, known))
					return true;
			}
		}
	}
	return false;
}
