/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts microseg-plugin-host, in which plugins are tried, and sources and sinks live. */
#ifndef MS_CORE_PLUGIN_SPAWN_H
#define MS_CORE_PLUGIN_SPAWN_H

#include <jansson.h>
#include <sys/types.h>

#include "core/base/error.h"

/*
 * `task` is --describe, --try or --serve. `folder` is the plugins', NULL = the installation's;
 * `own_folder` the one that this plugin may write below, NULL = none.
 * `config`, borrowed, holds lists of texts by item and is its standard input; NULL = what defaults
 * give. `output`, borrowed, is its standard output. No other descriptor and no variable of ours
 * reaches it. The caller waits for `*ret_pid`.
 */
int ms_plugin_spawn(const char *task, const char *folder, const char *name, const char *own_folder,
		    const json_t *config, int output, pid_t *ret_pid, struct ms_error *err);

#endif
