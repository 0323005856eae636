/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that has no buffers for what attaches, as long as the file MS_TEST_NO_BUFFERS exists.
 * Who is to be attached is told in the file MS_TEST_ATTACHED, a line for each: 1 = with its
 * counters at once, 0 = without.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "netlink/tc.h"

int __real_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);
int __wrap_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);

static void tell(const struct ms_tc_request *requests, size_t count)
{
	const char *path = getenv("MS_TEST_ATTACHED");
	FILE *file = path ? fopen(path, "ae") : NULL;

	for (size_t i = 0; file && i < count; i++)
		fprintf(file, "%d\n", requests[i].wants_packets);
	if (file)
		fclose(file);
}

int __wrap_ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count)
{
	const char *path = getenv("MS_TEST_NO_BUFFERS");

	tell(requests, count);
	if (count > 0 && path && access(path, F_OK) == 0)
		return -ENOBUFS;
	return __real_ms_tc_attach(tc, requests, count);
}
