/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that counts what it writes to the datapath's sets, in the file named by
 * MS_TEST_SET_WRITES: see set_writes.h. */
#define _GNU_SOURCE
#include "tests/netns/set_writes.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/dataplane.h"
#include "core/set_table/member_tree.h"
#include "core/set_table/private.h"

int __real_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __real_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);
int __wrap_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);

int __real_ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr);
int __wrap_ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr);
int __real_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
bool __real_ms_set_table_tell_some(struct ms_set_table *table, size_t most);
bool __wrap_ms_set_table_tell_some(struct ms_set_table *table, size_t most);
bool __real_ms_member_tree_release_some(struct ms_member_tree *tree, size_t most, int *ret_r);
bool __wrap_ms_member_tree_release_some(struct ms_member_tree *tree, size_t most, int *ret_r);
void __real_ms_set_table_pause(struct ms_set_table *table);
void __wrap_ms_set_table_pause(struct ms_set_table *table);
int __real_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half);
int __wrap_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half);
int __real_ms_dataplane_wait_grace(void);
int __wrap_ms_dataplane_wait_grace(void);

static bool is_loop(void)
{
	return gettid() == getpid();
}

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
	counts()->loop_removed += is_loop();
	return __real_ms_dataplane_set_remove(dp, set, member);
}

int __wrap_ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr)
{
	counts()->untold++;
	counts()->loop_untold += is_loop();
	return __real_ms_dataplane_member_remove(dp, cidr);
}

int __wrap_ms_dataplane_wait_grace(void)
{
	counts()->loop_waits += is_loop();
	return __real_ms_dataplane_wait_grace();
}

int __wrap_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half)
{
	counts()->loop_waits += is_loop();
	return __real_ms_dataplane_idle_half(dp, ret_half);
}

/* By a worker, since others had their turn last. */
static uint64_t told_in_turn;

int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets)
{
	counts()->told++;
	if (!is_loop() && ++told_in_turn > counts()->most_in_turn)
		counts()->most_in_turn = told_in_turn;
	return __real_ms_dataplane_member_put(dp, cidr, sets);
}

bool __wrap_ms_member_tree_release_some(struct ms_member_tree *tree, size_t most, int *ret_r)
{
	bool is_more;

	/* Where more is left a turn ends behind it. */
	told_in_turn = 0;
	is_more = __real_ms_member_tree_release_some(tree, most, ret_r);
	told_in_turn = 0;
	return is_more;
}

void __wrap_ms_set_table_pause(struct ms_set_table *table)
{
	told_in_turn = 0;
	__real_ms_set_table_pause(table);
}

bool __wrap_ms_set_table_tell_some(struct ms_set_table *table, size_t most)
{
	uint64_t before = counts()->told;
	bool is_more = __real_ms_set_table_tell_some(table, most);
	uint64_t told = counts()->told - before;

	counts()->rounds += told > 0;
	if (told > counts()->most_told)
		counts()->most_told = told;
	return is_more;
}
