/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that cannot write tables of members while a file is there: MS_TEST_UNTOLD with "-member"
 * behind it for what addresses are told, with "-set" for the sets themselves. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/dataplane.h"

int __real_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
int __real_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);

static bool fails(const char *what)
{
	char path[256];

	snprintf(path, sizeof(path), "%s-%s", getenv("MS_TEST_UNTOLD"), what);
	return access(path, F_OK) == 0;
}

int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets)
{
	return fails("member") ? -ENOMEM : __real_ms_dataplane_member_put(dp, cidr, sets);
}

int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick)
{
	return fails("set")
		       ? -ENOMEM
		       : __real_ms_dataplane_set_add(dp, set, member, expires_tick, until_tick);
}
