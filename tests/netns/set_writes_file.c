/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/harness/ms_check.h"
#include "tests/harness/netns.h"
#include "tests/netns/set_writes.h"

struct set_writes *set_writes_make(void)
{
	static const char path[] = MS_NETNS_DIR "/writes";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct set_writes *writes;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*writes)), 0);
	writes = mmap(NULL, sizeof(*writes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(writes, MAP_FAILED);
	close(fd);
	ck_assert_int_eq(setenv("MS_TEST_SET_WRITES", path, 1), 0);
	return writes;
}
