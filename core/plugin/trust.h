/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a plugin's file may be looked at at all: a name, not a path; every folder on the way and
 * the file itself are root's and nobody else may write them; no link is followed. What is checked
 * is what was opened, so nothing can be put in its place in between.
 */
#ifndef MS_CORE_PLUGIN_TRUST_H
#define MS_CORE_PLUGIN_TRUST_H

#include <stdbool.h>

#include "core/base/error.h"

/* [a-z0-9_]{1,31} */
bool ms_plugin_trust_is_name(const char *name);

/* An open folder, O_PATH. `path` is from the root. */
int ms_plugin_trust_open_folder(const char *path, int *ret_fd, struct ms_error *err);
/* NAME.so in the folder at `path`, open for reading. -ENOENT: it is not there. */
int ms_plugin_trust_open(const char *path, const char *name, int *ret_fd, struct ms_error *err);

#endif
