/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/cleanup.h"

/* What the first version knows. Moving a file into another folder came with the second; without a
 * rule for it both refuse it. */
#define WRITES                                                                                     \
	((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                \
		    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                \
		    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                    \
		    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                  \
		    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM))
#define READS ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
/* A symbolic link would lead who reads the folder out of it, a device or FIFO is no file. */
#define WRITES_WITHIN                                                                              \
	((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                \
		    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                 \
		    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK))

static int restrict_self(int ruleset, int folder, uint64_t within)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = within,
		.parent_fd = folder,
	};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

int ms_source_landlock_confine(const char *folder, bool reads_anywhere, struct ms_error *err)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = WRITES | (reads_anywhere ? 0 : READS),
	};
	ms_cleanup(ms_close_fd) int below = -1, ruleset = -1;
	int r;

	below = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return ms_error_set(err, -errno, "cannot open its folder %s: %s", folder,
				    strerror(errno));
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return ms_error_set(
			err, -ENOTSUP,
			"it needs to write files, and this kernel runs without Landlock, "
			"which would hold it to %s",
			folder);
	r = ruleset < 0
		    ? -errno
		    : restrict_self(ruleset, below, WRITES_WITHIN | (reads_anywhere ? 0 : READS));
	if (r < 0)
		return ms_error_set(err, r, "cannot hold it to %s: %s", folder, strerror(-r));
	return 0;
}
