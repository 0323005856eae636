/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin's file as it was when it was read: memory that nobody can change any more, this process
 * neither. All that is made of a plugin is made of such a copy, so what was looked at and tried is
 * what runs, and its file may be written over at any time.
 */
#ifndef MS_CORE_PLUGIN_COPY_H
#define MS_CORE_PLUGIN_COPY_H

#include <stdbool.h>

#include "core/base/error.h"

#define MS_PLUGIN_COPY_MAX (256u << 20) /* bytes of a file */

/* Of NAME.so in the folder at `path` (NULL = the installation's), if trust has nothing against it.
 * A descriptor that the caller owns. */
int ms_plugin_copy_open(const char *path, const char *name, int *ret_fd, struct ms_error *err);
/* Whether two of them hold the same bytes. */
bool ms_plugin_copy_is_same(int a, int b);

#endif
