/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which failures of a member are worth a line: the first, one for another reason, and one a minute.
 * A member that is away for a night fails some thousand times.
 */
#ifndef MS_PLUGINS_ETCD_COMPLAINT_H
#define MS_PLUGINS_ETCD_COMPLAINT_H

#include <stdint.h>

#define MS_ETCD_COMPLAINT_EVERY_NS 60000000000ULL

/* Zeroed = nothing has failed. */
struct ms_etcd_complaint {
	char why[256];
	uint64_t told_ns;
	uint64_t untold; /* failures since */
};

/* It failed. How many failures the line to be written stands for; 0 = none is to be written. */
uint64_t ms_etcd_complaint_make(struct ms_etcd_complaint *complaint, const char *why,
				uint64_t now_ns);
#endif
