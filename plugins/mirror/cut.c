/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cut.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PREFIX "cut_"
/* enum bpf_attach_type of <linux/bpf.h> since 6.6, which is newer than the headers of 6.1. */
#define TCX_EGRESS ((enum bpf_attach_type)47)

bool ms_mirror_cut_is_possible(void)
{
	unsigned int first[2] = { 0 }, here[2] = { 0 };
	struct utsname name;

	sscanf(MS_MIRROR_CUT_KERNEL, "%u.%u", &first[0], &first[1]);
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &here[0], &here[1]) != 2)
		return false;
	return here[0] > first[0] || (here[0] == first[0] && here[1] >= first[1]);
}

int ms_mirror_cut_put(int dir_fd, int prog_fd, uint32_t ifindex)
{
	char path[96];
	int link, r = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" PREFIX "%u", dir_fd, ifindex);
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

static bool is_kept(const char *name, const uint32_t *keep, size_t count)
{
	unsigned long ifindex = strtoul(name + strlen(PREFIX), NULL, 10);

	for (size_t i = 0; i < count; i++)
		if (keep[i] == ifindex)
			return true;
	return false;
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
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    !is_kept(entry->d_name, keep, count))
			unlinkat(dir_fd, entry->d_name, 0);
	closedir(dir);
}
