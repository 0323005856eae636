/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the installation that runs has its other parts. They are found from the program's own place
 * (PREFIX/bin or PREFIX/sbin), so a build tree, /usr and /usr/local each use their own.
 */
#ifndef MS_CORE_PLUGIN_PLACE_H
#define MS_CORE_PLUGIN_PLACE_H

#include <stddef.h>

/* PREFIX/lib/microseg/plugins. 0 or -errno. */
int ms_plugin_place_folder(char *buf, size_t size);
/* PREFIX/libexec/microseg/microseg-plugin-host. 0 or -errno. */
int ms_plugin_place_program(char *buf, size_t size);

#endif
