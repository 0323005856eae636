/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that shortens copies, on the egress of the interfaces they go to. Its links are
 * pinned in the plugin's own directory of bpffs, so they outlive the daemon and go with that
 * directory.
 */
#ifndef MS_PLUGINS_MIRROR_CUT_H
#define MS_PLUGINS_MIRROR_CUT_H

#include <stddef.h>
#include <stdint.h>

/* Puts the program on that interface, or in the place of an older one of ours. 0 or -errno; kernels
 * before 6.6 have no such links: -EINVAL. */
int ms_mirror_cut_put(int dir_fd, int prog_fd, uint32_t ifindex);

/* Takes it from every interface that is not among `count` of `keep`. */
void ms_mirror_cut_sweep(int dir_fd, const uint32_t *keep, size_t count);

#endif
