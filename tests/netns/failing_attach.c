/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel that has no buffers for what attaches, as long as the file MS_TEST_NO_BUFFERS exists. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "netlink/tc.h"

int __real_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);
int __wrap_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);

int __wrap_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count)
{
	const char *path = getenv("MS_TEST_NO_BUFFERS");

	if (count > 0 && path && access(path, F_OK) == 0)
		return -ENOBUFS;
	return __real_ms_tc_attach(tc, requests, count);
}
