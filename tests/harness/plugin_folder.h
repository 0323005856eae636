/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder that a test's daemon takes its plugins from, filled by name: with one of the tests'
 * own plugins or, where none is called so, with one that microseg ships.
 */
#ifndef MS_TESTS_HARNESS_PLUGIN_FOLDER_H
#define MS_TESTS_HARNESS_PLUGIN_FOLDER_H

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"

#define MS_PLUGIN_FOLDER MS_NETNS_DIR "/plugins"
#define MS_PLUGIN_SCRIPT MS_NETNS_DIR "/script"

/* Makes it, empty. After ms_netns_setup(). */
void ms_plugin_folder_make(void);
/* ms_site_setup() with such a folder and, unless it is NULL, this policy in the place of the
 * site's. Without TCX if the environment has MS_TEST_NO_TCX, the library for that. */
void ms_plugin_folder_setup(struct ms_proc *daemon, const char *policy);
/* The daemon meets a kernel without TCX; `library` is tests/netns/no_tcx.c. */
void ms_plugin_folder_without_tcx(const char *library);
void ms_plugin_folder_add(const char *plugin);
/* What the tests' source `script` is to say, from now on. */
void ms_plugin_folder_say(const char *lines);
/* ms_plugin_folder_setup() with that source, which says `lines`, for a daemon that is held
 * (MS_TEST_HELD_DAEMON). */
void ms_plugin_folder_setup_script(struct ms_proc *daemon, const char *policy, const char *lines);
/* Starts the daemon, with these settings unless they are NULL. */
void ms_plugin_folder_start(struct ms_proc *daemon, const char *config);
/* A child that has the daemon load this plugin, which may never be answered; for ms_proc_end(). */
pid_t ms_plugin_folder_begin_load(const struct ms_proc *daemon, const char *plugin);
/* Has the daemon noted last that this plugin does what `words` says (core/plugin/callback.h)? */
bool ms_plugin_folder_noted(const struct ms_proc *daemon, const char *plugin, const char *words);
/* Has the daemon noted that it is where the tests' plugin later_hangs stays? Callbacks of others go
 * by before. For ms_netns_wait(): `daemon` is a struct ms_proc. */
bool ms_plugin_folder_hangs(void *daemon);
/* `microsegctl policy check` of the daemon "one"'s files, by a user without a capability and
 * without a daemon. 0 = they are valid; `ret_text` is what it said. */
int ms_plugin_folder_check(char *ret_text, size_t size);

#endif
