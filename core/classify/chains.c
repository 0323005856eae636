/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/chains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_THERE 0xff /* a slot that ms_actions does not have: the tail call fails */

_Static_assert(MS_RULE_ACTIONS_MAX == MS_ACTION_LIST_MAX, "what can be written can be run");

struct ms_chains {
	const struct ms_numbering *numbering;
	struct ms_image_table *index, *lists, *args;
	enum ms_mode mode; /* what INHERIT comes to, if that is the same everywhere; else INHERIT */
};

/* Of all groups but those that are never judged. */
static enum ms_mode common_mode(const struct ms_policy *policy)
{
	enum ms_mode common = MS_MODE_INHERIT;

	for (size_t i = 0; i < policy->n_groups; i++) {
		enum ms_mode mode = policy->groups[i].mode;

		if (mode == MS_MODE_DISABLED)
			continue;
		if (common != MS_MODE_INHERIT && common != mode)
			return MS_MODE_INHERIT;
		common = mode;
	}
	return common;
}

/* All lines, also those of slots without a list: what stood there was another policy's. */
static int fill_index(struct ms_image_table *index)
{
	index->rows = calloc(MS_SLOTS_MAX, index->row_size);
	if (!index->rows)
		return -ENOMEM;
	index->n_rows = index->n_allocated = MS_SLOTS_MAX;
	return 0;
}

struct ms_chains *ms_chains_new(struct ms_image *image, const struct ms_policy *policy,
				const struct ms_numbering *numbering)
{
	struct ms_chains *chains = calloc(1, sizeof(*chains));

	if (!chains)
		return NULL;
	chains->numbering = numbering;
	chains->mode = common_mode(policy);
	chains->index = ms_image_add_table(image, "ms_action_index", MS_SLOTS_MAX,
					   sizeof(struct ms_action_index));
	chains->lists = ms_image_add_table(image, "ms_action_lists", MS_ACTION_LISTS,
					   sizeof(struct ms_action_list));
	chains->args =
		ms_image_add_table(image, "ms_action_args", MS_ACTION_LISTS * MS_ACTION_LIST_MAX,
				   sizeof(struct ms_action_args));
	if (!chains->index || !chains->lists || !chains->args || fill_index(chains->index) < 0)
		return ms_chains_free(chains);
	return chains;
}

struct ms_chains *ms_chains_free(struct ms_chains *chains)
{
	free(chains);
	return NULL;
}

/* How the rule's action is called; one that is not there has NOT_THERE. */
static int find_call(const struct ms_chains *chains, const struct ms_rule *rule, size_t place,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	const struct ms_numbering *numbering = chains->numbering;
	int r = -ENOENT;

	memset(ret_call, 0, sizeof(*ret_call));
	if (numbering->action)
		r = numbering->action(numbering->user, &rule->actions[place], ret_call, err);
	if (r == -ENOENT) {
		*ret_call = (struct ms_rule_action_call) { .slot = NOT_THERE };
		return 0;
	}
	/* The action knows line and column, the rule in which file. */
	if (r < 0 && err && !err->file[0] && rule->origin.file)
		snprintf(err->file, sizeof(err->file), "%s", rule->origin.file);
	return r;
}

/* Behind the lists that are there; `*ret_index` is its place. */
static int add_list(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
		    const struct ms_rule_action_call *calls, size_t count, uint32_t *ret_index,
		    struct ms_error *err)
{
	static const struct ms_rule_action_call none = { .slot = NOT_THERE };
	struct ms_action_list list = {
		.rule = slot,
		.count = (uint8_t)count,
		.fallback = (uint8_t)rule->fallback,
		.mode = (uint8_t)rule->mode,
	};
	int r = 0;

	/* The last one is no rule's. */
	if (chains->lists->n_rows == MS_ACTION_LISTS - 1)
		return ms_error_set_at(err, -ENOSPC, rule->origin.file, rule->origin.line,
				       rule->origin.column, rule->id,
				       "the policy does not fit: more than %u lists of actions",
				       MS_ACTION_LISTS - 1);
	*ret_index = chains->lists->n_rows;
	for (size_t place = 0; r == 0 && place < MS_ACTION_LIST_MAX; place++) {
		const struct ms_rule_action_call *call = place < count ? &calls[place] : &none;

		list.slots |= (uint64_t)call->slot << 8 * place;
		r = ms_image_add_row(chains->args, &call->args);
	}
	return r < 0 ? r : ms_image_add_row(chains->lists, &list);
}

/* What runs in audit mode. */
static int add_observing(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
			 const struct ms_rule_action_call *calls, struct ms_action_index *line,
			 struct ms_error *err)
{
	struct ms_rule_action_call observing[MS_ACTION_LIST_MAX];
	size_t count = 0;
	uint32_t next;

	for (size_t place = 0; place < rule->n_actions; place++)
		if (calls[place].observes)
			observing[count++] = calls[place];
	if (count == 0)
		return 0;
	line->observing_first = observing[0].slot;
	line->observing = count == rule->n_actions ? MS_OBSERVING_LIST : MS_OBSERVING_NEXT;
	return count == rule->n_actions
		       ? 0
		       : add_list(chains, rule, slot, observing, count, &next, err);
}

int ms_chains_add(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
		  struct ms_error *err)
{
	struct ms_rule_action_call calls[MS_ACTION_LIST_MAX];
	struct ms_action_index line = {
		.mode = (uint8_t)(rule->mode == MS_MODE_INHERIT ? chains->mode : rule->mode),
	};
	int r = 0;

	for (size_t place = 0; r == 0 && place < rule->n_actions; place++)
		r = find_call(chains, rule, place, &calls[place], err);
	if (r == 0)
		r = add_list(chains, rule, slot, calls, rule->n_actions, &line.list, err);
	if (r == 0 && rule->verdict == MS_VERDICT_DENY && line.mode != MS_MODE_ENFORCE)
		r = add_observing(chains, rule, slot, calls, &line, err);
	if (r < 0)
		return r;
	line.list |= (uint32_t)rule->n_actions << MS_CHAIN_COUNT_SHIFT;
	line.first = calls[0].slot;
	((struct ms_action_index *)chains->index->rows)[slot] = line;
	return 0;
}
