/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a policy loaded into an idle half would do to the sessions of now: each is put to the
 * datapath's own classifier as the packet that began it.
 */
#ifndef MS_CORE_FLIPS_H
#define MS_CORE_FLIPS_H

#include <stdbool.h>

#include "bpf/dataplane.h"

struct ms_iface_set;

/* No more than this many are looked at: the loop must go on. */
#define MS_FLIPS_SESSIONS_MAX 20000

/* `*ret_count` = live, allowed sessions that `half` would deny; `*ret_is_minimum`: of those that
 * were looked at, and there may be more. */
int ms_flips_count(struct ms_dataplane *dp, struct ms_iface_set *ifaces, unsigned int half,
		   unsigned int *ret_count, bool *ret_is_minimum);

#endif
