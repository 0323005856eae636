/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon: what it writes is on disk only after a second, while the file is there that
 * MS_TEST_DISK_FILE names; or never, if that file begins with an x.
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

static int wait_for_disk(void)
{
	const char *path = getenv("MS_TEST_DISK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char how = 's';

	if (fd < 0)
		return 0;
	if (read(fd, &how, 1) < 0)
		how = 's';
	close(fd);
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
