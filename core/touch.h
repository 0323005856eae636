/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When sessions are judged again because something has changed: at once for the first change, and
 * then at most every MS_TOUCH_NS however many there are. Pure.
 */
#ifndef MS_CORE_TOUCH_H
#define MS_CORE_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

#define MS_TOUCH_NS 5000000ull

/* Zeroed = nothing has changed yet. Times are since boot. */
struct ms_touch {
	uint64_t next_ns; /* not before that */
	bool waits;       /* something has changed, and nobody has judged since */
};

/* Something has changed. True = sessions are to be judged again now; else it waits. */
bool ms_touch_change(struct ms_touch *touch, uint64_t now_ns);
/* What waits is to be judged now, whatever the time. False = nothing does. */
bool ms_touch_take(struct ms_touch *touch, uint64_t now_ns);
/* How long what waits has to, rounded up. */
uint64_t ms_touch_wait_ms(const struct ms_touch *touch, uint64_t now_ns);

#endif
