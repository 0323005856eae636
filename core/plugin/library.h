/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin's code in this process. Its constructors run only after trust and elf have looked at the
 * very file that is loaded. It is never unloaded: nothing of it may be left hanging.
 */
#ifndef MS_CORE_PLUGIN_LIBRARY_H
#define MS_CORE_PLUGIN_LIBRARY_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

/* In front of what runs code of the plugin, and with NULL behind it. May be NULL. */
typedef void (*ms_plugin_library_note)(void *user, const char *callback);

/* NAME.so of the folder at `path`. `*ret_plugin` is ms_plugin_descriptor_free()'s. */
int ms_plugin_library_open(const char *path, const char *name, ms_plugin_library_note before,
			   void *user, struct ms_plugin *ret_plugin, struct ms_error *err);

#endif
