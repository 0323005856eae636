/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One policy source, or sink of events, in the daemon: its process, started again when it ends, and
 * the last transaction that was good. That one is on disk too, so a daemon that starts has it in
 * force before the source has said a word, and a source that never comes back changes nothing.
 *
 * Transactions are prepared on a thread of their own and take turns, see core/source/turns.
 *
 * On the loop's thread.
 */
#ifndef MS_CORE_SOURCE_FOLLOWER_H
#define MS_CORE_SOURCE_FOLLOWER_H

#include <jansson.h>
#include <sys/types.h>

#include "core/base/log.h"
#include "core/loop.h"
#include "core/source/offer.h"
#include "core/source/preparation.h"
#include "core/source/restart.h"
#include "core/state/state.h"
#include "microseg/plugin.h"

struct ms_source_follower;

struct ms_source_follower_config {
	struct ms_loop *loop;
	struct ms_state *state;
	const char *folder, *name; /* of the plugin */
	/* As ms_plugin_spawn() wants them. */
	const char *control_socket;
	const json_t *config;
	/*
	 * Puts what was prepared in force as a whole or nothing of it; of `prepared` it may take
	 * the policy. `before` is what is in force, NULL = nothing yet.
	 */
	int (*apply)(void *user, struct ms_source_follower *follower,
		     struct ms_source_prepared *prepared, const struct ms_source_offer *before,
		     struct ms_error *err);
	/* Does what may take long while interfaces are followed, and says what came of it. */
	int (*away)(void *user, int (*work)(void *arg), void *arg);
	/* After ms_source_follower_leave(), from the loop: it may be freed. */
	void (*on_left)(void *user, struct ms_source_follower *follower);
	void *user;
	bool is_source, is_sink; /* what its plugin provides */
};

/* Reads what is on disk, away; the strings and `config` are copied, the rest is borrowed. */
int ms_source_follower_new(const struct ms_source_follower_config *config,
			   struct ms_source_follower **ret_follower, struct ms_error *err);
/* Starts its process, if there is none and it has none to wait for; from here on it mends itself.
 */
void ms_source_follower_start(struct ms_source_follower *follower);
/* It gets no process, because of `why`; what it said last may be put in force all the same. */
void ms_source_follower_disable(struct ms_source_follower *follower, const struct ms_error *why);
/* A new process as soon as the old one has ended, whatever its state: crashes are forgotten. */
void ms_source_follower_restart(struct ms_source_follower *follower);
/*
 * Its process is told to stop, and what it said and is not in force is dropped. True: nothing of it
 * runs any more, and it may be freed. False: on_left() will tell. Meanwhile nothing may be called
 * but what shows and frees it.
 */
bool ms_source_follower_leave(struct ms_source_follower *follower);
/*
 * Ends what runs of it and waits for that: half a second at most for each that has not left yet,
 * and for the text and the write that are at hand. What is on disk stays unless it is forgotten.
 * Returns NULL.
 */
struct ms_source_follower *ms_source_follower_free(struct ms_source_follower *follower);
void ms_source_follower_forget(struct ms_source_follower *follower);

/* A line of the log about it; those beyond what a second has are counted instead. */
void ms_source_follower_say(struct ms_source_follower *follower, enum ms_log_level level,
			    const char *module, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* An event for a sink; any other is not told. */
void ms_source_follower_tell(struct ms_source_follower *follower,
			     const struct ms_plugin_event *event);

const char *ms_source_follower_name(const struct ms_source_follower *follower);
/* What is in force of it, NULL = nothing; borrowed until the next return to the loop. */
const struct ms_source_offer *ms_source_follower_offer(const struct ms_source_follower *follower);

/* What is on disk of it could not be put in force, because of `why`: it counts as refused. */
void ms_source_follower_leave_out(struct ms_source_follower *follower, const struct ms_error *why);

struct ms_source_status {
	bool is_source, is_sink;
	enum ms_source_state state;
	pid_t pid;              /* 0 = no process */
	int64_t delivered_at;   /* seconds since 1970, of what is in force; 0 = nothing is */
	uint64_t age_ms;        /* of what is in force; a step of the clock does not change it */
	bool is_saved;          /* what is in force is from disk: it has not said anything yet */
	const char *trouble;    /* what it cannot reach, "" = nothing */
	const char *last_error; /* why its last transaction or process failed, "" = it did not */
	/* Seconds since 1970 when there came to be one, whatever it said then; 0 = there is none.
	 */
	int64_t trouble_since, error_since;
	unsigned int transactions, refused, restarts, crashes;
	uint64_t superseded;       /* transactions that a later one came before */
	uint64_t suppressed_lines; /* of the log */
	uint64_t events_lost;      /* that a sink was too slow for, or ended over */
	const json_t *stats;       /* its own numbers, NULL = none; borrowed */
};
void ms_source_follower_status(const struct ms_source_follower *follower,
			       struct ms_source_status *ret_status);

#endif
