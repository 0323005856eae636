/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of a source's process, as the daemon sees it: started, listened to, ended. What it says
 * is checked frame by frame; whatever cannot be understood, and silence for longer than a beat,
 * ends the process. It is never waited for while it works, nor, on the loop, while it ends.
 *
 * On the loop's thread; the hooks are called from the loop only.
 */
#ifndef MS_CORE_SOURCE_PROCESS_H
#define MS_CORE_SOURCE_PROCESS_H

#include <sys/types.h>

#include "core/loop.h"
#include "core/plugin/spawn.h"
#include "core/source/feed.h"
#include "core/source/wire.h"

#define MS_SOURCE_PROCESS_SILENCE_MS 30000 /* its beats come every two seconds */

struct ms_source_process;

struct ms_source_process_hooks {
	/* READY, ABORT, TROUBLE, LOG and STATS; lent. */
	void (*on_message)(void *user, const struct ms_source_wire_message *message);
	/* As core/source/inbox.h has it. */
	void (*on_offer)(void *user, struct ms_source_wire_buffer *bytes);
	/* It is over; `process` may be freed now. `gave_up`: in order, with its own sentence. Comes
	 * from the loop, also after ms_source_process_stop(). */
	void (*on_end)(void *user, bool gave_up, const char *sentence);
	void *user;
	struct ms_source_feed *feed; /* of a sink, borrowed; NULL = it is none */
};

/* `plugin` as ms_plugin_spawn() wants it, without task and output; `hooks` is copied. */
int ms_source_process_start(struct ms_loop *loop, const struct ms_plugin_spawn *plugin,
			    const struct ms_source_process_hooks *hooks,
			    struct ms_source_process **ret_process, struct ms_error *err);
/* Something was added to the feed: it is sent soon, with what comes until then. */
void ms_source_process_tell(struct ms_source_process *process);
/* Of what it offered, counted from 1, this `number` is refused; if that is for what it said from
 * one origin, it is told, and may offer the rest. NULL and a sink are fine: those are not told. */
void ms_source_process_refuse(struct ms_source_process *process, const char *name, uint32_t number,
			      const struct ms_error *why);
/* This `number` of them is in force. NULL and a sink are fine, as above. */
void ms_source_process_in_force(struct ms_source_process *process, uint32_t number);
pid_t ms_source_process_pid(const struct ms_source_process *process);
/* It says more than can be used: until that is over, its words are fetched less often. */
void ms_source_process_slow(struct ms_source_process *process, bool slow);
/* What it said breaks the protocol after all: it is killed, and `sentence` says why. */
void ms_source_process_condemn(struct ms_source_process *process, const char *sentence);
/* Told to stop, heard no more but for which events it took, and killed if it is still there half a
 * second later. */
void ms_source_process_stop(struct ms_source_process *process);
/* Stopped, and waited for if need be: at most until half a second after it was told to stop, and
 * then until the kill has worked. No hook is called. Returns NULL. */
struct ms_source_process *ms_source_process_free(struct ms_source_process *process);

#endif
