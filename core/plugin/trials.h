/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trials of several plugins, a few at once: they load programs, and each has a limit of time that
 * the others' load must not use up. One thread's.
 */
#ifndef MS_CORE_PLUGIN_TRIALS_H
#define MS_CORE_PLUGIN_TRIALS_H

#include "core/loop.h"
#include "core/plugin/trial.h"

#define MS_PLUGIN_TRIALS_AT_ONCE 4

struct ms_plugin_trials;

/* `folder` is borrowed. -ENOMEM */
int ms_plugin_trials_new(const char *folder, struct ms_plugin_trials **ret_trials);
/* Ends those that still run; nobody is told. Returns NULL. */
struct ms_plugin_trials *ms_plugin_trials_free(struct ms_plugin_trials *trials);

/* Takes `trial`, whatever comes of it; in the order in which at() has them. -ENOMEM */
int ms_plugin_trials_add(struct ms_plugin_trials *trials, struct ms_plugin_trial *trial);
/* `on_over` comes from the loop, once, and also if there are none. It may free them. */
int ms_plugin_trials_start(struct ms_plugin_trials *trials, struct ms_loop *loop,
			   ms_loop_callback on_over, void *user);
/* Instead: runs all, and returns when they are over. */
void ms_plugin_trials_wait(struct ms_plugin_trials *trials);

/* NULL behind the last. */
struct ms_plugin_trial *ms_plugin_trials_at(const struct ms_plugin_trials *trials, size_t index);

#endif
