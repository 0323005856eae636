/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often a source has its turn. After each transaction it is left waiting for three times what
 * that one took, so its transactions cannot have more than a quarter of the daemon's time, however
 * many there are; and its lines in the log are counted. Pure.
 */
#ifndef MS_CORE_SOURCE_PACE_H
#define MS_CORE_SOURCE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define MS_SOURCE_PACE_PAUSE_MIN_MS 50
#define MS_SOURCE_PACE_PAUSE_MAX_MS 10000
#define MS_SOURCE_PACE_LINES_PER_S 10

/* Starts as zeroes. */
struct ms_source_pace {
	uint64_t next_ns;   /* before that it has no turn */
	uint64_t second_ns; /* when the second began that lines are counted in, 0 = never */
	unsigned int lines, warnings; /* written in that second */
	unsigned int unsaid;          /* lines suppressed since somebody last was told */
	uint64_t suppressed;          /* ever */
};

/* A transaction that began at `from_ns` is over at `now_ns`, for better or worse. */
void ms_source_pace_took(struct ms_source_pace *pace, uint64_t from_ns, uint64_t now_ns);
/* Until its next turn, rounded up; 0 = now. */
uint64_t ms_source_pace_wait_ms(const struct ms_source_pace *pace, uint64_t now_ns);
/* Whether one more line may be written; else it counts as suppressed. Warnings and worse have as
 * many of their own: nothing that is only told keeps one of them from being said. */
bool ms_source_pace_line(struct ms_source_pace *pace, bool is_warning, uint64_t now_ns);
/* Lines suppressed since the last call. */
unsigned int ms_source_pace_unsaid(struct ms_source_pace *pace);

#endif
