/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing that end at the borders of some folders, which no filter of system calls can
 * draw: Landlock, for this process and its threads to come, for good.
 */
#ifndef MS_CORE_SOURCE_LANDLOCK_H
#define MS_CORE_SOURCE_LANDLOCK_H

#include "core/base/error.h"

/*
 * From now on files and folders can be read below `folder` and below each of `reads` only (files
 * too; NULL-terminated, and what is not there is left out), and be made, changed and removed below
 * `folder` only: elsewhere EACCES. Without a folder (NULL) writing is left as it is. What is open
 * stays open. Not within its reach, since it reaches back to Linux 5.13, and so for the filter to
 * refuse: truncate() and open() with O_TRUNC for reading alone, modes, owners, times and
 * attributes. -ENOTSUP: this kernel has none of it. Needs no_new_privs. On failure nothing is
 * narrower than before.
 */
int ms_source_landlock_confine(const char *folder, const char *const *reads, struct ms_error *err);

#endif
