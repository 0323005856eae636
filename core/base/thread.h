/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a thread. */
#ifndef MS_CORE_BASE_THREAD_H
#define MS_CORE_BASE_THREAD_H

#include <pthread.h>

/* With every signal blocked in it: they stay with the thread that starts it. -errno: none was
 * started, `*ret_thread` untouched. Somebody joins it. */
int ms_thread_start(void *(*run)(void *user), void *user, pthread_t *ret_thread);

/* The calling thread goes before all that is scheduled ordinarily (SCHED_RR, the lowest of its
 * priorities, see sched(7)); threads and processes that it starts from here on do not. -EPERM:
 * neither CAP_SYS_NICE nor RLIMIT_RTPRIO allows it, and it stays as it was. */
int ms_thread_go_first(void);

#endif
