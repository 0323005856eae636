/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "syslog_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

int ms_journal_syslog_socket_connect(const char *path)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Without a time, which every reader adds: ours would need the time zone's file, which the process
 * of a sink cannot read. The event's own time is among its values. */
int ms_journal_syslog_socket_write(int fd, const struct ms_journal_record *record)
{
	char *json = ms_journal_record_json(record);
	char line[4096];
	int length;

	if (!json)
		return -ENOMEM;
	length =
		snprintf(line, sizeof(line), "<%d>microseg: %s %.*s", LOG_DAEMON | record->priority,
			 record->sentence, (int)strcspn(json, "\n"), json);
	free(json);
	if (length >= (int)sizeof(line))
		return -EMSGSIZE;
	return send(fd, line, (size_t)length, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
