/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bpf/private_bpffs.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

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
