/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sources/offers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
