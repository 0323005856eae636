/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's one event loop: readable fds, timers, signals, and calls deferred to the end of the
 * current round. The only file that includes libevent's loop headers is loop.c; sockets with
 * buffers (core/control/server) get the base from ms_loop_base().
 *
 * One thread's. Callbacks may add and free watches, their own included, and must not block.
 * Lower priority numbers run first within a round: netlink before events before control.
 */
#ifndef MS_CORE_LOOP_H
#define MS_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum ms_loop_priority { MS_LOOP_NETLINK, MS_LOOP_EVENTS, MS_LOOP_CONTROL, MS_LOOP__PRIORITIES };

struct ms_loop;
struct ms_watch;
struct event_base;

typedef void (*ms_loop_callback)(void *user);

int ms_loop_new(struct ms_loop **ret_loop);
struct ms_loop *ms_loop_free(struct ms_loop *loop); /* returns NULL; watches must be gone */
int ms_loop_run(struct ms_loop *loop);              /* until ms_loop_stop() */
void ms_loop_stop(struct ms_loop *loop);
struct event_base *ms_loop_base(struct ms_loop *loop);

int ms_loop_add_fd(struct ms_loop *loop, int fd, enum ms_loop_priority priority,
		   ms_loop_callback on_readable, void *user, struct ms_watch **ret_watch);
/* For reading, writing, or both; `wanted` = MS_LOOP_READABLE | MS_LOOP_WRITABLE. */
#define MS_LOOP_READABLE (1u << 0)
#define MS_LOOP_WRITABLE (1u << 1)
int ms_loop_add_io(struct ms_loop *loop, int fd, unsigned int wanted,
		   enum ms_loop_priority priority, ms_loop_callback on_ready, void *user,
		   struct ms_watch **ret_watch);
/*
 * For what cannot wait while a callback keeps the loop: called when `fd` is readable by
 * ms_loop_serve_urgent(), and by nobody else; once, and then again when it has been armed again. It
 * is armed when it is made.
 */
int ms_loop_add_urgent(struct ms_loop *loop, int fd, ms_loop_callback on_readable, void *user,
		       struct ms_watch **ret_watch);
void ms_watch_arm_urgent(struct ms_watch *watch);
/* Readable when ms_loop_serve_urgent() has somebody to call. */
int ms_loop_urgent_fd(const struct ms_loop *loop);
/* From the callback that keeps the loop: one of them, if one is due. */
void ms_loop_serve_urgent(struct ms_loop *loop);
int ms_loop_add_signal(struct ms_loop *loop, int signal, ms_loop_callback on_signal, void *user,
		       struct ms_watch **ret_watch);
/* Not armed yet. */
int ms_loop_add_timer(struct ms_loop *loop, enum ms_loop_priority priority, ms_loop_callback on_due,
		      void *user, struct ms_watch **ret_watch);
/* Fires once after `delay_ms`, or every `delay_ms` if `repeat`. Re-arming replaces. */
int ms_watch_arm(struct ms_watch *timer, uint64_t delay_ms, bool repeat);
void ms_watch_disarm(struct ms_watch *timer);
bool ms_watch_is_armed(const struct ms_watch *timer);
struct ms_watch *ms_watch_free(struct ms_watch *watch); /* returns NULL; NULL is fine */

#endif
