/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder of our pins: opened without following links, refused unless it is ours alone, and
 * from then on used through its descriptor.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"

#define LINKS "links"

char *ms_dataplane_pins_path(int folder_fd, const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "/proc/self/fd/%d/%s", folder_fd, name);
	return buf;
}

static bool is_bpffs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

static int check_folder(int fd, const char *path, struct ms_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ms_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!is_bpffs(fd))
		return ms_error_set(err, -EMEDIUMTYPE,
				    "%s is not on a bpffs: is something mounted over it", path);
	if (st.st_uid != geteuid())
		return ms_error_set(
			err, -EPERM,
			"%s belongs to user %u, not to us: remove it or use another --bpffs folder",
			path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return ms_error_set(
			err, -EPERM,
			"%s can be written by others (mode %04o): its pins cannot be trusted", path,
			st.st_mode & 07777);
	return 0;
}

static int open_folder(int parent, const char *name, int *ret_fd)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	*ret_fd = fd;
	return 0;
}

/* The parent's descriptor, and the folder's name in it in `name`. */
static int open_parent(const char *pin_dir, char *name, size_t size, int *ret_fd,
		       struct ms_error *err)
{
	ms_cleanup(ms_free) char *for_dir = strdup(pin_dir);
	ms_cleanup(ms_free) char *for_base = strdup(pin_dir);
	const char *parent, *base;
	int fd;

	if (!for_dir || !for_base)
		return -ENOMEM;
	parent = dirname(for_dir);
	base = basename(for_base);
	if (pin_dir[0] != '/' || strcmp(base, "/") == 0 || strlen(base) >= size)
		return ms_error_set(err, -EINVAL, "%s is no absolute path of a folder", pin_dir);
	if (strchr(base, '.'))
		return ms_error_set(err, -EINVAL, "%s: a bpffs takes no name with a dot", pin_dir);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ms_error_set(err, -errno, "%s: %s", parent, strerror(errno));
	if (!is_bpffs(fd)) {
		close(fd);
		return ms_error_set(err, -EMEDIUMTYPE,
				    "%s is no bpffs: mount one there (mount -t bpf bpf %s)", parent,
				    parent);
	}
	snprintf(name, size, "%s", base);
	*ret_fd = fd;
	return 0;
}

/* -ENOENT only if `make` is false. */
static int open_pin_dir(const char *pin_dir, bool make, int *ret_fd, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int parent = -1;
	ms_cleanup(ms_close_fd) int fd = -1;
	char name[NAME_MAX + 1];
	int r;

	r = open_parent(pin_dir, name, sizeof(name), &parent, err);
	if (r < 0)
		return r;
	if (make && mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return ms_error_set(err, -errno, "cannot make %s: %s", pin_dir, strerror(errno));
	r = open_folder(parent, name, &fd);
	if (r == -ENOENT)
		return r;
	if (r == -ENOTDIR)
		return ms_error_set(err, r, "%s is a symbolic link or no folder: not followed",
				    pin_dir);
	if (r < 0)
		return ms_error_set(err, r, "%s: %s", pin_dir, strerror(-r));
	r = check_folder(fd, pin_dir, err);
	if (r < 0)
		return r;
	*ret_fd = ms_take_fd(&fd);
	return 0;
}

/* ---- folders of tables ---- */

static bool is_tables(const char *name, unsigned int *ret_layout)
{
	unsigned int layout, sessions, half_open;
	int end = 0;

	if (sscanf(name, "v%u-%u-%u%n", &layout, &sessions, &half_open, &end) != 3 ||
	    (name[end] && strcmp(name + end, "-set") != 0))
		return false;
	*ret_layout = layout;
	return true;
}

static bool is_unsettled(const char *name)
{
	unsigned int layout;

	return strncmp(name, "new-", 4) == 0 && is_tables(name + 4, &layout);
}

/* Everything in a folder of files, and the folder. */
static int remove_folder(int parent, const char *name)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct dirent *entry;
	DIR *dir;
	int r;

	r = open_folder(parent, name, &fd);
	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1; /* closedir() has it now */
	while (r == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			r = -errno;
	}
	closedir(dir);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

/* Calls `visit` for each name in the folder. It may remove what it is told. */
static int foreach_name(int folder, int (*visit)(void *user, int folder, const char *name),
			void *user)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = visit(user, folder, entry->d_name);
	}
	closedir(dir);
	return r;
}

struct found {
	char wanted[48];
	bool has_wanted;
	char settled[48], unsettled[56]; /* "" = none; `settled` is not the wanted one */
	unsigned int settled_layout;
};

static int note_tables(void *user, int folder, const char *name)
{
	struct found *found = user;
	unsigned int layout;

	(void)folder;
	if (strcmp(name, found->wanted) == 0) {
		found->has_wanted = true;
	} else if (is_tables(name, &layout) && strlen(name) < sizeof(found->settled)) {
		snprintf(found->settled, sizeof(found->settled), "%s", name);
		found->settled_layout = layout;
	} else if (is_unsettled(name) && strlen(name) < sizeof(found->unsettled)) {
		snprintf(found->unsettled, sizeof(found->unsettled), "%s", name);
	}
	return 0;
}

/* A take-over that a crash cut short. As long as the old tables are there they are what the
 * hooks use, and the new ones are stale; once they are gone the new ones only lack their name. */
static int mend(int dir_fd, const char *wanted, struct found *found)
{
	int r;

	for (;;) {
		*found = (struct found) { .has_wanted = false };
		snprintf(found->wanted, sizeof(found->wanted), "%s", wanted);
		r = foreach_name(dir_fd, note_tables, found);
		if (r < 0 || !found->unsettled[0])
			return r;
		if (found->has_wanted || found->settled[0])
			r = remove_folder(dir_fd, found->unsettled);
		else if (renameat(dir_fd, found->unsettled, dir_fd, found->unsettled + 4) < 0)
			r = -errno;
		if (r < 0)
			return r;
	}
}

int ms_dataplane_pins_open(const char *pin_dir, unsigned int layout, uint32_t sessions,
			   uint32_t half_open, enum ms_session_table table,
			   struct ms_dataplane_pins *ret_pins, struct ms_error *err)
{
	ms_cleanup(ms_dataplane_pins_close) struct ms_dataplane_pins pins = MS_DATAPLANE_PINS_INIT;
	char wanted[48];
	struct found found;
	int r;

	r = open_pin_dir(pin_dir, true, &pins.dir_fd, err);
	if (r < 0)
		return r;
	snprintf(wanted, sizeof(wanted), "v%u-%u-%u%s", layout, sessions, half_open,
		 table == MS_SESSION_TABLE_SET ? "-set" : "");
	r = mend(pins.dir_fd, wanted, &found);
	if (r < 0)
		return ms_error_set(err, r, "cannot tidy %s: %s", pin_dir, strerror(-r));
	if (found.settled[0] && !found.has_wanted) {
		snprintf(pins.tables, sizeof(pins.tables), "new-%s", wanted);
		snprintf(pins.old, sizeof(pins.old), "%s", found.settled);
		pins.old_layout = found.settled_layout;
		r = open_folder(pins.dir_fd, pins.old, &pins.old_fd);
	} else {
		snprintf(pins.tables, sizeof(pins.tables), "%s", wanted);
	}
	if (r == 0 && mkdirat(pins.dir_fd, pins.tables, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = open_folder(pins.dir_fd, pins.tables, &pins.tables_fd);
	if (r < 0)
		return ms_error_set(err, r, "%s/%s: %s", pin_dir, pins.tables, strerror(-r));
	r = check_folder(pins.tables_fd, pins.tables, err);
	if (r < 0)
		return r;
	*ret_pins = pins;
	pins = (struct ms_dataplane_pins)MS_DATAPLANE_PINS_INIT;
	return 0;
}

void ms_dataplane_pins_close(struct ms_dataplane_pins *pins)
{
	ms_close_fd(&pins->old_fd);
	ms_close_fd(&pins->tables_fd);
	ms_close_fd(&pins->dir_fd);
	*pins = (struct ms_dataplane_pins)MS_DATAPLANE_PINS_INIT;
}

int ms_dataplane_pins_settle(struct ms_dataplane_pins *pins)
{
	int r;

	if (pins->old_fd < 0)
		return 0;
	ms_close_fd(&pins->old_fd);
	pins->old_fd = -1;
	r = remove_folder(pins->dir_fd, pins->old);
	if (r < 0)
		return r;
	if (renameat(pins->dir_fd, pins->tables, pins->dir_fd, pins->tables + 4) < 0)
		return -errno;
	memmove(pins->tables, pins->tables + 4, strlen(pins->tables + 4) + 1);
	return 0;
}

int ms_dataplane_pins_replace(int folder_fd, const char *name, int fd)
{
	char beside[64], path[128];

	snprintf(beside, sizeof(beside), "%s-next", name);
	if (unlinkat(folder_fd, beside, 0) < 0 && errno != ENOENT)
		return -errno;
	if (bpf_obj_pin(fd, ms_dataplane_pins_path(folder_fd, beside, path, sizeof(path))) < 0)
		return -errno;
	if (renameat(folder_fd, beside, folder_fd, name) < 0)
		return -errno;
	return 0;
}

/* ---- cleanup ---- */

static int remove_ours(void *user, int folder, const char *name)
{
	unsigned int layout;

	(void)user;
	if (strcmp(name, LINKS) == 0 || strncmp(name, "action-", 7) == 0 ||
	    is_tables(name, &layout) || is_unsettled(name))
		return remove_folder(folder, name);
	return 0;
}

int ms_dataplane_unpin_all(const char *pin_dir, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int parent = -1;
	ms_cleanup(ms_close_fd) int fd = -1;
	char name[NAME_MAX + 1];
	int r;

	r = open_pin_dir(pin_dir, false, &fd, err);
	if (r < 0)
		return r;
	r = foreach_name(fd, remove_ours, NULL);
	if (r == 0)
		r = open_parent(pin_dir, name, sizeof(name), &parent, err);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = -errno;
	if (r == -ENOTEMPTY)
		return ms_error_set(err, r, "%s holds something that is not ours: left as it is",
				    pin_dir);
	if (r < 0)
		return ms_error_set(err, r, "cannot remove the pins in %s: %s", pin_dir,
				    strerror(-r));
	return 0;
}
