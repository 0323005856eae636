/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

int ms_thread_start(void *(*run)(void *user), void *user, pthread_t *ret_thread)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	/* It inherits them as they are while it is started. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, run, user);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		*ret_thread = thread;
	return -r;
}

int ms_thread_go_first(void)
{
	const struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_RR) };

	return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) < 0 ? -errno : 0;
}
