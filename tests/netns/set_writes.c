/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that counts what it writes to the datapath's sets, in the file named by
 * MS_TEST_SET_WRITES: see set_writes.h. */
#include "tests/netns/set_writes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/dataplane.h"

int __real_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __real_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);
int __wrap_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);

static struct set_writes *counts(void)
{
	static struct set_writes nobody, *mapped;
	const char *path = getenv("MS_TEST_SET_WRITES");
	int fd;

	if (mapped)
		return mapped;
	mapped = &nobody;
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0) {
		void *at = mmap(NULL, sizeof(*mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (at != MAP_FAILED)
			mapped = at;
		close(fd);
	}
	return mapped;
}

int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick)
{
	counts()->added++;
	return __real_ms_dataplane_set_add(dp, set, member, expires_tick, until_tick);
}

int __wrap_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member)
{
	counts()->removed++;
	return __real_ms_dataplane_set_remove(dp, set, member);
}
