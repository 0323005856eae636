/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_SIZE 16

int ms_journal_file_init(struct ms_journal_file *file, const char *folder, const char *name,
			 uint64_t size_max, unsigned int keep)
{
	int length;

	*file = (struct ms_journal_file) { .size_max = size_max, .keep = keep, .fd = -1 };
	length = snprintf(file->path, sizeof(file->path), "%s/%s", folder, name);
	return length < (int)(sizeof(file->path) - SUFFIX_SIZE) ? 0 : -ENAMETOOLONG;
}

/* Where the last whole line of the first `size` bytes ends, or -errno. */
static int64_t find_end(int fd, uint64_t size)
{
	char bytes[4096];

	while (size > 0) {
		size_t part = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
		ssize_t got = pread(fd, bytes, part, (off_t)(size - part));
		const char *newline;

		if (got != (ssize_t)part)
			return got < 0 ? -errno : -EIO;
		newline = memrchr(bytes, '\n', part);
		if (newline)
			return (int64_t)(size - part) + (newline - bytes) + 1;
		size -= part;
	}
	return 0;
}

static int measure(int fd, uint64_t *ret_size)
{
	struct stat is;
	int64_t end;

	if (fstat(fd, &is) < 0)
		return -errno;
	if (!S_ISREG(is.st_mode))
		return -EINVAL;
	end = find_end(fd, (uint64_t)is.st_size);
	if (end < 0)
		return (int)end;
	if (end < is.st_size && ftruncate(fd, end) < 0)
		return -errno;
	*ret_size = (uint64_t)end;
	return 0;
}

int ms_journal_file_open(struct ms_journal_file *file)
{
	int fd = open(file->path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0640);
	int r;

	if (fd < 0)
		return -errno;
	r = measure(fd, &file->size);
	if (r < 0)
		close(fd);
	else
		file->fd = fd;
	return r;
}

void ms_journal_file_close(struct ms_journal_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* Somebody removed it, renamed it or put another in its place: what is written where nobody looks
 * is missing as much as what is not written. */
static bool is_elsewhere(const struct ms_journal_file *file)
{
	struct stat ours, named;

	return fstat(file->fd, &ours) < 0 || lstat(file->path, &named) < 0 ||
	       ours.st_ino != named.st_ino || ours.st_dev != named.st_dev;
}

static void name_old(const struct ms_journal_file *file, unsigned int nth,
		     char ret_path[sizeof(file->path) + SUFFIX_SIZE])
{
	size_t size = sizeof(file->path) + SUFFIX_SIZE;

	if (nth == 0)
		snprintf(ret_path, size, "%s", file->path);
	else
		snprintf(ret_path, size, "%s.%u", file->path, nth);
}

static int rotate(struct ms_journal_file *file)
{
	char from[sizeof(file->path) + SUFFIX_SIZE], to[sizeof(file->path) + SUFFIX_SIZE];

	ms_journal_file_close(file);
	for (unsigned int nth = file->keep; nth > 0; nth--) {
		name_old(file, nth - 1, from);
		name_old(file, nth, to);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	if (file->keep == 0 && unlink(file->path) < 0 && errno != ENOENT)
		return -errno;
	file->rotations++;
	return ms_journal_file_open(file);
}

int ms_journal_file_write(struct ms_journal_file *file, const char *line, size_t length)
{
	ssize_t written;
	int r = 0;

	if (file->fd >= 0 && is_elsewhere(file))
		ms_journal_file_close(file);
	if (file->fd < 0)
		r = ms_journal_file_open(file);
	/* A line that is longer than a file may be has one to itself. */
	if (r == 0 && file->size > 0 && file->size + length > file->size_max)
		r = rotate(file);
	if (r < 0)
		return r;
	written = write(file->fd, line, length);
	if (written == (ssize_t)length) {
		file->size += length;
		return 0;
	}
	r = written < 0 ? -errno : -ENOSPC;
	/* Where that fails too, the next opening does it. */
	if (ftruncate(file->fd, (off_t)file->size) < 0)
		ms_journal_file_close(file);
	return r;
}
