/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a thread. */
#ifndef MS_CORE_BASE_THREAD_H
#define MS_CORE_BASE_THREAD_H

#include <pthread.h>

/* With every signal blocked in it: they stay with the thread that starts it. -errno: none was
 * started, `*ret_thread` untouched. Somebody joins it. */
int ms_thread_start(void *(*run)(void *user), void *user, pthread_t *ret_thread);

#endif
