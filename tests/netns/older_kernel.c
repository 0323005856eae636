/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a daemon: the kernel calls itself 6.1. What the daemon starts has an environment
 * of its own and does not see it.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

__attribute__((visibility("default"))) int uname(struct utsname *name)
{
	int r = (int)syscall(SYS_uname, name);

	if (r == 0)
		strcpy(name->release, "6.1.0");
	return r;
}
