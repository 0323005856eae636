/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bpf/private_bpffs.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/harness/ms_check.h"

void ms_private_bpffs_setup(void)
{
	ck_assert_msg(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "this test needs root");
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert(mkdir("/run", 0755) == 0 || errno == EEXIST);
	ck_assert_int_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir(MS_PRIVATE_BPFFS, 0700), 0);
	ck_assert_int_eq(mount("bpf", MS_PRIVATE_BPFFS, "bpf", 0, "mode=0700"), 0);
}

void ms_private_bpffs_drop_perfmon(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
	data[CAP_TO_INDEX(CAP_PERFMON)].effective &= ~CAP_TO_MASK(CAP_PERFMON);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

bool ms_private_bpffs_loads_hardened(void)
{
	unsigned int major, minor;
	struct utsname name;

	/* Also asked before there is a test that could fail. */
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		abort();
	return major > 6 || (major == 6 && minor >= 18);
}
