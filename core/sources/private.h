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
	bool members_behind;        /* of now.runtime_policy and now.merged, against now.runtime */
	bool appended;              /* the last change of members is a line of the journal */
};

/* Every set of `merged` has the runtime members that `runtime` has; -ENOMEM */
int ms_sources_refresh_runtime_sets(struct ms_policy *merged, const struct ms_policy *runtime);

#endif
