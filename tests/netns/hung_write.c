/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a daemon: what it writes to a capture hangs for as long as the file is there that
 * MS_TEST_HUNG_WRITE names. It writes to that file that it does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void hang(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, "hangs", 5);
	close(fd);
	while (access(path, F_OK) == 0)
		poll(NULL, 0, 10);
}

static int is_capture(int fd)
{
	char link[32], name[256];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, name, sizeof(name) - 1);
	name[length < 0 ? 0 : length] = '\0';
	return strstr(name, ".pcap") != NULL;
}

__attribute__((visibility("default"))) ssize_t write(int fd, const void *bytes, size_t size)
{
	const char *path = getenv("MS_TEST_HUNG_WRITE");

	if (path && is_capture(fd))
		hang(path);
	return syscall(SYS_write, fd, bytes, size);
}
