/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cut.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink/tc_action.h"

#define ACTION "mirror"
#define LINK "cut_"      /* a pinned link */
#define FILTER "filter_" /* the program, where a filter runs it */
#define NEXT "next_"     /* in front of the last: it is about to take its place */
/* enum bpf_attach_type of <linux/bpf.h> since 6.6, which is newer than the headers of 6.1. */
#define TCX_EGRESS ((enum bpf_attach_type)47)
#define PATH_SIZE 96

static void pin_path(char path[PATH_SIZE], int dir_fd, const char *prefix, uint32_t ifindex)
{
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d/%s%u", dir_fd, prefix, ifindex);
}

/* -EINVAL: the kernel has no such links. */
static int put_link(int dir_fd, int prog_fd, uint32_t ifindex)
{
	char path[PATH_SIZE];
	int link, r = 0;

	pin_path(path, dir_fd, LINK, ifindex);
	link = bpf_obj_get(path);
	if (link >= 0) {
		r = bpf_link_update(link, prog_fd, NULL);
		close(link);
		if (r == 0)
			return 0;
		unlink(path); /* the interface went and another has its number: the link is void */
	}
	link = bpf_link_create(prog_fd, (int)ifindex, TCX_EGRESS, NULL);
	if (link < 0)
		return -errno;
	r = bpf_obj_pin(link, path) < 0 ? -errno : 0;
	close(link);
	return r;
}

/* 0 = nobody knows. */
static uint32_t id_of(int prog_fd)
{
	struct bpf_prog_info info;
	uint32_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	return bpf_obj_get_info_by_fd(prog_fd, &info, &size) < 0 ? 0 : info.id;
}

static bool is_pinned(const char *path, uint32_t id)
{
	int fd = bpf_obj_get(path);
	bool is_it = fd >= 0 && id_of(fd) == id;

	if (fd >= 0)
		close(fd);
	return is_it;
}

/* In the place of that of an older program, never a moment without. */
static int pin_program(int dir_fd, int prog_fd, uint32_t id, uint32_t ifindex)
{
	char path[PATH_SIZE], beside[PATH_SIZE];

	pin_path(path, dir_fd, FILTER, ifindex);
	if (is_pinned(path, id))
		return 0;
	pin_path(beside, dir_fd, NEXT FILTER, ifindex);
	unlink(beside);
	if (bpf_obj_pin(prog_fd, beside) < 0 || rename(beside, path) < 0)
		return -errno;
	return 0;
}

/* The pin first: what has a filter of ours has one, wherever the daemon ends. */
static int put_filter(int dir_fd, int prog_fd, uint32_t ifindex)
{
	uint32_t id = id_of(prog_fd);
	int r = id ? pin_program(dir_fd, prog_fd, id, ifindex) : -errno;

	return r < 0 ? r : ms_tc_action_put(ifindex, ACTION, prog_fd, id);
}

int ms_mirror_cut_put(int dir_fd, int prog_fd, uint32_t ifindex)
{
	int r = put_link(dir_fd, prog_fd, ifindex);

	return r == -EINVAL ? put_filter(dir_fd, prog_fd, ifindex) : r;
}

static bool is_kept(const char *number, const uint32_t *keep, size_t count)
{
	unsigned long ifindex = strtoul(number, NULL, 10);

	for (size_t i = 0; i < count; i++)
		if (keep[i] == ifindex)
			return true;
	return false;
}

/* The number in the name of a pin that begins so, NULL = another's. */
static const char *number_of(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : NULL;
}

static void sweep_one(int dir_fd, const char *name, const uint32_t *keep, size_t count)
{
	const char *filter = number_of(name, FILTER), *link = number_of(name, LINK);

	if (number_of(name, NEXT FILTER)) {
		unlinkat(dir_fd, name, 0); /* of a daemon that ended before it was in its place */
		return;
	}
	if ((!filter && !link) || is_kept(filter ? filter : link, keep, count))
		return;
	if (filter && ms_tc_action_remove((uint32_t)strtoul(filter, NULL, 10), ACTION) < 0)
		return; /* found by its pin the next time */
	unlinkat(dir_fd, name, 0);
}

void ms_mirror_cut_sweep(int dir_fd, const uint32_t *keep, size_t count)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		sweep_one(dir_fd, entry->d_name, keep, count);
	closedir(dir);
}
