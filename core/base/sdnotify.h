/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify(3)'s datagram without libsystemd. Source of the format: systemd's sd_notify(3). */
#ifndef MS_CORE_BASE_SDNOTIFY_H
#define MS_CORE_BASE_SDNOTIFY_H

#include <stdint.h>

/* What was not heard is said again after this. */
#define MS_SDNOTIFY_AGAIN_MS 1000

/* "READY=1", "STATUS=...", "RELOADING=1", "STOPPING=1"; several joined by newlines. Does not wait:
 * a manager that does not read must not hold up who speaks. Without $NOTIFY_SOCKET does nothing. 0
 * or -errno; -EAGAIN: the socket, which is all services', is full for now. */
int ms_sdnotify(const char *state);
/* "WATCHDOG=1". Returns in how many ms it is to be said again: after half the period, or soon where
 * nobody heard it. */
uint64_t ms_sdnotify_alive(void);
/* Half of the period in which the manager wants to hear WATCHDOG=1, in ms; 0 = it does not. */
uint64_t ms_sdnotify_watchdog_ms(void);

#endif
