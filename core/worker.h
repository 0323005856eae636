/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One piece of work on a thread of its own. Whoever starts it keeps away from what it is given
 * until its end. Signals stay with the thread that started it.
 */
#ifndef MS_CORE_WORKER_H
#define MS_CORE_WORKER_H

struct ms_worker;

/* -errno: nothing was started. */
int ms_worker_start(int (*work)(void *user), void *user, struct ms_worker **ret_worker);
/* Readable once the work is done. */
int ms_worker_fd(const struct ms_worker *worker);
/* Waits for the end, frees, returns what the work did. */
int ms_worker_end(struct ms_worker *worker);

#endif
