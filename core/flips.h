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
struct ms_flips;

/* No more than this many are looked at: whoever asked waits. */
#define MS_FLIPS_SESSIONS_MAX 20000

/* Of the interfaces as they are now: what follows does not look at them again, so that it may be
 * another thread's. -ENOMEM */
int ms_flips_new(struct ms_dataplane *dp, struct ms_iface_set *ifaces, struct ms_flips **ret_flips);
struct ms_flips *ms_flips_free(struct ms_flips *flips);
/* `*ret_count` = live, allowed sessions that `half` would deny; `*ret_is_minimum`: of those that
 * were looked at, and there may be more. */
int ms_flips_count(const struct ms_flips *flips, unsigned int half, unsigned int *ret_count,
		   bool *ret_is_minimum);

#endif
