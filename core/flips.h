/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a policy loaded into an idle half would do to the sessions of now: each is put to the
 * datapath's own classifier as the packet that began it.
 */
#ifndef MS_CORE_FLIPS_H
#define MS_CORE_FLIPS_H

#include "bpf/dataplane.h"

struct ms_iface_set;

/* Looked at beyond this many, the rest is assumed to be like them: the loop must go on. */
#define MS_FLIPS_SESSIONS_MAX 20000

/* `*ret_count` = live, allowed sessions that `half` would deny. */
int ms_flips_count(struct ms_dataplane *dp, struct ms_iface_set *ifaces, unsigned int half,
		   unsigned int *ret_count);

#endif
