/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts microseg-plugin-host, in which plugins are tried, and sources and sinks live. */
#ifndef MS_CORE_PLUGIN_SPAWN_H
#define MS_CORE_PLUGIN_SPAWN_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"

/* The descriptor under which it finds the copy, if --copy says that there is one. */
#define MS_PLUGIN_SPAWN_COPY 3
#define MS_PLUGIN_SPAWN_HAS_COPY "3"

/* What to run. All is borrowed; paths may be NULL. */
struct ms_plugin_spawn {
	const char *task;           /* --describe, --try or --serve */
	const char *folder, *name;  /* of the plugin; NULL = the installation's folder */
	const char *own_folder;     /* that this plugin may write below */
	const char *control_socket; /* of the daemon that it serves */
	const json_t *config;       /* standard input: lists of texts by item; NULL = defaults */
	int output;                 /* standard output */
	bool has_copy;              /* it makes do with `copy` (copy.h), and reads no file */
	int copy;
};

/* No other descriptor of ours and no variable of ours reaches it. The caller waits for `*ret_pid`.
 */
int ms_plugin_spawn(const struct ms_plugin_spawn *what, pid_t *ret_pid, struct ms_error *err);

#endif
