/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the start of a container until its labels are in force, by the engine's word for the one and
 * the daemon's for the other. Labels count as told when it is known whose they are, which is mostly
 * after the start. Pure.
 */
#ifndef MS_PLUGINS_DOCKER_GAP_H
#define MS_PLUGINS_DOCKER_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/docker/container.h"

/* Of one container. Starts as zeroes. */
struct ms_docker_gap {
	uint64_t told;        /* number of the first transaction with its labels; 0 = none yet */
	uint64_t in_force_ns; /* CLOCK_REALTIME, as all times here; 0 = that is not in force yet */
	uint64_t start_ns;    /* 0 = it has not started */
	bool is_counted;
};

/* Starts as zeroes but `began_ns`. */
struct ms_docker_gaps {
	uint64_t began_ns; /* starts before then are not counted */
	uint64_t count, last_ns, most_ns;
};

/* The container, as it is now, is in the transaction of this number. */
void ms_docker_gap_tell(struct ms_docker_gap *gap, const struct ms_docker_container *container,
			uint64_t number);
/* The transaction of this number is in force now, and with it what was told before. */
void ms_docker_gap_end(struct ms_docker_gap *gap, uint64_t number, uint64_t now_ns);
/* True: it has a gap that was not counted, and is. Its length is `gaps->last_ns` then, 0 = its
 * labels were in force before it started. */
bool ms_docker_gaps_count(struct ms_docker_gaps *gaps, struct ms_docker_gap *gap);
/* How long it has run until now without them; 0 = they are in force, or it is not counted. */
uint64_t ms_docker_gaps_open(const struct ms_docker_gaps *gaps, const struct ms_docker_gap *gap,
			     uint64_t now_ns);

#endif
