/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the exporter listens: "127.0.0.1:PORT", "[::1]:PORT", or the name of a unix socket,
 * NAME.sock, in the plugin's state directory. Not on an address that others reach: there is no TLS
 * and no password.
 */
#ifndef MS_EXPORTER_LISTENER_H
#define MS_EXPORTER_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct ms_exporter_listener {
	struct sockaddr_storage at;
	socklen_t length;
	bool is_unix;
};

/* -EINVAL: it is none of these; -EACCES: not a loopback address; -ENAMETOOLONG. `folder` NULL =
 * none yet, the name alone is looked at. */
int ms_exporter_listener_parse(const char *text, const char *folder,
			       struct ms_exporter_listener *ret_listener);
/* A listening socket, non-blocking, for the caller to close. A socket's file that a process before
 * this left is removed. */
int ms_exporter_listener_open(const struct ms_exporter_listener *listener, int *ret_fd);

#endif
