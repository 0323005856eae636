/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on the two hooks of a clsact qdisc, as the kernel lists it. The reading half of tc. */
#ifndef MS_NETLINK_TC_HOOKS_H
#define MS_NETLINK_TC_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink/ifindex_set.h"

struct nl_msg;
struct ms_request;
struct tcmsg;

#define MS_TC_HOOKS 2
/* How the names of actions' filters begin, and their most with the NUL. */
#define MS_TC_HOOKS_ACTION "ms_action_"
#define MS_TC_HOOKS_ACTION_SIZE 48

/* Our programs' names and the hooks' handles: ingress, egress. */
extern const char *const ms_tc_hooks_programs[MS_TC_HOOKS];
extern const uint32_t ms_tc_hooks_parents[MS_TC_HOOKS];

struct ms_tc_filter {
	uint32_t handle;
	uint16_t priority;
	uint16_t protocol; /* as on the wire */
	bool is_bpf, is_ours;
	uint32_t program_id;
	char action[MS_TC_HOOKS_ACTION_SIZE]; /* its name if an action put it there, else "" */
};

struct ms_tc_hooks {
	struct ms_tc_hook {
		struct ms_tc_filter *filters; /* in the order they are asked */
		size_t count, room;
		int error;
	} hook[MS_TC_HOOKS];
};

#define MS_TC_HOOKS_INIT                                                                           \
	{                                                                                          \
		.hook = { { .filters = NULL } }                                                    \
	}

void ms_tc_hooks_fini(struct ms_tc_hooks *hooks);
/* Reads both, anew if called again. A device without a qdisc has no filters. */
int ms_tc_hooks_read(struct ms_request *request, uint32_t ifindex, struct ms_tc_hooks *hooks);
/* The first of ours on `hook`, NULL = none. */
const struct ms_tc_filter *ms_tc_hooks_ours(const struct ms_tc_hooks *hooks, int hook);

/* Every device of the namespace that has a clsact qdisc. The kernel lists the qdiscs of all
 * devices or tells a single one's to everybody who listens. Adds to `set` and seals it. */
int ms_tc_hooks_read_clsact(struct ms_request *request, struct ms_ifindex_set *set);

/* A message with this header; the caller's to free. NULL = out of memory. */
struct nl_msg *ms_tc_hooks_message(int type, int flags, const struct tcmsg *header);

#endif
