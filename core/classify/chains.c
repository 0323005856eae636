/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/chains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"

/* One stands behind so many: the index has a byte for how far. */
#define SHARED_MAX (MS_OBSERVING_LAST - MS_OBSERVING_LIST)
#define NOT_THERE 0xff /* a slot that ms_actions does not have: the tail call fails */

_Static_assert(MS_RULE_ACTIONS_MAX == MS_ACTION_LIST_MAX, "what can be written can be run");

/* A rule with actions, and how those are called that look, if others do not: what runs in audit
 * mode. */
struct chain {
	const struct ms_rule *rule;
	uint32_t slot;
	struct ms_action_index line;
	struct ms_rule_action_call calls[MS_ACTION_LIST_MAX];
	struct ms_rule_action_call looking[MS_ACTION_LIST_MAX];
	size_t n_looking;
	bool has_place; /* for these */
};

struct ms_chains {
	const struct ms_numbering *numbering;
	struct ms_image *image;
	struct ms_image_table *index, *lists, *args;
	enum ms_mode mode; /* what INHERIT comes to, if that is the same everywhere; else INHERIT */
	struct chain *items;
	size_t count;
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
	chains->image = image;
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
	if (chains)
		free(chains->items);
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

static bool is_audited(const struct chain *chain)
{
	return chain->rule->verdict == MS_VERDICT_DENY && chain->line.mode != MS_MODE_ENFORCE;
}

/* What runs in audit mode: all, none, or a list of its own, whose place is found later. */
static void find_looking(struct chain *chain)
{
	size_t n_actions = chain->rule->n_actions;

	for (size_t place = 0; place < n_actions; place++) {
		if (chain->calls[place].observes)
			chain->looking[chain->n_looking++] = chain->calls[place];
	}
	if (chain->n_looking == 0)
		return;
	chain->line.observing_first = chain->looking[0].slot;
	if (chain->n_looking == n_actions) {
		chain->line.observing = MS_OBSERVING_LIST;
		chain->n_looking = 0;
	}
}

int ms_chains_add(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
		  struct ms_error *err)
{
	struct chain chain = {
		.rule = rule,
		.slot = slot,
		.line.mode = (uint8_t)(rule->mode == MS_MODE_INHERIT ? chains->mode : rule->mode),
	};
	int r = 0;

	/* The last one is no rule's. */
	if (chains->count == MS_ACTION_LISTS - 1)
		return ms_error_set_at(err, -ENOSPC, rule->origin.file, rule->origin.line,
				       rule->origin.column, rule->id,
				       "the policy does not fit: more than %u lists of actions",
				       MS_ACTION_LISTS - 1);
	for (size_t place = 0; r == 0 && place < rule->n_actions; place++)
		r = find_call(chains, rule, place, &chain.calls[place], err);
	if (r < 0)
		return r;
	if (is_audited(&chain))
		find_looking(&chain);
	chain.line.first = chain.calls[0].slot;
	return ms_array_append(&chains->items, &chains->count, chain);
}

/* ---- their places ---- */

/* Behind the lists that are there. */
static int add_list(struct ms_chains *chains, const struct chain *of,
		    const struct ms_rule_action_call *calls, size_t count)
{
	static const struct ms_rule_action_call none = { .slot = NOT_THERE };
	struct ms_action_list list = {
		.rule = of->slot,
		.count = (uint8_t)count,
		.fallback = (uint8_t)of->rule->fallback,
		.mode = (uint8_t)of->rule->mode,
	};
	int r = 0;

	for (size_t place = 0; r == 0 && place < MS_ACTION_LIST_MAX; place++) {
		const struct ms_rule_action_call *call = place < count ? &calls[place] : &none;

		list.slots |= (uint64_t)call->slot << 8 * place;
		r = ms_image_add_row(chains->args, &call->args);
	}
	return r < 0 ? r : ms_image_add_row(chains->lists, &list);
}

static int add_chain(struct ms_chains *chains, struct chain *chain)
{
	struct ms_action_index *lines = chains->index->rows;

	chain->line.list = chains->lists->n_rows | (uint32_t)chain->rule->n_actions
							   << MS_CHAIN_COUNT_SHIFT;
	lines[chain->slot] = chain->line;
	return add_list(chains, chain, chain->calls, chain->rule->n_actions);
}

static int compare_looking(const struct chain *left, const struct chain *right)
{
	if (left->n_looking != right->n_looking)
		return left->n_looking < right->n_looking ? -1 : 1;
	return memcmp(left->looking, right->looking, sizeof(left->looking));
}

/* By what looks; the same in the order of judgement. */
static int by_looking(const void *a, const void *b)
{
	const struct chain *left = *(struct chain *const *)a, *right = *(struct chain *const *)b;
	int order = compare_looking(left, right);

	return order ? order : (left > right) - (left < right);
}

/* Rules that share a list of what looks. */
struct sharing {
	struct chain **items;
	size_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct sharing *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return (left->items[0] > right->items[0]) - (left->items[0] < right->items[0]);
}

/* Those that have the same list, up to as many as it may stand behind. */
static size_t count_alike(struct chain *const *sorted, size_t count)
{
	size_t alike = 1;

	while (alike < count && alike < SHARED_MAX &&
	       compare_looking(sorted[0], sorted[alike]) == 0)
		alike++;
	return alike;
}

/* Their lists, and behind them the one that they share. */
static int add_sharing(struct ms_chains *chains, const struct sharing *sharing)
{
	const struct chain *first = sharing->items[0];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sharing->count; i++) {
		struct chain *chain = sharing->items[i];

		chain->has_place = true;
		chain->line.observing = (uint8_t)(MS_OBSERVING_LIST + sharing->count - i);
		r = add_chain(chains, chain);
	}
	return r < 0 ? r : add_list(chains, first, first->looking, first->n_looking);
}

/* Those first that many share, so that few are left out, and then in the order of judgement. */
static int add_all_sharing(struct ms_chains *chains, struct chain **sorted, size_t count)
{
	ms_cleanup(ms_free) struct sharing *all = calloc(count + 1, sizeof(*all));
	size_t room = MS_ACTION_LISTS - 1 - chains->count, n_all = 0;
	int r = 0;

	if (!all)
		return -ENOMEM;
	qsort(sorted, count, sizeof(*sorted), by_looking);
	for (size_t i = 0; i < count; i += all[n_all++].count)
		all[n_all] = (struct sharing) { &sorted[i], count_alike(&sorted[i], count - i) };
	qsort(all, n_all, sizeof(*all), by_count);
	for (size_t i = 0; r == 0 && i < n_all && i < room; i++)
		r = add_sharing(chains, &all[i]);
	return r;
}

/* All others, and of those some that are looked at by nobody. */
static int add_rest(struct ms_chains *chains, struct ms_unobserved *unobserved)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < chains->count; i++) {
		struct chain *chain = &chains->items[i];

		if (chain->has_place)
			continue;
		if (chain->n_looking && unobserved->count++ == 0)
			snprintf(unobserved->first, sizeof(unobserved->first), "%s",
				 chain->rule->id);
		r = add_chain(chains, chain);
	}
	return r;
}

int ms_chains_end(struct ms_chains *chains)
{
	ms_cleanup(ms_free) struct chain **sorted = calloc(chains->count + 1, sizeof(*sorted));
	size_t count = 0;
	int r;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < chains->count; i++) {
		if (chains->items[i].n_looking)
			sorted[count++] = &chains->items[i];
	}
	r = add_all_sharing(chains, sorted, count);
	return r < 0 ? r : add_rest(chains, &chains->image->unobserved);
}
