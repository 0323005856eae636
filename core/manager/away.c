/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that takes long with many rules is done by a worker, which has the policy, the sources and
 * the committer for as long. Interfaces are followed and attached meanwhile, and members of sets in
 * force put in where the work allows it; everything else of the loop waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>

#include "core/base/cleanup.h"
#include "core/base/sdnotify.h"
#include "core/manager/internal.h"
#include "core/worker.h"

/* Words to the service manager's watchdog during one piece of work. What takes longer, a quarter of
 * an hour as the unit is, does not end by itself. */
#define WORDS_MAX 60

/* Says a word, and when the next one is due. */
static void say_word(int fd)
{
	uint64_t every_ms = ms_sdnotify_alive();
	const struct itimerspec times = {
		.it_value = { (time_t)(every_ms / 1000), (long)(every_ms % 1000 * 1000000) },
	};

	timerfd_settime(fd, 0, &times, NULL);
}

/* Readable when the watchdog is to hear the next word; -1 = it does not listen. The first is said
 * now: a commit is of many pieces, and the loop spoke before all of them. */
static int open_words(void)
{
	int fd = ms_sdnotify_watchdog_ms() ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) : -1;

	if (fd >= 0)
		say_word(fd);
	return fd;
}

void ms_manager_follow_some(struct ms_manager *manager)
{
	struct pollfd netlink = { .fd = ms_monitor_fd(manager->monitor), .events = POLLIN };

	/* One that is beyond repair is found by who follows it. */
	if (poll(&netlink, 1, 0) == 1)
		ms_manager_dispatch_netlink(manager);
}

/* Members that come. Sessions notice before the loop's timer would tell them. */
static void serve_urgent(struct ms_manager *manager)
{
	ms_loop_serve_urgent(manager->loop);
	ms_manager_touch_rest(manager);
}

/* Of a wide prefix that is not in force before it is told. */
static void tell_round(struct ms_manager *manager)
{
	ms_manager_on_tell(manager);
	ms_manager_touch_rest(manager);
}

/* Until the work is done. Every other watch of the loop waits, as for any callback. */
static void follow_interfaces(struct ms_manager *manager, const struct ms_worker *worker,
			      bool is_beside)
{
	ms_cleanup(ms_close_fd) int words_fd = open_words();
	struct pollfd fds[] = {
		{ .fd = ms_worker_fd(worker), .events = POLLIN },
		{ .fd = ms_monitor_fd(manager->monitor), .events = POLLIN },
		{ .fd = words_fd, .events = POLLIN },
		{ .fd = is_beside ? ms_loop_urgent_fd(manager->loop) : -1, .events = POLLIN },
	};
	unsigned int words = 0;

	while (!fds[0].revents) {
		bool is_telling = is_beside && manager->is_awaited;

		if (poll(fds, ms_array_size(fds), is_telling ? 0 : -1) < 0) {
			for (size_t i = 0; i < ms_array_size(fds); i++)
				fds[i].revents = 0;
			if (errno != EINTR)
				return; /* ms_worker_end() waits as well */
		}
		if (fds[1].revents && ms_manager_dispatch_netlink(manager) < 0)
			fds[1].fd = -1;
		if (fds[3].revents)
			serve_urgent(manager);
		if (is_telling)
			tell_round(manager);
		if (fds[2].revents && ++words < WORDS_MAX)
			say_word(words_fd);
		else if (fds[2].revents)
			fds[2].fd = -1;
	}
}

static int be_away(struct ms_manager *manager, int (*work)(void *arg), void *arg, bool is_beside)
{
	struct ms_worker *worker;
	int r;

	/* Their timer would wait for the end, as all do. */
	ms_manager_touch_rest(manager);
	if (!manager->on_netlink || ms_worker_start(work, arg, &worker) < 0)
		return work(arg);
	manager->is_away = true;
	follow_interfaces(manager, worker, is_beside);
	r = ms_worker_end(worker);
	manager->is_away = false;
	if (manager->addresses_wait)
		ms_manager_follow_addresses(manager);
	manager->addresses_wait = false;
	return r;
}

int ms_manager_away(void *user, int (*work)(void *arg), void *arg)
{
	return be_away(user, work, arg, false);
}

int ms_manager_beside(void *user, int (*work)(void *arg), void *arg)
{
	return be_away(user, work, arg, true);
}
