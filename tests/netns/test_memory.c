/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon's allocator keeps: a policy is made by one thread and freed by another. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"

#define RULES 3000 /* so long that a second thread reads ahead */
#define HEAP                                                                                       \
	(UINT64_C(64) << 20) /* glibc's, of an arena that is not the first: its size and place */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void write_long_policy(void)
{
	static char text[RULES * 80];
	int at = snprintf(text, sizeof(text), "version: 1\nrules:\n");

	for (int i = 0; i < RULES; i++)
		at += snprintf(
			text + at, sizeof(text) - (size_t)at,
			"  - { id: long/%d, to: 10.2.0.0/16, proto: tcp, dport: %d, action: deny }\n",
			i, i + 1);
	ms_proc_write_policy(microsegd, "20-long.yaml", text);
}

/* Heaps of further arenas: a piece that is used and the rest of it, which is not there yet. */
static unsigned int count_heaps(void)
{
	uint64_t begin, end, heap = 0, used = 0;
	ms_cleanup(ms_close_file) FILE *maps = NULL;
	char line[512], path[64], mode[8];
	unsigned int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", microsegd->pid);
	maps = fopen(path, "re");
	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		ck_assert_int_eq(sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &begin, &end, mode),
				 3);
		if (strcmp(mode, "---p") == 0 && begin == used && end == heap + HEAP)
			count++;
		heap = begin % HEAP == 0 && strcmp(mode, "rw-p") == 0 ? begin : UINT64_MAX - HEAP;
		used = end;
	}
	return count;
}

START_TEST(all_threads_share_one_arena)
{
	ms_site_setup(microsegd);
	write_long_policy();
	ms_proc_start(microsegd, NULL);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_uint_eq(count_heaps(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/memory");
	TCase *tcase = tcase_create("memory");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, all_threads_share_one_arena);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
