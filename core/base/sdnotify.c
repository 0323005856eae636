/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/base/sdnotify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"

int ms_sdnotify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	ms_cleanup(ms_close_fd) int fd = -1;
	socklen_t length;

	if (!path || !*path)
		return 0;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	memcpy(addr.sun_path, path, strlen(path));
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&addr,
		   length) < 0)
		return -errno;
	return 0;
}

uint64_t ms_sdnotify_alive(void)
{
	uint64_t every_ms = ms_sdnotify_watchdog_ms();

	return ms_sdnotify("WATCHDOG=1") < 0 && every_ms > MS_SDNOTIFY_AGAIN_MS
		       ? MS_SDNOTIFY_AGAIN_MS
		       : every_ms;
}

uint64_t ms_sdnotify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t period, owner;

	if (!usec || !ms_parse_uint(usec, 1, UINT64_MAX, &period))
		return 0;
	if (pid && (!ms_parse_uint(pid, 1, INT32_MAX, &owner) || (pid_t)owner != getpid()))
		return 0;
	return period / 2000 ? period / 2000 : 1;
}
