/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to a change that the manager makes later, when trials of plugins are over: the
 * connection waits for it, and the loop does not.
 */
#ifndef MS_CORE_CONTROL_AWAITED_H
#define MS_CORE_CONTROL_AWAITED_H

#include "core/control/server.h"
#include "core/manager/manager.h"

struct ms_control_awaited {
	struct ms_control_stream stream;
	struct ms_manager *manager;
	/* What was done, as a reply; NULL = out of memory. Says it in stream.audit, too. */
	json_t *(*shape)(struct ms_control_awaited *awaited, const struct ms_manager_done *done);
	char name[64]; /* the handler's, of what the change is about */
	bool dry_run;
	/* when it is over */
	int r;
	struct ms_error why;
	json_t *reply;
};

/* NULL = out of memory. The handler begins the task with it as `user` of ms_control_awaited_done(),
 * and puts its stream into the call; if it cannot, it frees it. */
struct ms_control_awaited *ms_control_awaited_new(
	struct ms_manager *manager,
	json_t *(*shape)(struct ms_control_awaited *awaited, const struct ms_manager_done *done));
struct ms_control_awaited *ms_control_awaited_free(struct ms_control_awaited *awaited);
void ms_control_awaited_done(void *user, const struct ms_manager_done *done);

#endif
