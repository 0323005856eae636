/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"

struct ms_loop {
	struct event_base *base;
	int urgent_fd; /* an epoll of its own: libevent does not run within itself */
	unsigned int watches;
};

struct ms_watch {
	struct ms_loop *loop;
	struct event *event; /* NULL = an urgent one, of `fd` */
	int fd;
	ms_loop_callback callback;
	void *user;
	bool repeat;
	struct timeval delay;
};

static void on_libevent_log(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN)
		ms_log_warn("libevent", "%s", message);
}

/* With a clock that does not stand still between two interrupts of the kernel's timer, 10 ms at
 * most: timers of a few ms mean what they say. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

int ms_loop_new(struct ms_loop **ret_loop)
{
	struct ms_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	event_set_log_callback(on_libevent_log);
	loop->base = new_base();
	loop->urgent_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!loop->base || loop->urgent_fd < 0 ||
	    event_base_priority_init(loop->base, MS_LOOP__PRIORITIES) < 0) {
		ms_loop_free(loop);
		return -ENOMEM;
	}
	*ret_loop = loop;
	return 0;
}

struct ms_loop *ms_loop_free(struct ms_loop *loop)
{
	if (!loop)
		return NULL;
	if (loop->base)
		event_base_free(loop->base);
	ms_close_fd(&loop->urgent_fd);
	free(loop);
	return NULL;
}

int ms_loop_run(struct ms_loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void ms_loop_stop(struct ms_loop *loop)
{
	event_base_loopbreak(loop->base);
}

struct event_base *ms_loop_base(struct ms_loop *loop)
{
	return loop->base;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct ms_watch *watch = arg;

	(void)fd;
	(void)what;
	/* Re-arm first: the callback may free the watch. */
	if (watch->repeat)
		evtimer_add(watch->event, &watch->delay);
	watch->callback(watch->user);
}

static int add(struct ms_loop *loop, int fd, short what, enum ms_loop_priority priority,
	       ms_loop_callback callback, void *user, struct ms_watch **ret_watch)
{
	struct ms_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->callback = callback;
	watch->user = user;
	watch->event = event_new(loop->base, fd, what, on_event, watch);
	if (!watch->event) {
		free(watch);
		return -ENOMEM;
	}
	event_priority_set(watch->event, priority);
	if (what && event_add(watch->event, NULL) < 0) {
		event_free(watch->event);
		free(watch);
		return -EIO;
	}
	loop->watches++;
	*ret_watch = watch;
	return 0;
}

int ms_loop_add_fd(struct ms_loop *loop, int fd, enum ms_loop_priority priority,
		   ms_loop_callback on_readable, void *user, struct ms_watch **ret_watch)
{
	return ms_loop_add_io(loop, fd, MS_LOOP_READABLE, priority, on_readable, user, ret_watch);
}

int ms_loop_add_io(struct ms_loop *loop, int fd, unsigned int wanted,
		   enum ms_loop_priority priority, ms_loop_callback on_ready, void *user,
		   struct ms_watch **ret_watch)
{
	short what = EV_PERSIST;

	if (wanted & MS_LOOP_READABLE)
		what |= EV_READ;
	if (wanted & MS_LOOP_WRITABLE)
		what |= EV_WRITE;
	return add(loop, fd, what, priority, on_ready, user, ret_watch);
}

int ms_loop_add_signal(struct ms_loop *loop, int signal, ms_loop_callback on_signal, void *user,
		       struct ms_watch **ret_watch)
{
	return add(loop, signal, EV_SIGNAL | EV_PERSIST, MS_LOOP_CONTROL, on_signal, user,
		   ret_watch);
}

int ms_loop_add_timer(struct ms_loop *loop, enum ms_loop_priority priority, ms_loop_callback on_due,
		      void *user, struct ms_watch **ret_watch)
{
	return add(loop, -1, 0, priority, on_due, user, ret_watch);
}

/* ---- urgent ones ---- */

static int control_urgent(const struct ms_watch *watch, int how)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.ptr = (void *)watch,
	};

	return epoll_ctl(watch->loop->urgent_fd, how, watch->fd, &event) < 0 ? -errno : 0;
}

int ms_loop_add_urgent(struct ms_loop *loop, int fd, ms_loop_callback on_readable, void *user,
		       struct ms_watch **ret_watch)
{
	struct ms_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->fd = fd;
	watch->callback = on_readable;
	watch->user = user;
	r = control_urgent(watch, EPOLL_CTL_ADD);
	if (r < 0) {
		free(watch);
		return r;
	}
	loop->watches++;
	*ret_watch = watch;
	return 0;
}

void ms_watch_arm_urgent(struct ms_watch *watch)
{
	control_urgent(watch, EPOLL_CTL_MOD);
}

int ms_loop_urgent_fd(const struct ms_loop *loop)
{
	return loop->urgent_fd;
}

void ms_loop_serve_urgent(struct ms_loop *loop)
{
	struct epoll_event event;
	struct ms_watch *watch;

	/* One at a time: a callback may free any of the others. */
	if (epoll_wait(loop->urgent_fd, &event, 1, 0) != 1)
		return;
	watch = event.data.ptr;
	watch->callback(watch->user);
}

/* ---- timers ---- */

int ms_watch_arm(struct ms_watch *timer, uint64_t delay_ms, bool repeat)
{
	timer->delay.tv_sec = (time_t)(delay_ms / 1000);
	timer->delay.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	timer->repeat = repeat;
	return evtimer_add(timer->event, &timer->delay) < 0 ? -EIO : 0;
}

void ms_watch_disarm(struct ms_watch *timer)
{
	timer->repeat = false;
	evtimer_del(timer->event);
}

bool ms_watch_is_armed(const struct ms_watch *timer)
{
	return evtimer_pending(timer->event, NULL) != 0;
}

struct ms_watch *ms_watch_free(struct ms_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->event)
		event_free(watch->event);
	else
		control_urgent(watch, EPOLL_CTL_DEL);
	watch->loop->watches--;
	free(watch);
	return NULL;
}
