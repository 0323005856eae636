/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/include/microseg/plugin.h"

bool ms_plugin_trust_is_name(const char *name)
{
	size_t length = strlen(name);

	return length >= 1 && length <= MS_PLUGIN_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static int check_owner(const struct stat *stat, const char *what, const char *path,
		       struct ms_error *err)
{
	if (stat->st_uid != 0)
		return ms_error_set(err, -EPERM, "%s %s belongs to uid %u, not to root", what, path,
				    stat->st_uid);
	if (stat->st_mode & (S_IWGRP | S_IWOTH))
		return ms_error_set(err, -EPERM,
				    "%s %s can be written by others than root (mode %04o)", what,
				    path, stat->st_mode & 07777);
	return 0;
}

static int check_folder(int fd, const char *path, struct ms_error *err)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return ms_error_set(err, -errno, "cannot look at %s: %s", path, strerror(errno));
	if (S_ISLNK(stat.st_mode))
		return ms_error_set(err, -ELOOP, "%s is a symbolic link", path);
	if (!S_ISDIR(stat.st_mode))
		return ms_error_set(err, -ENOTDIR, "%s is no folder", path);
	return check_owner(&stat, "the folder", path, err);
}

/* One step down; `path` is as far as it goes. */
static int descend(int *fd, const char *path, const char *name, struct ms_error *err)
{
	int below = openat(*fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (below < 0)
		return ms_error_set(err, -errno, "cannot open the folder %s: %s", path,
				    strerror(errno));
	close(*fd);
	*fd = below;
	r = check_folder(below, path, err);
	return r;
}

int ms_plugin_trust_open_folder(const char *path, int *ret_fd, struct ms_error *err)
{
	ms_cleanup(ms_free) char *so_far = strdup(path);
	ms_cleanup(ms_close_fd) int fd = -1;
	char *at = so_far;
	int r;

	if (!so_far)
		return -ENOMEM;
	if (path[0] != '/')
		return ms_error_set(err, -EINVAL, "'%s' is not a path from the root: /...", path);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ms_error_set(err, -errno, "cannot open /: %s", strerror(errno));
	r = check_folder(fd, "/", err);
	while (r == 0 && at) {
		char *name = at + strspn(at, "/");
		char *end = strchr(name, '/');

		if (!*name)
			break;
		if (end)
			*end = '\0';
		r = strcmp(name, "..") == 0
			    ? ms_error_set(err, -EINVAL, "'%s' goes up again: ..", path)
			    : descend(&fd, so_far, name, err);
		if (end)
			*end = '/';
		at = end;
	}
	if (r == 0)
		*ret_fd = ms_take_fd(&fd);
	return r;
}

static int check_file(int fd, const char *path, struct ms_error *err)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return ms_error_set(err, -errno, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISREG(stat.st_mode))
		return ms_error_set(err, -EPERM, "%s is no regular file", path);
	if (stat.st_nlink != 1)
		return ms_error_set(err, -EPERM, "%s has another name elsewhere (a hard link)",
				    path);
	return check_owner(&stat, "the file", path, err);
}

int ms_plugin_trust_open(const char *path, const char *name, int *ret_fd, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int folder = -1, fd = -1;
	char file[MS_PLUGIN_NAME_MAX + 4], full[512];
	int r;

	if (!ms_plugin_trust_is_name(name))
		return ms_error_set(err, -EINVAL,
				    "'%.80s' is no name of a plugin: 1 to %d of a-z, 0-9 and _",
				    name, MS_PLUGIN_NAME_MAX);
	r = ms_plugin_trust_open_folder(path, &folder, err);
	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "%s.so", name);
	snprintf(full, sizeof(full), "%s/%s", path, file);
	/* Not to hang on a FIFO that lies in its place. */
	fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return ms_error_set(err, -ENOENT, "there is no plugin '%s' in %s", name, path);
	if (fd < 0 && errno == ELOOP)
		return ms_error_set(err, -ELOOP, "%s is a symbolic link", full);
	if (fd < 0)
		return ms_error_set(err, -errno, "cannot open %s: %s", full, strerror(errno));
	r = check_file(fd, full, err);
	if (r == 0)
		*ret_fd = ms_take_fd(&fd);
	return r;
}
