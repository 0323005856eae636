/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
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

static int allow(int ruleset, int beneath, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = beneath,
	};

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
		       ? -errno
		       : 0;
}

/* What is not there cannot be read anyhow. */
static int allow_reading(int ruleset, const char *path)
{
	ms_cleanup(ms_close_fd) int beneath = open(path, O_PATH | O_CLOEXEC);
	struct stat is;

	if (beneath < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
	if (fstat(beneath, &is) < 0)
		return -errno;
	return allow(ruleset, beneath, S_ISDIR(is.st_mode) ? READS : LANDLOCK_ACCESS_FS_READ_FILE);
}

static int restrict_self(int ruleset, int folder, const char *const *reads)
{
	int r = folder < 0 ? 0 : allow(ruleset, folder, WRITES_WITHIN | READS);

	for (size_t i = 0; r == 0 && reads && reads[i]; i++)
		r = allow_reading(ruleset, reads[i]);
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	return r;
}

int ms_source_landlock_confine(const char *folder, const char *const *reads, struct ms_error *err)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = READS | (folder ? WRITES : 0),
	};
	ms_cleanup(ms_close_fd) int below = -1, ruleset = -1;
	int r;

	if (folder) {
		below = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			return ms_error_set(err, -errno, "cannot open its folder %s: %s", folder,
					    strerror(errno));
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return ms_error_set(err, -ENOTSUP,
				    "this kernel runs without Landlock, which would hold it to the "
				    "files that it needs");
	r = ruleset < 0 ? -errno : restrict_self(ruleset, below, reads);
	if (r < 0)
		return ms_error_set(err, r, "cannot hold it to the files that it needs: %s",
				    strerror(-r));
	return 0;
}
