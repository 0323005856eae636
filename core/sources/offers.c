/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sources/offers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/sources/private.h"

struct ms_sources_offer {
	unsigned int holders;
	char *name;
	bool before;
	struct ms_policy *policy;
};

static void let_go(struct ms_sources_offer *offer)
{
	if (--offer->holders > 0)
		return;
	ms_policy_free(offer->policy);
	free(offer->name);
	free(offer);
}

void ms_sources_offers_fini(struct ms_sources_offers *offers)
{
	for (size_t i = 0; i < offers->count; i++)
		let_go(offers->items[i]);
	free(offers->items);
	*offers = (struct ms_sources_offers) { 0 };
}

int ms_sources_offers_copy(const struct ms_sources_offers *offers,
			   struct ms_sources_offers *ret_copy)
{
	struct ms_sources_offer **items = calloc(offers->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < offers->count; i++) {
		items[i] = offers->items[i];
		items[i]->holders++;
	}
	*ret_copy = (struct ms_sources_offers) { items, offers->count };
	return 0;
}

static struct ms_sources_offer **find(const struct ms_sources_offers *offers, const char *name)
{
	for (size_t i = 0; i < offers->count; i++) {
		if (strcmp(offers->items[i]->name, name) == 0)
			return &offers->items[i];
	}
	return NULL;
}

static struct ms_sources_offer *new_offer(const char *name, bool before)
{
	struct ms_sources_offer *offer = calloc(1, sizeof(*offer));

	if (!offer)
		return NULL;
	offer->holders = 1;
	offer->before = before;
	offer->name = strdup(name);
	if (!offer->name) {
		free(offer);
		return NULL;
	}
	return offer;
}

static int by_cidr(const void *a, const void *b)
{
	return ms_cidr_compare(&((const struct ms_set_member *)a)->cidr,
			       &((const struct ms_set_member *)b)->cidr);
}

/* Of a million members one must be found fast. What is said member by member is sorted already,
 * which is for whole documents to become. */
static void sort_members(struct ms_policy *policy)
{
	for (size_t i = 0; i < policy->n_sets; i++) {
		struct ms_set_def *set = &policy->sets[i];
		bool is_sorted = true;

		for (size_t m = 1; is_sorted && m < set->n_members; m++)
			is_sorted = by_cidr(&set->members[m - 1], &set->members[m]) <= 0;
		if (!is_sorted)
			qsort(set->members, set->n_members, sizeof(*set->members), by_cidr);
	}
}

static size_t find_first(const struct ms_set_def *set, const struct ms_cidr *cidr)
{
	_Static_assert(offsetof(struct ms_set_member, cidr) == 0, "begins with its prefix");
	return ms_cidr_first(set->members, set->n_members, sizeof(*set->members), cidr);
}

int ms_sources_offers_foreach(
	const struct ms_sources_offers *offers, const char *set, const struct ms_cidr *cidr,
	int (*each)(void *user, const char *source, const struct ms_set_member *member), void *user)
{
	int r = 0;

	for (size_t i = 0; i < offers->count; i++) {
		const struct ms_policy *policy = offers->items[i]->policy;

		for (size_t s = 0; s < policy->n_sets; s++) {
			const struct ms_set_def *of = &policy->sets[s];

			if (strcmp(of->name, set) != 0)
				continue;
			for (size_t m = find_first(of, cidr); r == 0 && m < of->n_members; m++) {
				if (ms_cidr_compare(&of->members[m].cidr, cidr) != 0)
					break;
				r = each(user, offers->items[i]->name, &of->members[m]);
			}
		}
	}
	return r;
}

int ms_sources_offers_put(struct ms_sources_offers *offers, const char *name, bool before,
			  struct ms_policy *policy)
{
	struct ms_sources_offer **at = find(offers, name), **items;
	struct ms_sources_offer *offer = new_offer(name, before);

	if (!offer)
		return -ENOMEM;
	if (!at) {
		items = reallocarray(offers->items, offers->count + 1,
				     sizeof(struct ms_sources_offer *));
		if (!items) {
			let_go(offer);
			return -ENOMEM;
		}
		offers->items = items;
		at = &items[offers->count++];
	} else {
		let_go(*at);
	}
	ms_sources_begin_times(policy);
	sort_members(policy);
	offer->policy = policy;
	*at = offer;
	return 0;
}

const struct ms_policy *ms_sources_offers_find(const struct ms_sources_offers *offers,
					       const char *name)
{
	struct ms_sources_offer **at = find(offers, name);

	return at ? (*at)->policy : NULL;
}

void ms_sources_offers_remove(struct ms_sources_offers *offers, const char *name)
{
	struct ms_sources_offer **at = find(offers, name);

	if (!at)
		return;
	let_go(*at);
	offers->count--;
	memmove(at, at + 1,
		(size_t)(offers->items + offers->count - at) * sizeof(struct ms_sources_offer *));
}

void ms_sources_offers_order(struct ms_sources_offers *offers,
			     size_t (*rank)(void *user, const char *name), void *user)
{
	for (size_t i = 1; i < offers->count; i++) {
		struct ms_sources_offer *offer = offers->items[i];
		size_t to = i;

		for (; to > 0 && rank(user, offers->items[to - 1]->name) > rank(user, offer->name);
		     to--)
			offers->items[to] = offers->items[to - 1];
		offers->items[to] = offer;
	}
}

int ms_sources_offers_inputs(const struct ms_sources_offers *offers,
			     struct ms_merge_plugin **ret_plugins)
{
	struct ms_merge_plugin *plugins = calloc(offers->count + 1, sizeof(*plugins));

	if (!plugins)
		return -ENOMEM;
	for (size_t i = 0; i < offers->count; i++)
		plugins[i] = (struct ms_merge_plugin) { offers->items[i]->policy,
							offers->items[i]->before };
	*ret_plugins = plugins;
	return 0;
}
