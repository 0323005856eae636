/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Documents of a policy to come, written beside their old selves in the state directory. Nothing of
 * it counts until ms_state_settle_documents(); it may be done by a thread while the policy is
 * compiled, and is then over when that is.
 */
#ifndef MS_CORE_SOURCES_STAGING_H
#define MS_CORE_SOURCES_STAGING_H

#include <stdbool.h>

#include "core/state/state.h"

struct ms_sources_staging;

/* As what a start falls back to, and, if they are `applied`, as applied ones, too. On failure
 * neither is left. */
int ms_sources_staging_write(struct ms_state *state, const struct ms_documents *documents,
			     bool applied);
/* The same by a thread: names and texts stay as they are until its end, and nobody else stages
 * documents. -errno: nothing was begun. */
int ms_sources_staging_begin(struct ms_state *state, const struct ms_documents *documents,
			     bool applied, struct ms_sources_staging **ret_staging);
/* Waits for it; any thread may that has it to itself. */
void ms_sources_staging_wait(struct ms_sources_staging *staging);
/* Waits, too. Returns what ms_sources_staging_write() did. */
int ms_sources_staging_end(struct ms_sources_staging *staging);
/* Waits as well, and nothing is left. */
void ms_sources_staging_drop(struct ms_sources_staging *staging);
/* Of both; what was not staged is fine. */
void ms_sources_staging_undo(struct ms_state *state);

#endif
