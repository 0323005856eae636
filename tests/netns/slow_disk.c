/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon: what it writes is on disk only after a second, while the file is there that
 * MS_TEST_DISK_FILE names; or never, if that file begins with an x; or is written only after a
 * second, if it begins with a w.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

ssize_t __real_pwrite(int fd, const void *bytes, size_t count, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t count, off_t offset);

/* What the disk is like, '\0' = as it is. */
static char disk(void)
{
	const char *path = getenv("MS_TEST_DISK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char how = 's';

	if (fd < 0)
		return '\0';
	if (read(fd, &how, 1) < 0)
		how = 's';
	close(fd);
	return how;
}

static int wait_for_disk(void)
{
	char how = disk();

	if (!how)
		return 0;
	poll(NULL, 0, 1000);
	errno = EIO;
	return how == 'x' ? -1 : 0;
}

int __wrap_fsync(int fd)
{
	return wait_for_disk() < 0 ? -1 : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
	return wait_for_disk() < 0 ? -1 : __real_fdatasync(fd);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
	if (disk() == 'w')
		poll(NULL, 0, 1000);
	return __real_pwrite(fd, bytes, count, offset);
}
