/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes since a file was saved whole, a line each, appended and on disk when the append returns.
 * The first line says which save of that file it goes on from, so that a journal which an
 * interrupted save left behind is known for what it is.
 */
#ifndef MS_CORE_STATE_JOURNAL_H
#define MS_CORE_STATE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

struct ms_journal {
	int dir_fd; /* borrowed */
	const char *name;
	int fd;         /* -1 = nothing was appended yet */
	size_t length;  /* of what counts */
	bool is_longer; /* behind `length` stands the rest of an append that was not answered for */
};

void ms_journal_init(struct ms_journal *journal, int dir_fd, const char *name);
void ms_journal_fini(struct ms_journal *journal);

/*
 * Hands each line to `replay` and is ready to append. A last line without an end was never
 * answered for and does not count. Absent, or of an earlier save than `serial`: no line. -EINVAL
 * with a sentence if it is damaged or of a later save, or what `replay` returned.
 */
int ms_journal_load(struct ms_journal *journal, uint64_t serial,
		    int (*replay)(void *user, const char *line, size_t length,
				  struct ms_error *err),
		    void *user, struct ms_error *err);
/* `line` without its end. On failure the journal is as it was. */
int ms_journal_append(struct ms_journal *journal, uint64_t serial, const char *line, size_t length);
/* The file it belongs to was saved whole: what stands here is over. */
void ms_journal_drop(struct ms_journal *journal);

#endif
