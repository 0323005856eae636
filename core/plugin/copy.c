/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/include/microseg/plugin.h"
#include "core/plugin/place.h"
#include "core/plugin/trust.h"

/* Since Linux 6.3, and not in every libc's headers. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* Its code is mapped and never executed as a program, so vm.memfd_noexec has nothing against it
 * whatever it says. */
static int make(const char *file)
{
	int fd = memfd_create(file, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create(file, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static ssize_t read_some(int fd, char *buf, size_t size)
{
	ssize_t n;

	while ((n = read(fd, buf, size)) < 0 && errno == EINTR)
		;
	return n;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* 0 or -errno. One that grows and grows is left off; is_unchanged() finds it out. */
static int fill(int from, int into)
{
	char buf[32u << 10];
	size_t total = 0;
	ssize_t n = 0;

	while (total <= MS_PLUGIN_COPY_MAX && (n = read_some(from, buf, sizeof(buf))) > 0) {
		int r = write_all(into, buf, (size_t)n);

		if (r < 0)
			return r;
		total += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

static bool is_same_time(const struct timespec *one, const struct timespec *other)
{
	return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

/* `cp -p` and others set the first time back, and nobody the second. */
static bool is_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
	       is_same_time(&now.st_mtim, &before->st_mtim) &&
	       is_same_time(&now.st_ctim, &before->st_ctim);
}

int ms_plugin_copy_open(const char *path, const char *name, int *ret_fd, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int from = -1, fd = -1;
	char folder[512], file[MS_PLUGIN_NAME_MAX + 4];
	struct stat before;
	int r = path ? 0 : ms_plugin_place_folder(folder, sizeof(folder));

	if (r == 0)
		r = ms_plugin_trust_open(path ? path : folder, name, &from, err);
	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "%s.so", name);
	if (fstat(from, &before) < 0)
		return ms_error_set(err, -errno, "cannot look at %s: %s", file, strerror(errno));
	if (before.st_size > MS_PLUGIN_COPY_MAX)
		return ms_error_set(err, -EFBIG, "%s has more than %u MiB", file,
				    MS_PLUGIN_COPY_MAX >> 20);
	fd = make(file);
	r = fd < 0 ? -errno : fill(from, fd);
	if (r == 0 && !is_unchanged(from, &before))
		return ms_error_set(err, -EAGAIN, "%s was written to while it was read; try again",
				    file);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r < 0)
		return ms_error_set(err, r, "cannot copy %s into memory: %s", file, strerror(-r));
	*ret_fd = ms_take_fd(&fd);
	return 0;
}

/* Private: kernels before 6.7 do not share what is sealed, not even to be read. */
static void *map(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
}

bool ms_plugin_copy_is_same(int a, int b)
{
	struct stat of_a, of_b;
	void *in_a, *in_b;
	bool is_same = false;
	size_t size;

	if (fstat(a, &of_a) < 0 || fstat(b, &of_b) < 0 || of_a.st_size != of_b.st_size)
		return false;
	size = (size_t)of_a.st_size;
	in_a = map(a, size);
	in_b = map(b, size);
	if (in_a != MAP_FAILED && in_b != MAP_FAILED)
		is_same = memcmp(in_a, in_b, size) == 0;
	if (in_a != MAP_FAILED)
		munmap(in_a, size);
	if (in_b != MAP_FAILED)
		munmap(in_b, size);
	return is_same;
}
