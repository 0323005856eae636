/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What plugin sources have offered, a policy each, in the order in which they are judged. Policies
 * are shared between what is in force and what is being changed, since one may hold a million
 * members; so they are never changed, only replaced.
 */
#ifndef MS_CORE_SOURCES_OFFERS_H
#define MS_CORE_SOURCES_OFFERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/policy/merge.h"
#include "core/policy/model.h"

struct ms_sources_offer;

/* Starts as zeroes. */
struct ms_sources_offers {
	struct ms_sources_offer **items;
	size_t count;
};

void ms_sources_offers_fini(struct ms_sources_offers *offers);
int ms_sources_offers_copy(const struct ms_sources_offers *offers,
			   struct ms_sources_offers *ret_copy);
/* In the place of what that source had, or behind the others. `policy` is the callee's on success,
 * and the times of its members begin; `before`: judged before the operator's rules. -ENOMEM */
int ms_sources_offers_put(struct ms_sources_offers *offers, const char *name, bool before,
			  struct ms_policy *policy);
/* NULL = nothing of that source. */
const struct ms_policy *ms_sources_offers_find(const struct ms_sources_offers *offers,
					       const char *name);
/* Calls `each` for every time that a source offers that prefix in that set, until it returns other
 * than 0, which is then returned. `source` is its name. */
int ms_sources_offers_foreach(const struct ms_sources_offers *offers, const char *set,
			      const struct ms_cidr *cidr,
			      int (*each)(void *user, const char *source,
					  const struct ms_set_member *member),
			      void *user);
void ms_sources_offers_remove(struct ms_sources_offers *offers, const char *name);
/* By rank, lower first, those of one rank as they stand. */
void ms_sources_offers_order(struct ms_sources_offers *offers,
			     size_t (*rank)(void *user, const char *name), void *user);
/* As a merge wants them, borrowed; the array is the caller's. -ENOMEM */
int ms_sources_offers_inputs(const struct ms_sources_offers *offers,
			     struct ms_merge_plugin **ret_plugins);

#endif
