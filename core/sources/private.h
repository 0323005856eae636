/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct ms_sources, shared by the files of core/sources and nobody else. */
#ifndef MS_CORE_SOURCES_PRIVATE_H
#define MS_CORE_SOURCES_PRIVATE_H

#include "core/sources/sources.h"

struct ms_sources {
	const struct ms_config *config;
	struct ms_state *state;
	struct ms_sources_next now; /* what is in force */
	bool staged;                /* last-good.json waits for its rename */
};

/* The times of members of `policy` begin now. */
void ms_sources_begin_times(struct ms_policy *policy);
/* The same of documents that were read again: where `before` (may be NULL) said the same of the
 * same member, its time goes on. -ENOMEM */
int ms_sources_carry_times(struct ms_policy *policy, const struct ms_policy *before);
/* As ms_runtime_policy() makes it of what holds now. */
int ms_sources_runtime_policy(const struct ms_runtime *runtime, struct ms_policy **ret_policy);
/* Every set of `merged` has the runtime members that `runtime` has; -ENOMEM */
int ms_sources_refresh_runtime_sets(struct ms_policy *merged, const struct ms_policy *runtime);

#endif
