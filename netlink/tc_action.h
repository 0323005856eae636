/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters of kind bpf that an action puts on the egress of interfaces that need not be protected,
 * called "ms_action_" and the action's name. They are ours as those of netlink/tc.h are: taken over
 * by whoever finds them, next to others' filters, on a qdisc that goes with the last of ours if one
 * of us made it.
 */
#ifndef MS_NETLINK_TC_ACTION_H
#define MS_NETLINK_TC_ACTION_H

#include <stdint.h>

/* In front of the datapath's. */
#define MS_TC_ACTION_PRIORITY 48

/* Exactly one of the action's there, running the program of that fd and id; nothing is sent if it
 * does already. 0 or -errno; -EBUSY: a qdisc of kind ingress holds clsact's place. */
int ms_tc_action_put(uint32_t ifindex, const char *action, int program, uint32_t program_id);

/* Takes the action's off, NULL = every action's; the qdisc too if we made it and it is then empty.
 * An interface that is gone is success. */
int ms_tc_action_remove(uint32_t ifindex, const char *action);

#endif
