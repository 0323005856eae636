/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening socket in the file system: who may connect is its mode and group. Bound under a
 * tight umask and opened up only when owner and group are right.
 */
#ifndef MS_CORE_CONTROL_LISTENER_H
#define MS_CORE_CONTROL_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"

#define MS_CONTROL_GROUP "microseg"

struct ms_control_listener {
	int fd; /* -1 = closed */
	char path[108];
	dev_t device;
	ino_t inode;
};

#define MS_CONTROL_LISTENER_INIT                                                                   \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* -EADDRINUSE if a living daemon answers there; -EEXIST if something else has the name. */
int ms_control_listener_open(const char *path, struct ms_control_listener *ret_listener,
			     struct ms_error *err);
/* Removes the file only if it is still the one that was bound. */
void ms_control_listener_close(struct ms_control_listener *listener);

#endif
