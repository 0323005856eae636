/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in a policy's sets a member stands, without looking at all of them: documents are in the
 * order of whoever wrote them, and may have 100,000 members. Pure.
 */
#ifndef MS_CORE_SOURCES_PLACES_H
#define MS_CORE_SOURCES_PLACES_H

#include "core/policy/model.h"

/* Starts as zeroes: of no policy. */
struct ms_sources_places {
	const struct ms_policy *policy; /* borrowed */
	uint32_t **orders; /* of each of its sets: members by prefix; NULL = they stand so */
};

/* Of `policy` as it is: whoever changes its sets makes it anew. -ENOMEM */
int ms_sources_places_make(const struct ms_policy *policy, struct ms_sources_places *ret_places);
void ms_sources_places_fini(struct ms_sources_places *places);
/* Calls `each` for every time that the prefix stands in that set, until it returns other than 0,
 * which is then returned. */
int ms_sources_places_foreach(const struct ms_sources_places *places, const char *set,
			      const struct ms_cidr *cidr,
			      int (*each)(void *user, const struct ms_set_member *member),
			      void *user);

#endif
