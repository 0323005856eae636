/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BUFFER_SIZE (256u << 10)

struct ms_capture_file {
	char folder[MS_CAPTURE_FILE_FOLDER_MAX + 1];
	uint64_t limit;
	uint32_t files;
	int folder_fd, fd; /* -1 = none */
	bool is_trimmed;
	int stuck; /* -errno, 0 = nothing is */
	char stuck_name[MS_CAPTURE_FILE_NAME_SIZE];
	uint64_t begun;
	uint64_t written;  /* of the current file */
	size_t n_buffered; /* behind that */
	uint8_t buffer[BUFFER_SIZE];
};

static int open_folder(struct ms_capture_file *file)
{
	if (file->folder_fd >= 0)
		close(file->folder_fd);
	file->folder_fd = -1;
	if (mkdir(file->folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	file->folder_fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return file->folder_fd < 0 ? -errno : 0;
}

int ms_capture_file_new(const char *folder, uint64_t limit, uint32_t files,
			struct ms_capture_file **ret_file)
{
	struct ms_capture_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->folder_fd = file->fd = -1;
	file->limit = limit;
	file->files = files;
	r = snprintf(file->folder, sizeof(file->folder), "%s", folder) < (int)sizeof(file->folder)
		    ? open_folder(file)
		    : -ENAMETOOLONG;
	if (r < 0) {
		ms_capture_file_free(file);
		return r;
	}
	*ret_file = file;
	return 0;
}

static void close_current(struct ms_capture_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->written = file->n_buffered = 0;
}

struct ms_capture_file *ms_capture_file_free(struct ms_capture_file *file)
{
	if (!file)
		return NULL;
	close_current(file);
	if (file->folder_fd >= 0)
		close(file->folder_fd);
	free(file);
	return NULL;
}

static char *name_as(const char *suffix, uint32_t age, char buf[MS_CAPTURE_FILE_NAME_SIZE])
{
	if (age == 0)
		snprintf(buf, MS_CAPTURE_FILE_NAME_SIZE, MS_CAPTURE_FILE_NAME "%s", suffix);
	else
		snprintf(buf, MS_CAPTURE_FILE_NAME_SIZE, MS_CAPTURE_FILE_NAME ".%u%s", age, suffix);
	return buf;
}

/* 0 = the current one. Not .pcapng, though that is what it is: Debian's AppArmor profile of tcpdump
 * lets it read no other name than this, and readers go by what is in a file. */
static char *name_of(uint32_t age, char buf[MS_CAPTURE_FILE_NAME_SIZE])
{
	return name_as(".pcap", age, buf);
}

static void note_stuck(struct ms_capture_file *file, const char *name, int error)
{
	file->stuck = -error;
	snprintf(file->stuck_name, sizeof(file->stuck_name), "%s", name);
}

int ms_capture_file_stuck(const struct ms_capture_file *file,
			  char ret_name[MS_CAPTURE_FILE_NAME_SIZE])
{
	memcpy(ret_name, file->stuck_name, sizeof(file->stuck_name));
	return file->stuck;
}

/* Only what the current one becomes is waited for: one further back that cannot be replaced stays,
 * and the one that was to be there goes. */
static int shift(struct ms_capture_file *file)
{
	char from[MS_CAPTURE_FILE_NAME_SIZE], to[MS_CAPTURE_FILE_NAME_SIZE];

	if (file->files == 1) {
		if (unlinkat(file->folder_fd, name_of(0, from), 0) < 0 && errno != ENOENT)
			return -errno;
		return 0;
	}
	for (uint32_t age = file->files - 1; age > 0; age--) {
		if (renameat(file->folder_fd, name_of(age - 1, from), file->folder_fd,
			     name_of(age, to)) == 0 ||
		    errno == ENOENT)
			continue;
		if (age == 1)
			return -errno;
		note_stuck(file, to, errno);
	}
	return 0;
}

/* There may be gaps: somebody may have taken one away. */
static void trim(struct ms_capture_file *file)
{
	char name[MS_CAPTURE_FILE_NAME_SIZE];

	for (uint32_t age = file->files; age < MS_CAPTURE_FILE_COUNT_MAX; age++) {
		if (unlinkat(file->folder_fd, name_of(age, name), 0) < 0 && errno != ENOENT) {
			note_stuck(file, name, errno);
			file->is_trimmed = false;
		}
	}
}

static bool is_there(const struct ms_capture_file *file, const char *name)
{
	return faccessat(file->folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Files were called .pcapng once: each is in its place by its new name, or goes if that is taken.
 */
static void take_over(struct ms_capture_file *file)
{
	char old[MS_CAPTURE_FILE_NAME_SIZE], name[MS_CAPTURE_FILE_NAME_SIZE];
	int r;

	for (uint32_t age = 0; age < MS_CAPTURE_FILE_COUNT_MAX; age++) {
		name_as(".pcapng", age, old);
		name_of(age, name);
		r = is_there(file, name) ? unlinkat(file->folder_fd, old, 0)
					 : renameat(file->folder_fd, old, file->folder_fd, name);
		if (r < 0 && errno != ENOENT) {
			note_stuck(file, old, errno);
			file->is_trimmed = false;
		}
	}
}

/* A file that is begun on the last bytes is in trouble again with the first packets. One that does
 * not say how much there is (some network file systems) is believed to have some. */
static bool is_full(const struct ms_capture_file *file)
{
	uint64_t wanted = file->limit < BUFFER_SIZE ? file->limit : BUFFER_SIZE;
	struct statvfs disk;

	return fstatvfs(file->folder_fd, &disk) == 0 && disk.f_blocks &&
	       disk.f_bavail * disk.f_frsize < wanted;
}

int ms_capture_file_next(struct ms_capture_file *file)
{
	char name[MS_CAPTURE_FILE_NAME_SIZE];
	struct stat there;
	int r;

	close_current(file);
	file->stuck = 0;
	/* Somebody may have removed the folder. */
	if (fstat(file->folder_fd, &there) < 0 || there.st_nlink == 0) {
		r = open_folder(file);
		if (r < 0)
			return r;
	}
	if (!file->is_trimmed) {
		file->is_trimmed = true;
		take_over(file);
		trim(file);
	}
	/* One that has nothing is not kept. */
	if (fstatat(file->folder_fd, name_of(0, name), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    there.st_size > 0) {
		r = shift(file);
		if (r < 0)
			return r;
	} else if (unlinkat(file->folder_fd, name, 0) < 0 && errno != ENOENT) {
		return -errno;
	}
	if (is_full(file))
		return -ENOSPC;
	file->fd = openat(file->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return file->fd < 0 ? -errno : 0;
}

int ms_capture_file_is_gone(const struct ms_capture_file *file)
{
	struct stat there;

	return file->fd >= 0 && fstat(file->fd, &there) == 0 && there.st_nlink == 0;
}

uint64_t ms_capture_file_begun(const struct ms_capture_file *file)
{
	return file->begun;
}

int ms_capture_file_has_room(const struct ms_capture_file *file, size_t size)
{
	return file->fd >= 0 && file->written + file->n_buffered + size <= file->limit;
}

uint8_t *ms_capture_file_reserve(struct ms_capture_file *file, size_t size)
{
	return size <= sizeof(file->buffer) - file->n_buffered ? file->buffer + file->n_buffered
							       : NULL;
}

void ms_capture_file_commit(struct ms_capture_file *file, size_t size)
{
	file->n_buffered += size;
}

int ms_capture_file_flush(struct ms_capture_file *file)
{
	char name[MS_CAPTURE_FILE_NAME_SIZE];
	size_t done = 0;
	int r = file->fd < 0 && file->n_buffered ? -EBADF : 0;

	while (r == 0 && done < file->n_buffered) {
		ssize_t n = write(file->fd, file->buffer + done, file->n_buffered - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r == 0) {
		file->begun += file->written == 0 && file->n_buffered > 0;
		file->written += file->n_buffered;
		file->n_buffered = 0;
		return 0;
	}
	/* What has not even a header is no file for a reader. One that cannot be made shorter ends
	 * in half a block, which readers bear. */
	if (file->fd >= 0 && file->written == 0)
		(void)!unlinkat(file->folder_fd, name_of(0, name), 0);
	else if (file->fd >= 0)
		(void)!ftruncate(file->fd, (off_t)file->written);
	close_current(file);
	return r;
}
