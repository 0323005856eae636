/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin's code in this process. Its constructors run only after trust and elf have looked at
 * what is loaded, a copy that nobody can change (copy.h). It is never unloaded: nothing of it may
 * be left hanging. The same code is there once, however often it is opened.
 */
#ifndef MS_CORE_PLUGIN_LIBRARY_H
#define MS_CORE_PLUGIN_LIBRARY_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

/* In front of what runs code of the plugin, and with NULL behind it. May be NULL. */
typedef void (*ms_plugin_library_note)(void *user, const char *callback);

/* `copy` is of NAME.so, and stays the caller's. `*ret_plugin` is ms_plugin_descriptor_free()'s.
 * `*ret_held`, which may be NULL: a copy of the same, open as long as the process. */
int ms_plugin_library_open(int copy, const char *name, ms_plugin_library_note before, void *user,
			   struct ms_plugin *ret_plugin, int *ret_held, struct ms_error *err);

#endif
