/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the state directory: whole reads with a limit, and writes that are either completely
 * there after a crash or not at all (temporary file, fsync, rename, fsync of the directory).
 */
#ifndef MS_CORE_STATE_FILE_H
#define MS_CORE_STATE_FILE_H

#include <stddef.h>
#include <stdio.h>

/* Regular files only. `*ret_text` is new and NUL-terminated. -EFBIG beyond `max` bytes. */
int ms_state_file_read(int dir_fd, const char *name, size_t max, char **ret_text,
		       size_t *ret_length);
int ms_state_file_write(int dir_fd, const char *name, const char *text, size_t length);
/* A write in two halves: all that needs room on the disk, and the rename. Staged and never settled
 * is nothing; the next stage of that name replaces it. */
int ms_state_file_stage(int dir_fd, const char *name, const char *text, size_t length);
/* The same of what `put` (0 or -errno) writes to a stream, which is asked for errors here. */
int ms_state_file_stage_by(int dir_fd, const char *name, int (*put)(const void *what, FILE *out),
			   const void *what);
int ms_state_file_settle(int dir_fd, const char *name);
void ms_state_file_unstage(int dir_fd, const char *name);
/* Absent is fine. */
int ms_state_file_remove(int dir_fd, const char *name);

#endif
