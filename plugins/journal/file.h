/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of lines that never grows past a size: when the next line would not fit, FILE becomes
 * FILE.1, that one FILE.2 and so on, and the last of them goes.
 *
 * Lines are whole. Each is one write(), and what a write() left behind that was cut short (the disk
 * is full, the process is killed) is taken off again: at once, or when the file is next opened.
 *
 * It is the file of that name: where that is gone, or another one, a line begins it anew.
 */
#ifndef MS_JOURNAL_FILE_H
#define MS_JOURNAL_FILE_H

#include <stddef.h>
#include <stdint.h>

struct ms_journal_file {
	char path[4096];
	uint64_t size_max;
	unsigned int keep; /* old files beside it */
	int fd;            /* -1 = closed */
	uint64_t size;
	uint64_t rotations;
};

/* -ENAMETOOLONG. Touches nothing. */
int ms_journal_file_init(struct ms_journal_file *file, const char *folder, const char *name,
			 uint64_t size_max, unsigned int keep);
int ms_journal_file_open(struct ms_journal_file *file);
void ms_journal_file_close(struct ms_journal_file *file);
/* `line` ends with its newline. On failure nothing of it is in the file. -EBADF: closed, and it
 * could not be opened again after a rotation. */
int ms_journal_file_write(struct ms_journal_file *file, const char *line, size_t length);

#endif
