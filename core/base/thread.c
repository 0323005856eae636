/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/thread.h"

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
