/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which plugin's callback runs, in a file that is mapped: two stores into memory per callback, and
 * after a crash or a SIGKILL the kernel has what was stored.
 */
#ifndef MS_CORE_PLUGIN_NOTE_H
#define MS_CORE_PLUGIN_NOTE_H

#include "core/base/error.h"

#define MS_PLUGIN_NOTE_FILE "plugin-in-callback"

struct ms_plugin_page;

/* Opens or makes the file. What the last daemon left in it is kept aside, and the file emptied. */
int ms_plugin_note_open(const char *folder, struct ms_plugin_page **ret_page, struct ms_error *err);
void ms_plugin_note_close(struct ms_plugin_page *page); /* NULL is fine */
/* `callback` as core/plugin/callback.h has it. NULL, NULL = it is out again. Without a page nothing
 * is noted. */
void ms_plugin_note_set(struct ms_plugin_page *page, const char *plugin, const char *callback);
/* The plugin that the last daemon ended in, "" = none, and its callback. */
const char *ms_plugin_note_last(const struct ms_plugin_page *page, const char **ret_callback);

#endif
