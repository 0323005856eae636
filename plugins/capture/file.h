/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * microseg.pcap in a folder, and what it was before: microseg.1.pcap, microseg.2.pcap ... Of one
 * thread. What is put is in a buffer until it is flushed; what cannot be written whole is taken
 * back, so that a reader finds whole blocks.
 */
#ifndef MS_PLUGINS_CAPTURE_FILE_H
#define MS_PLUGINS_CAPTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

#define MS_CAPTURE_FILE_NAME "microseg"
#define MS_CAPTURE_FILE_FOLDER_MAX 255
#define MS_CAPTURE_FILE_COUNT_MAX 1000
#define MS_CAPTURE_FILE_NAME_SIZE 64

struct ms_capture_file;

/* The folder is made if it is not there (not those above it); nothing else is touched. `files`
 * of `limit` bytes at most, the current one included. */
int ms_capture_file_new(const char *folder, uint64_t limit, uint32_t files,
			struct ms_capture_file **ret_file);
struct ms_capture_file *ms_capture_file_free(struct ms_capture_file *file); /* returns NULL */

/* The current file, if it has anything, becomes the first of the others; the last of those goes,
 * and whatever an earlier configuration left beyond. Files of an earlier name, .pcapng, have the
 * places they had. On failure there is no current file, and the
 * next call tries again. -ENOSPC: fewer bytes are free than are written at a time. */
int ms_capture_file_next(struct ms_capture_file *file);
/* Whether somebody removed the current file: what is written to it nobody will find. */
int ms_capture_file_is_gone(const struct ms_capture_file *file);
/* How many files there have been with something in them. */
uint64_t ms_capture_file_begun(const struct ms_capture_file *file);
/* What the last next() could not remove or replace, for which no file waits: -errno and a name, or
 * 0. */
int ms_capture_file_stuck(const struct ms_capture_file *file,
			  char ret_name[MS_CAPTURE_FILE_NAME_SIZE]);
/* Whether there is a current file and `size` bytes more stay within the limit. */
int ms_capture_file_has_room(const struct ms_capture_file *file, size_t size);
/* Room for `size` bytes; commit() adds as many. NULL = flush first. */
uint8_t *ms_capture_file_reserve(struct ms_capture_file *file, size_t size);
void ms_capture_file_commit(struct ms_capture_file *file, size_t size);
/* -errno: nothing of the buffer is in the file, and there is no current file any more. */
int ms_capture_file_flush(struct ms_capture_file *file);

#endif
