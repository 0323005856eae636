/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One interface that may already have filters: what tc does for the datapath and tc_action for
 * actions. The handle of either's filters says whose qdisc they are on (netlink/tc.h).
 */
#ifndef MS_NETLINK_TC_FILTERS_H
#define MS_NETLINK_TC_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "netlink/ifindex_set.h"
#include "netlink/tc_hooks.h"

/* Whose filters. */
struct ms_tc_owner {
	const char *action; /* the filters' name, NULL = the datapath's */
	uint16_t priority;  /* first one tried */
};

bool ms_tc_filters_is_owned(const struct ms_tc_filter *filter, const struct ms_tc_owner *owner);

/* Messages are the caller's to free. NULL = out of memory. `name` and `program` only of a filter
 * that is put on. */
struct nl_msg *ms_tc_filters_qdisc_message(int type, int flags, uint32_t ifindex);
struct nl_msg *ms_tc_filters_message(int type, int flags, uint32_t ifindex, int hook,
				     const struct ms_tc_filter *place, const char *name,
				     int program);
/* Sends one and waits for what came of it. NULL: -ENOMEM. */
int ms_tc_filters_send(struct ms_request *request, struct nl_msg *message);

/* Does a filter of ours, whoever's, say that we made the qdisc? */
bool ms_tc_filters_qdisc_is_ours(const struct ms_tc_hooks *hooks);

/* Exactly one of the owner's, running `program` (-1 = none); its others go after that stands. A new
 * one's handle says `guest` if the qdisc is not our own work. */
int ms_tc_filters_settle(struct ms_request *request, uint32_t ifindex, int hook,
			 const struct ms_tc_hooks *hooks, const struct ms_tc_owner *owner,
			 bool guest, int program);
/* One that has gone by itself is no error. */
int ms_tc_filters_remove(struct ms_request *request, uint32_t ifindex, int hook,
			 const struct ms_tc_filter *filter);
/* Looks first: the kernel has no "delete if empty", so what somebody adds between this look and
 * the deletion is the one thing we cannot save. */
int ms_tc_filters_remove_qdisc(struct ms_request *request, uint32_t ifindex);

/* Who has a clsact qdisc, read when it is first asked: only interfaces with somebody else's need
 * it. Zeroed before. */
struct ms_tc_clsact {
	bool is_read;
	struct ms_ifindex_set set;
};

void ms_tc_filters_clsact_fini(struct ms_tc_clsact *clsact);
/* -EBUSY: an ingress qdisc, which takes filters for egress, too, and runs them at ingress. */
int ms_tc_filters_must_have_clsact(struct ms_request *request, struct ms_tc_clsact *clsact,
				   uint32_t ifindex);

#endif
