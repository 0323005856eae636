/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source's or sink's process may still do: it parses what others wrote, so whatever a bug in
 * that hands to them must be worth little. Two steps, neither can be undone.
 *
 * User 0 stays, because sockets and files that a source follows are often root's alone; it is root
 * without a capability. What it may reach by that is bounded by the plugin's `needs`.
 */
#ifndef MS_CORE_SOURCE_SANDBOX_H
#define MS_CORE_SOURCE_SANDBOX_H

#include <stdint.h>

#include "core/base/error.h"

#define MS_SOURCE_SANDBOX_MEMORY ((uint64_t)1 << 30) /* bytes of address space */
#define MS_SOURCE_SANDBOX_FILES 256                  /* open descriptors */

/* Before the plugin's file is loaded, whose constructors run then: no capabilities, none by
 * execve() either, no core files, no byte written to a file, limits above. */
int ms_source_sandbox_drop(struct ms_error *err);
/*
 * After it is loaded and before create(): only system calls for `needs` (MS_PLUGIN_NEEDS_*); any
 * other one fails with EPERM, clone3() with ENOSYS, for which the C library has an answer. Memory
 * that can be executed cannot be had any more. With MS_PLUGIN_NEEDS_FILES what is below one of
 * `reads` can be read, with MS_PLUGIN_NEEDS_WRITE files below `folder` can be read and written, and
 * nothing elsewhere (core/source/landlock.h). `reads` is NULL-terminated, NULL = none; `folder`
 * must exist, and is NULL without the need.
 *
 * Where the kernel cannot hold it to that: who needs to write is refused, -ENOTSUP with a sentence;
 * who only reads reads whatever user 0 may, and the result is 1.
 */
int ms_source_sandbox_enter(uint32_t needs, const char *folder, const char *const *reads,
			    struct ms_error *err);

#endif
