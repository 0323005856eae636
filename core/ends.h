/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When things end, by the datapath's ticks: of many that come and go, the nearest end that is still
 * ahead. Pure. What it costs grows with the logarithm of how many there are.
 */
#ifndef MS_CORE_ENDS_H
#define MS_CORE_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_ends_heap {
	uint32_t *ticks; /* the nearest first */
	size_t count, room;
};

struct ms_ends {
	uint32_t since; /* the tick at which it was asked last, or when it was made; ticks wrap */
	struct ms_ends_heap put;
	struct ms_ends_heap removed; /* of those; both go when they are the nearest */
};

/* A quarter of all ticks before `since` counts as past, and is none that could be asked for.
 * -ENOMEM
 */
int ms_ends_put(struct ms_ends *ends, uint32_t tick);
/* One that was put. Without memory it is asked for all the same. */
void ms_ends_remove(struct ms_ends *ends, uint32_t tick);
/* The nearest behind `now`, which never goes back. False = there is none. */
bool ms_ends_nearest(struct ms_ends *ends, uint32_t now, uint32_t *ret_tick);
void ms_ends_fini(struct ms_ends *ends);

#endif
