/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program of an action does to a few packets of ours, before it meets any of the network's.
 * For the datapath and for who tries a plugin beside it.
 */
#ifndef MS_BPF_DATAPLANE_TRIAL_H
#define MS_BPF_DATAPLANE_TRIAL_H

#include <stdbool.h>

#include "core/base/error.h"

/*
 * -EINVAL with a sentence about `name`: it is no program of type sched_cls, returns a code of its
 * own, ends in a way it may not, changes the host's words in cb[], or `observes`, as its plugin
 * says, and ends the list, takes the packet or changes it. It is loaded with maps of the names and
 * sizes of <microseg/action.bpf.h>, and what stands in their slot MS_CHAIN_RESUME returns of a
 * packet of MS_ACTION_TRIAL_LIST what MS_CHAIN_TRIED says. Nothing is counted and no other action
 * runs.
 */
int ms_dataplane_trial(int program_fd, const char *name, bool observes, struct ms_error *err);

#endif
