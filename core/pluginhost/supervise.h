/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a function in a child that may crash, exit or never come back, and says which of the
 * plugin's callbacks it was in. Nothing the child does reaches this process.
 */
#ifndef MS_CORE_PLUGINHOST_SUPERVISE_H
#define MS_CORE_PLUGINHOST_SUPERVISE_H

#include <jansson.h>

#include "core/base/error.h"

/* The callback the child is in, as core/plugin/callback.h has it; shared with its supervisor. */
void ms_pluginhost_supervise_note(void *supervision, const char *callback);

/* `work` gives an object or -errno with `err`, in the child. Within `seconds` from now. `name` is
 * the plugin's, for sentences. */
int ms_pluginhost_supervise(const char *name, unsigned int seconds,
			    int (*work)(void *user, void *supervision, json_t **ret_answer,
					struct ms_error *err),
			    void *user, json_t **ret_answer, struct ms_error *err);

#endif
