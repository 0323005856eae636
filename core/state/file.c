/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"

#define STREAM_BUFFER ((size_t)64 << 10)

int ms_state_file_read(int dir_fd, const char *name, size_t max, char **ret_text,
		       size_t *ret_length)
{
	/* O_NONBLOCK: a FIFO in the folder must not hang the daemon. */
	ms_cleanup(ms_close_fd) int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ms_cleanup(ms_free) char *text = NULL;
	struct stat st;
	size_t used = 0, room;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((size_t)st.st_size > max)
		return -EFBIG;
	/* One byte more than it seems to hold: the read that finds the end needs no second try. */
	room = (size_t)st.st_size + 1;
	text = malloc(room + 1);
	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + used, room - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			return -EFBIG;
		if (used == room) { /* it grew while we read */
			char *bigger = realloc(text, 2 * room + 1);

			if (!bigger)
				return -ENOMEM;
			text = bigger;
			room *= 2;
		}
	}
	text[used] = '\0';
	*ret_text = ms_take_ptr(text);
	*ret_length = used;
	return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

static int temporary_name(const char *name, char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, ".%s.new", name) < size ? 0 : -ENAMETOOLONG;
}

/* A new file, or one that an earlier stage left, emptied. */
static int open_temporary(int dir_fd, const char *temporary)
{
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);

	return fd < 0 ? -errno : fd;
}

/* `r`: of writing it. What is not all on disk is not there at all. */
static int flush_temporary(int dir_fd, const char *temporary, int fd, int r)
{
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, temporary, 0);
	return r;
}

int ms_state_file_stage(int dir_fd, const char *name, const char *text, size_t length)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	char temporary[256];
	int r = temporary_name(name, temporary, sizeof(temporary));

	if (r < 0)
		return r;
	fd = open_temporary(dir_fd, temporary);
	if (fd < 0)
		return fd;
	return flush_temporary(dir_fd, temporary, fd, write_all(fd, text, length));
}

struct drain {
	int fd;
	int r; /* of the first write that failed */
};

static ssize_t drain_write(void *user, const char *bytes, size_t length)
{
	struct drain *drain = user;

	if (drain->r == 0)
		drain->r = write_all(drain->fd, bytes, length);
	return drain->r < 0 ? 0 : (ssize_t)length;
}

static int put_all(int fd, int (*put)(const void *what, FILE *out), const void *what)
{
	ms_cleanup(ms_free) char *buffer = malloc(STREAM_BUFFER);
	struct drain drain = { .fd = fd };
	FILE *out =
		buffer ? fopencookie(&drain, "w", (cookie_io_functions_t) { .write = drain_write })
		       : NULL;
	int r;

	if (!out)
		return -ENOMEM;
	setvbuf(out, buffer, _IOFBF, STREAM_BUFFER); /* without one its size would be glibc's */
	r = put(what, out);
	if (fclose(out) != 0 && r == 0)
		r = -EIO;
	return drain.r < 0 ? drain.r : r;
}

int ms_state_file_stage_by(int dir_fd, const char *name, int (*put)(const void *what, FILE *out),
			   const void *what)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	char temporary[256];
	int r = temporary_name(name, temporary, sizeof(temporary));

	if (r < 0)
		return r;
	fd = open_temporary(dir_fd, temporary);
	if (fd < 0)
		return fd;
	return flush_temporary(dir_fd, temporary, fd, put_all(fd, put, what));
}

void ms_state_file_unstage(int dir_fd, const char *name)
{
	char temporary[256];

	if (temporary_name(name, temporary, sizeof(temporary)) == 0)
		unlinkat(dir_fd, temporary, 0);
}

int ms_state_file_settle(int dir_fd, const char *name)
{
	char temporary[256];
	int r = temporary_name(name, temporary, sizeof(temporary));

	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0) {
		r = -errno;
		unlinkat(dir_fd, temporary, 0);
	}
	if (r < 0)
		return r;
	/* The rename itself must be on disk before anybody is told so. */
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int ms_state_file_write(int dir_fd, const char *name, const char *text, size_t length)
{
	int r = ms_state_file_stage(dir_fd, name, text, length);

	return r < 0 ? r : ms_state_file_settle(dir_fd, name);
}

int ms_state_file_remove(int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir_fd) < 0 ? -errno : 0;
}
