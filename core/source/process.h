/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of a source's process, as the daemon sees it: started, listened to, ended. What it says
 * is checked frame by frame; whatever cannot be understood, and silence for longer than a beat,
 * ends the process. It is never waited for while it works.
 *
 * On the loop's thread; the hooks are called from the loop only.
 */
#ifndef MS_CORE_SOURCE_PROCESS_H
#define MS_CORE_SOURCE_PROCESS_H

#include <jansson.h>
#include <sys/types.h>

#include "core/loop.h"
#include "core/source/feed.h"
#include "core/source/offer.h"

#define MS_SOURCE_PROCESS_SILENCE_MS 30000 /* its beats come every two seconds */

struct ms_source_process;

struct ms_source_process_hooks {
	/* READY, ABORT, TROUBLE, LOG and STATS; lent. */
	void (*on_message)(void *user, const struct ms_source_wire_message *message);
	/* A whole transaction: `offer` is finished, and the callee's; `bytes` is what it came as,
	 * lent.
	 */
	void (*on_offer)(void *user, struct ms_source_offer *offer, const char *bytes,
			 size_t length);
	/* It is over; `process` may be freed now. `gave_up`: in order, with its own sentence. */
	void (*on_end)(void *user, bool gave_up, const char *sentence);
	void *user;
	struct ms_source_feed *feed; /* of a sink, borrowed; NULL = it is none */
};

/* `folder`, `own_folder` and `config` as ms_plugin_spawn() wants them; `hooks` is copied. */
int ms_source_process_start(struct ms_loop *loop, const char *folder, const char *name,
			    const char *own_folder, const json_t *config,
			    const struct ms_source_process_hooks *hooks,
			    struct ms_source_process **ret_process, struct ms_error *err);
/* Something was added to the feed: it is sent soon, with what comes until then. */
void ms_source_process_tell(struct ms_source_process *process);
pid_t ms_source_process_pid(const struct ms_source_process *process);
/* Told to stop, given half a second, then killed. No hook is called. Returns NULL. */
struct ms_source_process *ms_source_process_free(struct ms_source_process *process);

#endif
