/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that shortens copies, on the egress of the interfaces they go to. Its links are
 * pinned in the plugin's own directory of bpffs, so they outlive the daemon and go with that
 * directory.
 */
#ifndef MS_PLUGINS_MIRROR_CUT_H
#define MS_PLUGINS_MIRROR_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_MIRROR_CUT_KERNEL "6.6" /* the first that has such links */

/* Whether the running kernel is as new, by what it calls itself: who only checks a policy may ask
 * nothing else of it. */
bool ms_mirror_cut_is_possible(void);

/* Puts the program on that interface, or in the place of an older one of ours. 0 or -errno. */
int ms_mirror_cut_put(int dir_fd, int prog_fd, uint32_t ifindex);

/* Takes it from every interface that is not among `count` of `keep`. */
void ms_mirror_cut_sweep(int dir_fd, const uint32_t *keep, size_t count);

#endif
