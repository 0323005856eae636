/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own copy of a plugin's descriptor: arrays in the host's sizes, every field looked at
 * once, so that whoever uses it later need not. Strings and functions stay the plugin's, which is
 * never unloaded.
 */
#ifndef MS_CORE_PLUGIN_DESCRIPTOR_H
#define MS_CORE_PLUGIN_DESCRIPTOR_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

#define MS_PLUGIN_DESCRIPTOR_ITEMS_MAX 64   /* of one schema */
#define MS_PLUGIN_DESCRIPTOR_ACTIONS_MAX 16 /* of one plugin */
#define MS_PLUGIN_DESCRIPTOR_TEXT_MAX 255   /* bytes of a summary, a help line, a word */

/* `name` is the file's, `note` its note: the descriptor must agree with both. -EPROTO with a
 * sentence that names the field. */
int ms_plugin_descriptor_copy(const struct ms_plugin *from, const char *name,
			      const struct ms_plugin_note *note, struct ms_plugin *ret_copy,
			      struct ms_error *err);
void ms_plugin_descriptor_free(struct ms_plugin *copy); /* zeroed is fine */

#endif
