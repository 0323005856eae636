/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk over the live sessions that match, in slices short enough for the loop: what session
 * list, top and flush have in common.
 */
#ifndef MS_CORE_CONTROL_WALK_H
#define MS_CORE_CONTROL_WALK_H

#include <jansson.h>

#include "core/control/match.h"
#include "core/manager/manager.h"

/* A session with the names of what it belongs to; borrowed for the call. */
struct ms_control_walked {
	const struct ms_session_view *session;
	const char *iface, *group; /* "" = the interface is gone */
	const char *rule, *origin, *source;
};

struct ms_control_walk {
	struct ms_manager *manager;
	struct ms_control_match match;
	struct ms_session_cursor cursor;
};

int ms_control_walk_init(struct ms_control_walk *walk, struct ms_manager *manager, json_t *match,
			 struct ms_error *err);
void ms_control_walk_fini(struct ms_control_walk *walk);
/* One slice. 1 = there is more, 0 = the walk has been all round, -errno = `visit` or the kernel
 * said so. */
int ms_control_walk_step(struct ms_control_walk *walk,
			 int (*visit)(void *user, const struct ms_control_walked *walked),
			 void *user);

/* A session as the protocol shows it. NULL = out of memory. */
json_t *ms_control_walk_shape(const struct ms_control_walked *walked);

#endif
