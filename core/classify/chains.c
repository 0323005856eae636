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
	struct ms_action_index *by_slot; /* MS_SLOTS_MAX */
	uint32_t n_slots;
};

struct ms_chains *ms_chains_new(struct ms_image *image, const struct ms_numbering *numbering)
{
	struct ms_chains *chains = calloc(1, sizeof(*chains));

	if (!chains)
		return NULL;
	chains->numbering = numbering;
	chains->index = ms_image_add_table(image, "ms_action_index", MS_SLOTS_MAX,
					   sizeof(*chains->by_slot));
	chains->lists = ms_image_add_table(image, "ms_action_lists", MS_ACTION_LISTS,
					   sizeof(struct ms_action_list));
	chains->args =
		ms_image_add_table(image, "ms_action_args", MS_ACTION_LISTS * MS_ACTION_LIST_MAX,
				   sizeof(struct ms_action_args));
	chains->by_slot = calloc(MS_SLOTS_MAX, sizeof(*chains->by_slot));
	if (!chains->index || !chains->lists || !chains->args || !chains->by_slot)
		return ms_chains_free(chains);
	return chains;
}

struct ms_chains *ms_chains_free(struct ms_chains *chains)
{
	if (!chains)
		return NULL;
	free(chains->by_slot);
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
	chains->by_slot[slot] = (struct ms_action_index) {
		.list = (chains->lists->n_rows - 1) & 0xffff,
		.first = list.slots & 0xff,
		.count = list.count & 0xf,
		.mode = list.mode & 0xf,
	};
	if (chains->n_slots <= slot)
		chains->n_slots = slot + 1;
	return 0;
}

int ms_chains_finish(struct ms_chains *chains, uint32_t *ret_slots)
{
	for (uint32_t slot = 0; slot < chains->n_slots; slot++) {
		int r = ms_image_add_row(chains->index, &chains->by_slot[slot]);

		if (r < 0)
			return r;
	}
	*ret_slots = chains->n_slots;
	return 0;
}
