/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/control/listener.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/cleanup.h"

#define BACKLOG 16

/* Removes what a dead daemon left behind, and nothing else. */
static int clear_stale(const struct sockaddr_un *address, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return ms_error_set(err, -EEXIST, "%s exists and is no socket of ours",
				    address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return ms_error_set(err, -EADDRINUSE, "another microsegd answers on %s",
				    address->sun_path);
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_tight(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(before);
	return r;
}

static int open_up(const char *path)
{
	const struct group *group = getgrnam(MS_CONTROL_GROUP);

	if (!group)
		return 0; /* stays 0600: root alone */
	if (lchown(path, (uid_t)-1, group->gr_gid) < 0 || chmod(path, 0660) < 0)
		return -errno;
	return 0;
}

static int bind_and_listen(const struct sockaddr_un *address,
			   struct ms_control_listener *ret_listener, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct stat st;
	int r;

	r = clear_stale(address, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_tight(fd, address);
	if (r < 0)
		return r;
	r = open_up(address->sun_path);
	if (r == 0 && (lstat(address->sun_path, &st) < 0 || listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r < 0) {
		unlink(address->sun_path);
		return r;
	}
	memcpy(ret_listener->path, address->sun_path, sizeof(ret_listener->path));
	ret_listener->device = st.st_dev;
	ret_listener->inode = st.st_ino;
	ret_listener->fd = ms_take_fd(&fd);
	return 0;
}

int ms_control_listener_open(const char *path, struct ms_control_listener *ret_listener,
			     struct ms_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return ms_error_set(err, -ENAMETOOLONG, "%s is too long for a socket's name", path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	r = bind_and_listen(&address, ret_listener, err);
	if (r < 0)
		ms_error_set(err, r, "cannot listen on %s: %s", path, strerror(-r));
	return r;
}

void ms_control_listener_close(struct ms_control_listener *listener)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	close(ms_take_fd(&listener->fd));
	if (lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		unlink(listener->path);
}
