/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing that ends at the border of one folder, which no filter of system calls can draw:
 * Landlock, for this process and its threads to come, for good.
 */
#ifndef MS_CORE_SOURCE_LANDLOCK_H
#define MS_CORE_SOURCE_LANDLOCK_H

#include <stdbool.h>

#include "core/base/error.h"

/*
 * From now on files and folders can be made, changed and removed below `folder` only, and only
 * there be read either unless `reads_anywhere`: elsewhere EACCES. What is open stays open. Not
 * within its reach, since it reaches back to Linux 5.13, and so for the filter to refuse:
 * truncate() and open() with O_TRUNC for reading alone, modes, owners, times and attributes.
 * -ENOTSUP: this kernel has none of it. Needs no_new_privs. On failure nothing is narrower than
 * before.
 */
int ms_source_landlock_confine(const char *folder, bool reads_anywhere, struct ms_error *err);

#endif
