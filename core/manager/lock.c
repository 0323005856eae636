/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One daemon per network namespace, whatever mount namespace and --run-dir it was started with: see
 * docs/adr/0055. Each daemon holds an abstract socket for life whose name nobody can guess, and
 * looks at everybody's names. A name of the family that root made is a daemon; anybody else's is
 * nothing, so who is not root can neither hold the lock nor pretend to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/manager/internal.h"
#include "netlink/abstract.h"

#define FAMILY "microseg/daemon"

struct search {
	uint32_t own; /* inode, 0 = none */
	bool found;
};

static void look_at(void *user, const char *name, size_t length, uint32_t inode, uid_t uid)
{
	static const size_t family = sizeof(FAMILY) - 1;
	struct search *search = user;

	if (length < family || memcmp(name, FAMILY, family) != 0 ||
	    (length > family && name[family] != '/'))
		return;
	if (inode != search->own && (uid == 0 || uid == geteuid()))
		search->found = true;
}

static int expect_no_other(uint32_t own, struct ms_error *err)
{
	struct search search = { .own = own };
	int r = ms_abstract_foreach(look_at, &search);

	if (r < 0)
		return ms_error_set(err, r,
				    "cannot see whether another microsegd runs in this network "
				    "namespace: listing its UNIX sockets failed: %s%s",
				    strerror(-r),
				    r == -ENOENT ? " (the kernel needs CONFIG_UNIX_DIAG)" : "");
	if (search.found)
		return ms_error_set(err, -EBUSY,
				    "a microsegd runs in this network namespace already");
	return 0;
}

int ms_manager_take_lock(int *ret_fd, struct ms_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	ms_cleanup(ms_close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	uint64_t suffix;
	int length, r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ms_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	if (getrandom(&suffix, sizeof(suffix), 0) != (ssize_t)sizeof(suffix))
		return ms_error_set(err, -EIO, "cannot make a random number");
	length = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, FAMILY "/%016" PRIx64,
			  suffix);
	if (bind(fd, (struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) < 0)
		return ms_error_set(err, -errno, "cannot take the daemon's lock: %s",
				    strerror(errno));
	/* First bound, then looked: of two that start together at least one sees the other. Both
	 * may, and give up; then the service's next try finds nobody. */
	r = expect_no_other((uint32_t)st.st_ino, err);
	if (r < 0)
		return r;
	*ret_fd = ms_take_fd(&fd);
	return 0;
}

int ms_manager_probe_lock(struct ms_error *err)
{
	return expect_no_other(0, err);
}
