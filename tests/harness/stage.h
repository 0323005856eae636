/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon that is held (MS_TEST_HELD_DAEMON) stands still at a stage of what it does, until it is
 * let go: nothing in a test hangs on time then. MS_TEST_HELD in its environment is the folder of
 * `daemon`.
 */
#ifndef MS_TESTS_HARNESS_STAGE_H
#define MS_TESTS_HARNESS_STAGE_H

#include <stdbool.h>

#include "tests/harness/proc.h"

/* Who comes to the stage from now on stays there. */
void ms_stage_bar(const struct ms_proc *daemon, const char *stage);
/* Nobody does any more; who is there is dead. */
void ms_stage_unbar(const struct ms_proc *daemon, const char *stage);
/* Comes back when somebody is there. Others go by from then on. */
void ms_stage_wait(const struct ms_proc *daemon, const char *stage);
void ms_stage_let_go(const struct ms_proc *daemon, const char *stage);

/* Gives `microsegctl WORDS` and does not wait for its answer, which goes to a file of that name. */
void ms_stage_send(const struct ms_proc *daemon, const char *name, const char *words);
/* Waits until so many commands have a connection, be it accepted or not. */
void ms_stage_wait_connected(unsigned int count);
/* Whether the command of that name is answered. */
bool ms_stage_has_answered(const struct ms_proc *daemon, const char *name);
/* Waits for that, and for this exit code. */
void ms_stage_expect(const struct ms_proc *daemon, const char *name, const char *code);
/* What it said. Returns `buf`. */
char *ms_stage_answer(const struct ms_proc *daemon, const char *name, char *buf, size_t size);

/* Bars, gives the command as "commit", and waits until that stands still in the middle. */
void ms_stage_begin(const struct ms_proc *daemon, const char *stage, const char *words);
/* Lets it go, and waits for that answer. */
void ms_stage_end(const struct ms_proc *daemon, const char *stage, const char *code);

#endif
