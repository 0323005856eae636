/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source's process does, and when it is started again. One that crashed is given a pause
 * that doubles, and after three crashes in ten minutes it is left alone: what crashes that often is
 * mended by a person. One that gave up in order, saying why, is tried for ever. Pure.
 */
#ifndef MS_CORE_SOURCE_RESTART_H
#define MS_CORE_SOURCE_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define MS_SOURCE_RESTART_CRASHES 3
#define MS_SOURCE_RESTART_WITHIN_NS (600ULL * 1000000000)
#define MS_SOURCE_RESTART_PAUSE_MS 1000      /* the first one */
#define MS_SOURCE_RESTART_PAUSE_MAX_MS 60000 /* the longest one */

enum ms_source_state {
	MS_SOURCE_STARTING, /* its process runs and has not said that it is ready */
	MS_SOURCE_RUNNING,
	MS_SOURCE_WAITING,  /* its process ended and is started again after a pause */
	MS_SOURCE_DISABLED, /* it crashed too often: `plugin reload` starts it again */
	MS_SOURCE_STATE__COUNT
};
const char *ms_source_restart_state_name(enum ms_source_state state);

/* Starts as zeroes. */
struct ms_source_restart {
	uint64_t crashes_ns[MS_SOURCE_RESTART_CRASHES]; /* the last ones, in a ring */
	unsigned int n_crashes;                         /* ever */
	unsigned int failures;                          /* ends since it last worked */
};

/* It ended at `now_ns`. True: again after `*ret_pause_ms`. False: it is disabled. */
bool ms_source_restart_ended(struct ms_source_restart *restart, bool crashed, uint64_t now_ns,
			     uint64_t *ret_pause_ms);
/* It delivered: its next end is a first one. Crashes are not forgotten. */
void ms_source_restart_worked(struct ms_source_restart *restart);

#endif
