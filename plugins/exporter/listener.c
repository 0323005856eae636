/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 16

static bool is_loopback(const struct sockaddr_storage *at)
{
	if (at->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)at)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)at)->sin6_addr);
}

static bool has_port(const struct sockaddr_storage *at)
{
	if (at->ss_family == AF_INET)
		return ((const struct sockaddr_in *)at)->sin_port != 0;
	return ((const struct sockaddr_in6 *)at)->sin6_port != 0;
}

static int parse_name(const char *name, const char *folder, struct ms_exporter_listener *listener)
{
	struct sockaddr_un *at = (struct sockaddr_un *)&listener->at;
	const char *end = strrchr(name, '.');
	int length;

	/* The end tells it from an address whose port was forgotten. */
	if (strchr(name, '/') || name[0] == '.' || !end || strcmp(end, ".sock") != 0)
		return -EINVAL;
	at->sun_family = AF_UNIX;
	length = snprintf(at->sun_path, sizeof(at->sun_path), "%s/%s", folder ? folder : "", name);
	if (length >= (int)sizeof(at->sun_path))
		return -ENAMETOOLONG;
	listener->length = sizeof(*at);
	listener->is_unix = true;
	return 0;
}

int ms_exporter_listener_parse(const char *text, const char *folder,
			       struct ms_exporter_listener *ret_listener)
{
	struct ms_exporter_listener listener = { .length = sizeof(listener.at) };
	int length = (int)sizeof(listener.at), r = 0;

	if (!strchr(text, ':'))
		r = parse_name(text, folder, &listener);
	else if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&listener.at, &length) < 0 ||
		 !has_port(&listener.at))
		r = -EINVAL;
	else if (!is_loopback(&listener.at))
		r = -EACCES;
	if (r < 0)
		return r;
	if (!listener.is_unix)
		listener.length = (socklen_t)length;
	*ret_listener = listener;
	return 0;
}

int ms_exporter_listener_open(const struct ms_exporter_listener *listener, int *ret_fd)
{
	const struct sockaddr *at = (const struct sockaddr *)&listener->at;
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;
	const int yes = 1;

	if (fd < 0)
		return -errno;
	if (listener->is_unix)
		unlink(((const struct sockaddr_un *)at)->sun_path);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, at, listener->length) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
