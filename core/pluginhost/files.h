/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a source or sink may read: those that its configuration names (MS_PLUGIN_FILE),
 * and the few that the C library and those for TLS read for every program.
 *
 * A file is often replaced by another one that is renamed into its place, and what Landlock lets
 * through is what was there when the process began. So a named file's folder is let through, where
 * it is the file's own, and what is lost in spite of that is found out here: a new process has it.
 */
#ifndef MS_CORE_PLUGINHOST_FILES_H
#define MS_CORE_PLUGINHOST_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/plugin/values.h"

struct ms_pluginhost_file {
	char *path;
	bool is_refused; /* whatever we do: it was so when the process began */
};

/* Starts as zeroes; ms_pluginhost_files_fini()'s, after a failure too. */
struct ms_pluginhost_files {
	struct ms_pluginhost_file *files;
	size_t count;
	char **beneath; /* what may be read, with all that is beneath; NULL-terminated */
	size_t n_beneath;
};

/* The path that the text of an MS_PLUGIN_FILE item names, within it; NULL = none. */
const char *ms_pluginhost_files_named(const char *text);

/* Without MS_PLUGIN_NEEDS_FILES there are none. -ENOMEM. */
int ms_pluginhost_files_find(struct ms_pluginhost_files *files, const struct ms_plugin *plugin,
			     const struct ms_plugin_values *values);
void ms_pluginhost_files_fini(struct ms_pluginhost_files *files);

/* Once the sandbox is entered: what is refused now stays so. */
void ms_pluginhost_files_begin(struct ms_pluginhost_files *files);
/* One that is there and may no longer be read, since another one took its place; NULL = none. */
const char *ms_pluginhost_files_lost(const struct ms_pluginhost_files *files);

#endif
