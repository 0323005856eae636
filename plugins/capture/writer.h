/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread that takes packets from the ring and writes them down. It may not call the host: the
 * id of a rule it does not know is asked for by `ask` (wake() of the host), and answered by
 * ms_capture_writer_answer() on the host's thread.
 */
#ifndef MS_PLUGINS_CAPTURE_WRITER_H
#define MS_PLUGINS_CAPTURE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "file.h"

struct ms_capture_writer;

struct ms_capture_writer_numbers {
	uint64_t written; /* packets */
	uint64_t failed;  /* packets that could not be written */
	uint64_t files;   /* begun */
	uint64_t removed; /* files that somebody removed while they were written to */
};

struct ms_capture_writer_trouble {
	int write; /* packets: -errno, 0 = they are written */
	int stuck; /* as ms_capture_file_stuck() has it */
	char stuck_name[MS_CAPTURE_FILE_NAME_SIZE];
};

/* `file` is the writer's from now on, also on failure. `ask` is called on its thread, not after
 * ms_capture_writer_free(). */
int ms_capture_writer_new(struct ms_capture_file *file, void (*ask)(void *user), void *user,
			  struct ms_capture_writer **ret_writer);
/* Ends its thread; one that hangs is left behind, and frees what it has when it is over. Returns
 * NULL. */
struct ms_capture_writer *ms_capture_writer_free(struct ms_capture_writer *writer);
/* A thread that was left behind still hangs: it would disturb another one on the same ring. */
bool ms_capture_writer_is_left(void);

/* Begins to take from the ring `map_fd`, which must stay open until pause(). */
int ms_capture_writer_run(struct ms_capture_writer *writer, int map_fd);
/* Ends the thread; what it has not taken stays in the ring. -ETIMEDOUT: it hangs, in a write to the
 * disk, and goes on as before when that is over. */
int ms_capture_writer_pause(struct ms_capture_writer *writer);

/* After `ask`: answers with what `rule_id` says. */
void ms_capture_writer_answer(struct ms_capture_writer *writer,
			      const char *(*rule_id)(void *user, uint32_t rule), void *user);
/* What cannot be done now; `ask` is called when it changes. */
struct ms_capture_writer_trouble ms_capture_writer_trouble(struct ms_capture_writer *writer);
/* The number may be another rule's from now on. */
void ms_capture_writer_forget(struct ms_capture_writer *writer, uint32_t rule);
struct ms_capture_writer_numbers ms_capture_writer_numbers(struct ms_capture_writer *writer);

#endif
