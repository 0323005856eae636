/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/sources/places.h"

#include <errno.h>
#include <stdlib.h>

/* One that stands twice keeps the order of its document. */
static int by_prefix(const void *a, const void *b, void *user)
{
	const struct ms_set_def *set = user;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	int order = ms_cidr_compare(&set->members[one].cidr, &set->members[other].cidr);

	return order ? order : (one > other) - (one < other);
}

static bool is_sorted(const struct ms_set_def *set)
{
	for (size_t i = 1; i < set->n_members; i++) {
		if (ms_cidr_compare(&set->members[i - 1].cidr, &set->members[i].cidr) > 0)
			return false;
	}
	return true;
}

int ms_sources_places_make(const struct ms_policy *policy, struct ms_sources_places *ret_places)
{
	struct ms_sources_places places = { .policy = policy };

	places.orders = calloc(policy->n_sets + 1, sizeof(*places.orders));
	if (!places.orders)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++) {
		struct ms_set_def *set = &policy->sets[i];
		uint32_t *order;

		if (is_sorted(set))
			continue;
		order = places.orders[i] = calloc(set->n_members, sizeof(*order));
		if (!order) {
			ms_sources_places_fini(&places);
			return -ENOMEM;
		}
		for (size_t m = 0; m < set->n_members; m++)
			order[m] = (uint32_t)m;
		qsort_r(order, set->n_members, sizeof(*order), by_prefix, set);
	}
	*ret_places = places;
	return 0;
}

void ms_sources_places_fini(struct ms_sources_places *places)
{
	for (size_t i = 0; places->policy && i < places->policy->n_sets; i++)
		free(places->orders[i]);
	free(places->orders);
	*places = (struct ms_sources_places) { 0 };
}

static const struct ms_set_member *at(const struct ms_set_def *set, const uint32_t *order,
				      size_t place)
{
	return &set->members[order ? order[place] : place];
}

int ms_sources_places_foreach(const struct ms_sources_places *places, const char *set,
			      const struct ms_cidr *cidr,
			      int (*each)(void *user, const struct ms_set_member *member),
			      void *user)
{
	const struct ms_set_def *def =
		places->policy ? ms_policy_find_set(places->policy, set) : NULL;
	const uint32_t *order = def ? places->orders[def - places->policy->sets] : NULL;
	size_t low = 0, high = def ? def->n_members : 0;
	int r = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ms_cidr_compare(&at(def, order, middle)->cidr, cidr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; r == 0 && def && low < def->n_members; low++) {
		const struct ms_set_member *member = at(def, order, low);

		if (ms_cidr_compare(&member->cidr, cidr) != 0)
			break;
		r = each(user, member);
	}
	return r;
}
