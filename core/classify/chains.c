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

static int add_place(struct ms_chains *chains, const struct ms_rule *rule, size_t place,
		     struct ms_action_list *list, struct ms_error *err)
{
	const struct ms_numbering *numbering = chains->numbering;
	struct ms_action_args args = { 0 };
	uint8_t slot = NOT_THERE;
	int r = 0;

	if (place < rule->n_actions && numbering->action)
		r = numbering->action(numbering->user, &rule->actions[place], &slot, &args, err);
	if (r < 0 && r != -ENOENT) {
		/* The action knows line and column, the rule in which file. */
		if (err && !err->file[0] && rule->origin.file)
			snprintf(err->file, sizeof(err->file), "%s", rule->origin.file);
		return r;
	}
	list->slots |= (uint64_t)slot << 8 * place;
	return ms_image_add_row(chains->args, &args);
}

int ms_chains_add(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
		  struct ms_error *err)
{
	struct ms_action_list list = {
		.rule = slot,
		.count = (uint8_t)rule->n_actions,
		.fallback = (uint8_t)rule->fallback,
		.mode = (uint8_t)rule->mode,
	};
	struct ms_action_index *line = (struct ms_action_index *)chains->index->rows + slot;
	int r = 0;

	/* The last one is no rule's. */
	if (chains->lists->n_rows == MS_ACTION_LISTS - 1)
		return ms_error_set_at(err, -ENOSPC, rule->origin.file, rule->origin.line,
				       rule->origin.column, rule->id,
				       "the policy does not fit: more than %u rules with actions",
				       MS_ACTION_LISTS - 1);
	for (size_t place = 0; r == 0 && place < MS_ACTION_LIST_MAX; place++)
		r = add_place(chains, rule, place, &list, err);
	if (r == 0)
		r = ms_image_add_row(chains->lists, &list);
	if (r < 0)
		return r;
	*line = (struct ms_action_index) {
		.list = (chains->lists->n_rows - 1) | (uint32_t)list.count << MS_CHAIN_COUNT_SHIFT,
		.first = list.slots & 0xff,
		.mode = (uint8_t)(rule->mode == MS_MODE_INHERIT ? chains->mode : rule->mode),
	};
	return 0;
}
