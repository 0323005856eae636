/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sources/staging.h"

#include <errno.h>
#include <stdlib.h>

#include "core/sources/private.h"
#include "core/worker.h"

struct ms_sources_staging {
	struct ms_state *state;
	struct ms_documents documents; /* borrowed */
	bool applied;
	struct ms_worker *worker; /* NULL = it has ended */
	int result;
};

void ms_sources_staging_undo(struct ms_state *state)
{
	ms_state_unstage_documents(state, MS_STATE_LAST_GOOD);
	ms_state_unstage_documents(state, MS_STATE_APPLIED);
}

int ms_sources_staging_write(struct ms_state *state, const struct ms_documents *documents,
			     bool applied)
{
	int r = ms_state_stage_documents(state, MS_STATE_LAST_GOOD, documents);

	if (r == 0 && applied)
		r = ms_state_stage_documents(state, MS_STATE_APPLIED, documents);
	if (r < 0)
		ms_sources_staging_undo(state);
	return r;
}

static int work(void *user)
{
	const struct ms_sources_staging *staging = user;

	return ms_sources_staging_write(staging->state, &staging->documents, staging->applied);
}

int ms_sources_staging_begin(struct ms_state *state, const struct ms_documents *documents,
			     bool applied, struct ms_sources_staging **ret_staging)
{
	struct ms_sources_staging *staging = calloc(1, sizeof(*staging));
	int r;

	if (!staging)
		return -ENOMEM;
	staging->state = state;
	staging->documents = *documents;
	staging->applied = applied;
	r = ms_worker_start(work, staging, &staging->worker);
	if (r < 0) {
		free(staging);
		return r;
	}
	*ret_staging = staging;
	return 0;
}

void ms_sources_staging_wait(struct ms_sources_staging *staging)
{
	if (staging->worker)
		staging->result = ms_worker_end(staging->worker);
	staging->worker = NULL;
}

int ms_sources_staging_end(struct ms_sources_staging *staging)
{
	int r;

	ms_sources_staging_wait(staging);
	r = staging->result;
	free(staging);
	return r;
}

void ms_sources_staging_drop(struct ms_sources_staging *staging)
{
	struct ms_state *state = staging->state;

	if (ms_sources_staging_end(staging) == 0)
		ms_sources_staging_undo(state);
}

void ms_sources_stage(struct ms_sources *sources, struct ms_sources_next *next)
{
	if (next->documents_changed && !next->builtin &&
	    ms_sources_staging_begin(sources->state, &next->documents, next->applied,
				     &next->staging) < 0)
		next->staging = NULL;
}

void ms_sources_stage_wait(struct ms_sources_next *next)
{
	if (next->staging)
		ms_sources_staging_wait(next->staging);
}
