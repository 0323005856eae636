/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that shortens copies, on the egress of the interfaces they go to: by a TCX link or,
 * before kernel 6.6, which has none, by a filter on clsact. Either outlives the daemon. The
 * plugin's own directory of bpffs has a pin for each: a link goes with its pin, and a filter, which
 * nothing pins, is found by it.
 */
#ifndef MS_PLUGINS_MIRROR_CUT_H
#define MS_PLUGINS_MIRROR_CUT_H

#include <stddef.h>
#include <stdint.h>

/* Puts the program on that interface, or in the place of an older one of ours; there already is no
 * error. 0 or -errno; -EBUSY: a qdisc of kind ingress holds clsact's place. */
int ms_mirror_cut_put(int dir_fd, int prog_fd, uint32_t ifindex);

/* Takes it from every interface that is not among `count` of `keep`. */
void ms_mirror_cut_sweep(int dir_fd, const uint32_t *keep, size_t count);

#endif
