/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions that a source has said and that are not in force yet. One is prepared at a time, and
 * the source waits for its next turn as core/source/pace says; of what it says meanwhile the latest
 * transaction alone is kept, since each of them is all that the source has to say.
 *
 * On the loop's thread.
 */
#ifndef MS_CORE_SOURCE_TURNS_H
#define MS_CORE_SOURCE_TURNS_H

#include "core/loop.h"
#include "core/source/pace.h"
#include "core/source/preparation.h"

/* Which transaction: the process that said it, and which of what that has said, from 1. */
struct ms_source_turns_said {
	unsigned int run;
	uint32_t number;
};

struct ms_source_turns_hooks {
	/* What is in force of it, NULL = nothing; it stays as it is until the next on_prepared().
	 */
	const struct ms_source_offer *(*before)(void *user);
	/* `result` 0: it is staged and the callee's, who may take of it; or `why` not. */
	void (*on_prepared)(void *user, const struct ms_source_turns_said *said, int result,
			    struct ms_source_prepared *prepared, struct ms_error *why);
	/* After ms_source_turns_leave(): nothing is prepared any more. The last call. */
	void (*on_left)(void *user);
	void *user;
};

struct ms_source_turns {
	struct ms_loop *loop;
	struct ms_state *state;
	const char *name;
	struct ms_source_turns_hooks hooks;
	struct ms_source_pace *pace;
	struct ms_watch *turn;
	struct ms_source_wire_buffer waiting; /* the latest; no bytes = none */
	struct ms_source_preparation *preparation;
	struct ms_source_turns_said waits, prepares; /* or did last */
	uint64_t began_ns;                           /* the preparation */
	uint64_t superseded;                         /* that a later one came before */
	bool is_leaving;
};

/* Nanoseconds since boot, as all times of a source are that no clock's change may move. */
uint64_t ms_source_turns_now(void);

/* All is borrowed but `hooks`, which is copied. Fails without a trace. */
int ms_source_turns_init(struct ms_source_turns *turns, struct ms_loop *loop,
			 struct ms_state *state, const char *name, struct ms_source_pace *pace,
			 const struct ms_source_turns_hooks *hooks);
/* Waits for what is being prepared, which comes to nothing. Zeroes are fine. */
void ms_source_turns_fini(struct ms_source_turns *turns);

/* Takes the frames of a whole transaction, and leaves zeroes. */
void ms_source_turns_add(struct ms_source_turns *turns, unsigned int run,
			 struct ms_source_wire_buffer *bytes);
/* What the process `run` would say next, and whether one was said before the other. */
struct ms_source_turns_said ms_source_turns_next(const struct ms_source_turns *turns,
						 unsigned int run);
bool ms_source_turns_is_before(struct ms_source_turns_said one, struct ms_source_turns_said other);
/* One waits: there is no hurry for the next. */
bool ms_source_turns_are_behind(const struct ms_source_turns *turns);
/* All of it is to come to nothing. True: it has. */
bool ms_source_turns_leave(struct ms_source_turns *turns);

#endif
