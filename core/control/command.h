/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control methods do: reads the manager's state into JSON, changes it through the
 * manager's operations. One file per object (cmd_*.c).
 *
 * daemon_main opens it after ms_manager_start() and closes it before ms_manager_stop(): the manager
 * does not know that it is remote-controlled, so the library graph has no circle.
 */
#ifndef MS_CORE_CONTROL_COMMAND_H
#define MS_CORE_CONTROL_COMMAND_H

#include "core/control/server.h"

struct ms_manager;

/* Serves `manager` (borrowed) on `path`; close with ms_control_server_close(). */
int ms_control_open(struct ms_manager *manager, struct ms_loop *loop, const char *path,
		    struct ms_control_server **ret_server, struct ms_error *err);

#define MS_CONTROL_HANDLER(name, text, handler, flags)                                             \
	int ms_control_cmd_##handler(struct ms_manager *manager, struct ms_control_call *call,     \
				     json_t **ret_reply, struct ms_error *err);
MS_METHODS(MS_CONTROL_HANDLER)
#undef MS_CONTROL_HANDLER

#endif
