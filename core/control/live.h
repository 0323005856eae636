/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An answer that needs what live sessions hold: they are counted first, in slices short enough for
 * the loop, then the answer is made, in one step or several.
 */
#ifndef MS_CORE_CONTROL_LIVE_H
#define MS_CORE_CONTROL_LIVE_H

#include "core/control/server.h"
#include "core/manager/manager.h"
#include "core/session/session.h"

/* First member of what belongs to one answer. */
struct ms_control_live {
	struct ms_control_stream stream;
	struct ms_manager *manager;
	struct ms_session_live counts; /* by slot and by zone */
	bool is_counted;
	/* A step of the answer, once all is counted; returns as a stream's on_step does. */
	int (*on_counted)(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err);
	void (*on_end)(struct ms_control_live *live); /* frees members; NULL = there are none */
};

/*
 * A zeroed object of `size` bytes that begins with a ms_control_live. The stream's on_end frees it:
 * the server's, once it is the call's stream, or whoever gives up before. NULL = out of memory.
 */
void *ms_control_live_new(size_t size, struct ms_manager *manager,
			  int (*on_counted)(struct ms_control_live *live, json_t **ret_reply,
					    struct ms_error *err));

#endif
