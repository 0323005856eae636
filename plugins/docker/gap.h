/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the start of a container until its labels are in force, by the engine's word for the one and
 * the daemon's for the other. Labels count as told when it is known whose they are, which is mostly
 * after the start. The engine's word is the time of day: a start that was heard of before a step of
 * that clock is moved along, one that may be by the old clock is not counted. Pure.
 */
#ifndef MS_PLUGINS_DOCKER_GAP_H
#define MS_PLUGINS_DOCKER_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/docker/container.h"
#include "plugins/docker/policy.h"

/* Of one container. Starts as zeroes. */
struct ms_docker_gap {
	uint64_t told;        /* number of the first transaction with all this; 0 = none yet */
	uint64_t known;       /* hash of what it was known by then */
	uint64_t in_force_ns; /* CLOCK_REALTIME, as all times here; 0 = that is not in force yet */
	uint64_t start_ns;    /* 0 = it has not started */
	uint64_t started_ns;  /* the same, as the engine has it */
	bool is_cut_off;      /* that was told of it, in place of its labels */
	bool is_over;         /* counted, or never to be */
};

/* Now. CLOCK_BOOTTIME, which nobody sets, was read before CLOCK_REALTIME and after it. */
struct ms_docker_gap_clock {
	uint64_t before_ns, real_ns, after_ns;
};

/* Of CLOCK_BOOTTIME, by something between these. */
struct ms_docker_gap_ahead {
	int64_t least_ns, most_ns;
};

/* Starts as zeroes. */
struct ms_docker_gaps {
	uint64_t began_ns; /* starts before then are not counted */
	uint64_t now_ns;
	struct ms_docker_gap_ahead ahead;
	uint64_t count, last_ns, most_ns;
};

/* From now on starts are counted. */
void ms_docker_gaps_begin(struct ms_docker_gaps *gaps, const struct ms_docker_gap_clock *clock);
/* To be called before each of those below: it is now. Returns how far CLOCK_REALTIME was set since
 * the last call, 0 = not at all; else every gap is to be moved by it. */
int64_t ms_docker_gaps_look(struct ms_docker_gaps *gaps, const struct ms_docker_gap_clock *clock);
void ms_docker_gap_move(struct ms_docker_gap *gap, int64_t step_ns);

/* The container, as it is now, is in the transaction of this number; its labels came to `result`.
 */
void ms_docker_gaps_tell(const struct ms_docker_gaps *gaps, struct ms_docker_gap *gap,
			 const struct ms_docker_container *container,
			 enum ms_docker_policy_result result, uint64_t number);
/* The transaction of this number is in force now, and with it what was told before. */
void ms_docker_gaps_end(const struct ms_docker_gaps *gaps, struct ms_docker_gap *gap,
			uint64_t number);
/* True: it has a gap that has ended, which was not said before. `*ret_ns` is its length, 0 = it
 * ended before the start. That of one that is cut off is in none of the numbers. */
bool ms_docker_gaps_count(struct ms_docker_gaps *gaps, struct ms_docker_gap *gap, uint64_t *ret_ns);
/* How long it has run until now without its labels, or without being cut off; 0 = it does not, or
 * is not counted. */
uint64_t ms_docker_gaps_open(const struct ms_docker_gaps *gaps, const struct ms_docker_gap *gap);

#endif
