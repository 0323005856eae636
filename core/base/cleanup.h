/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound ownership. A local that owns something says so where it is declared:
 *
 *	ms_cleanup(ms_close_fd) int fd = -1;
 *	ms_cleanup(ms_free) char *text = NULL;
 *
 * and hands it on with ms_take_fd()/ms_take_ptr(), so a reader can tell from one function alone
 * that nothing leaks from it.
 */
#ifndef MS_CORE_BASE_CLEANUP_H
#define MS_CORE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ms_cleanup(fn) __attribute__((cleanup(fn)))
#define ms_array_size(a) (sizeof(a) / sizeof((a)[0]))

static inline void ms_free(void *p)
{
	free(*(void **)p);
}

static inline void ms_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ms_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline int ms_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ms_take_ptr(p)                                                                             \
	({                                                                                         \
		__typeof__(p) ms_taken_ = (p);                                                     \
		(p) = NULL;                                                                        \
		ms_taken_;                                                                         \
	})

#endif
