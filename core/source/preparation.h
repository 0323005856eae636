/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transaction between the process that said it and the commit that puts it in force: read from
 * its frames, made a policy, compared with what is in force, staged on disk. What that takes grows
 * with what the source says, so a thread of its own does it while the loop goes on.
 *
 * The functions are for the loop's thread.
 */
#ifndef MS_CORE_SOURCE_PREPARATION_H
#define MS_CORE_SOURCE_PREPARATION_H

#include <stdbool.h>

#include "core/loop.h"
#include "core/source/offer.h"
#include "core/state/state.h"

struct ms_source_preparation;

struct ms_source_preparation_config {
	struct ms_loop *loop;
	struct ms_state *state; /* of which only the file of `name` is touched */
	const char *name;       /* the source's */
	/* What is in force of it, NULL = nothing; it stays as it is until the end. */
	const struct ms_source_offer *before;
	ms_loop_callback on_done; /* from the loop: ms_source_preparation_end() does not wait now */
	void *user;
};

struct ms_source_prepared {
	struct ms_source_offer offer;
	struct ms_policy *policy; /* what it says, see ms_source_offer_policy() */
	bool is_members_alone;    /* nothing else differs from what is in force */
	bool is_no_offer;         /* on failure: no builder makes such bytes */
};

/* `bytes` are taken if it starts; the rest is borrowed until its end. */
int ms_source_preparation_start(const struct ms_source_preparation_config *config,
				struct ms_source_wire_buffer *bytes,
				struct ms_source_preparation **ret_preparation);
/* Nobody wants it any more: it ends after the text and the write that are at hand. */
void ms_source_preparation_give_up(struct ms_source_preparation *preparation);
/*
 * Waits for its end, and frees it. On success what was prepared is the caller's, and staged in the
 * state directory. On failure nothing is staged, and of `ret_prepared` `is_no_offer` alone is set.
 */
int ms_source_preparation_end(struct ms_source_preparation *preparation,
			      struct ms_source_prepared *ret_prepared, struct ms_error *err);
void ms_source_preparation_drop(struct ms_source_prepared *prepared);

#endif
