/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/watches.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/list.h"
#include "core/plugin/callback.h"

#define NS_PER_MS 1000000ull

struct ms_plugin_watches {
	struct ms_loop *loop;
	struct ms_list watches;
	int wake_fd; /* an eventfd, so that any thread may write it */
	struct ms_watch *on_wake;
};

struct ms_plugin_watch {
	struct ms_list link;
	struct ms_plugin_host_state *state;
	struct ms_watch *watch;
	struct ms_watch *urgent; /* the same descriptor's, NULL = it can wait */
	void *self;
	/* of a descriptor */
	void (*ready)(void *self, int fd, uint32_t what);
	int fd;
	uint32_t wanted;
	/* of a time */
	void (*due)(void *self);
	uint64_t every_ms; /* 0 = once */
};

/* ---- watches ---- */

static struct ms_plugin_watch *new_watch(struct ms_plugin_host_state *state, void *self)
{
	struct ms_plugin_watch *watch = calloc(1, sizeof(*watch));

	if (watch) {
		watch->state = state;
		watch->self = self;
		ms_list_append(&state->watches->watches, &watch->link);
	}
	return watch;
}

static void free_watch(struct ms_plugin_watch *watch)
{
	ms_list_remove(&watch->link);
	ms_watch_free(watch->watch);
	ms_watch_free(watch->urgent);
	free(watch);
}

static void on_ready(void *user)
{
	struct ms_plugin_watch *watch = user;
	struct ms_plugin_host_state *state = watch->state; /* the watch may be gone afterwards */
	struct pollfd now = { .fd = watch->fd };
	uint32_t what = 0;

	if (watch->wanted & MS_PLUGIN_READABLE)
		now.events |= POLLIN;
	if (watch->wanted & MS_PLUGIN_WRITABLE)
		now.events |= POLLOUT;
	if (poll(&now, 1, 0) <= 0)
		return;
	/* An error or a hang-up is found by who reads or writes next. */
	if (now.revents & (POLLIN | POLLERR | POLLHUP))
		what |= MS_PLUGIN_READABLE & watch->wanted;
	if (now.revents & (POLLOUT | POLLERR | POLLHUP))
		what |= MS_PLUGIN_WRITABLE & watch->wanted;
	ms_plugin_host_note(state, MS_PLUGIN_CALLBACK_READY);
	watch->ready(watch->self, watch->fd, what);
	ms_plugin_host_note(state, NULL);
}

static void on_urgent(void *user)
{
	struct ms_plugin_watch *watch = user;

	/* First: the callback may free the watch. */
	ms_watch_arm_urgent(watch->urgent);
	on_ready(watch);
}

static int watch_fd(struct ms_plugin_host_state *state, int fd, uint32_t wanted,
		    void (*ready)(void *self, int fd, uint32_t what), void *self,
		    struct ms_plugin_watch **ret_watch)
{
	unsigned int what = (wanted & MS_PLUGIN_READABLE ? MS_LOOP_READABLE : 0) |
			    (wanted & MS_PLUGIN_WRITABLE ? MS_LOOP_WRITABLE : 0);
	struct ms_plugin_watch *watch;
	int r;

	if (fd < 0 || !ready || !what ||
	    (wanted & MS_PLUGIN_URGENT && !(wanted & MS_PLUGIN_READABLE)))
		return -EINVAL;
	watch = new_watch(state, self);
	if (!watch)
		return -ENOMEM;
	watch->fd = fd;
	watch->wanted = wanted;
	watch->ready = ready;
	r = ms_loop_add_io(state->watches->loop, fd, what, MS_LOOP_CONTROL, on_ready, watch,
			   &watch->watch);
	if (r == 0 && wanted & MS_PLUGIN_URGENT)
		r = ms_loop_add_urgent(state->watches->loop, fd, on_urgent, watch, &watch->urgent);
	if (r < 0) {
		free_watch(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

static void on_due(void *user)
{
	struct ms_plugin_watch *watch = user;
	struct ms_plugin_host_state *state = watch->state;

	if (watch->every_ms)
		ms_watch_arm(watch->watch, watch->every_ms, false);
	ms_plugin_host_note(state, MS_PLUGIN_CALLBACK_DUE);
	watch->due(watch->self);
	ms_plugin_host_note(state, NULL);
}

/* Never before its time. */
static uint64_t to_ms(uint64_t ns)
{
	return ns / NS_PER_MS + (ns % NS_PER_MS != 0);
}

static int watch_time(struct ms_plugin_host_state *state, uint64_t first_ns, uint64_t every_ns,
		      void (*due)(void *self), void *self, struct ms_plugin_watch **ret_watch)
{
	struct ms_plugin_watch *watch = due ? new_watch(state, self) : NULL;
	int r;

	if (!watch)
		return due ? -ENOMEM : -EINVAL;
	watch->due = due;
	watch->every_ms = to_ms(every_ns);
	r = ms_loop_add_timer(state->watches->loop, MS_LOOP_CONTROL, on_due, watch, &watch->watch);
	if (r == 0)
		r = ms_watch_arm(watch->watch, to_ms(first_ns), false);
	if (r < 0) {
		free_watch(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

static void unwatch(struct ms_plugin_host_state *state, struct ms_plugin_watch *watch)
{
	(void)state;
	if (watch)
		free_watch(watch);
}

/* ---- wake ---- */

static void wake(struct ms_plugin_host_state *state)
{
	const uint64_t once = 1;

	/* It can only fail where it would be merged with calls that wait already. */
	if (write(state->watches->wake_fd, &once, sizeof(once)) < 0)
		return;
}

static void on_wake(void *user)
{
	struct ms_plugin_host_state *state = user;
	uint64_t times;

	if (read(state->watches->wake_fd, &times, sizeof(times)) < 0 || !state->woken)
		return;
	ms_plugin_host_note(state, MS_PLUGIN_CALLBACK_WOKEN);
	state->woken(state->self);
	ms_plugin_host_note(state, NULL);
}

/* ---- begin, quiet, end ---- */

static void free_watches(struct ms_plugin_watches *watches)
{
	ms_watch_free(watches->on_wake);
	ms_close_fd(&watches->wake_fd);
	free(watches);
}

int ms_plugin_watches_begin(struct ms_plugin_host *host, struct ms_loop *loop)
{
	struct ms_plugin_watches *watches = calloc(1, sizeof(*watches));
	int r = 0;

	if (!watches)
		return -ENOMEM;
	watches->loop = loop;
	ms_list_init(&watches->watches);
	watches->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watches->wake_fd < 0)
		r = -errno;
	if (r == 0)
		r = ms_loop_add_fd(loop, watches->wake_fd, MS_LOOP_CONTROL, on_wake, host->state,
				   &watches->on_wake);
	if (r < 0) {
		free_watches(watches);
		return r;
	}
	host->state->watches = watches;
	host->watch_fd = watch_fd;
	host->watch_time = watch_time;
	host->unwatch = unwatch;
	host->wake = wake;
	return 0;
}

void ms_plugin_watches_quiet(struct ms_plugin_host_state *state)
{
	struct ms_plugin_watch *watch;

	ms_list_foreach (&state->watches->watches, watch, struct ms_plugin_watch, link)
		free_watch(watch);
	state->watches->on_wake = ms_watch_free(state->watches->on_wake);
}

void ms_plugin_watches_end(struct ms_plugin_host_state *state)
{
	ms_plugin_watches_quiet(state); /* what destroy() still watched */
	free_watches(state->watches);
	state->watches = NULL;
}
