/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/thread.h"

struct ms_worker {
	pthread_t thread;
	int (*work)(void *user);
	void *user;
	int result;
	int fd;
};

static void *run(void *arg)
{
	struct ms_worker *worker = arg;

	worker->result = worker->work(worker->user);
	/* From 0 to 1: that cannot fail or block. */
	eventfd_write(worker->fd, 1);
	return NULL;
}

int ms_worker_start(int (*work)(void *user), void *user, struct ms_worker **ret_worker)
{
	struct ms_worker *worker = calloc(1, sizeof(*worker));
	int r = 0;

	if (!worker)
		return -ENOMEM;
	worker->work = work;
	worker->user = user;
	worker->fd = eventfd(0, EFD_CLOEXEC);
	if (worker->fd < 0)
		r = -errno;
	if (r == 0)
		r = ms_thread_start(run, worker, &worker->thread);
	if (r < 0) {
		if (worker->fd >= 0)
			close(worker->fd);
		free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

int ms_worker_fd(const struct ms_worker *worker)
{
	return worker->fd;
}

int ms_worker_end(struct ms_worker *worker)
{
	int result;

	pthread_join(worker->thread, NULL);
	result = worker->result;
	close(worker->fd);
	free(worker);
	return result;
}
