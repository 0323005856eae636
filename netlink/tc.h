/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact qdiscs and BPF filters by our own netlink messages. Ours are the filters of kind bpf whose
 * name is that of our program. What is not ours is never replaced or deleted: a foreign filter in
 * our place makes us take another handle, or another priority if it is no BPF filter.
 *
 * The kernel keeps no author of a qdisc, so our filters' handles do: whoever reads them, this
 * daemon, the next one or `cleanup`, knows whether the qdisc below them was made by us and may go
 * with them once it is empty.
 */
#ifndef MS_NETLINK_TC_H
#define MS_NETLINK_TC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_TC_PRIORITY 49
#define MS_TC_HANDLE 0x6d73 /* "ms": we made the qdisc */
#define MS_TC_GUEST 0x10000 /* added to the handle: the qdisc was there before us */

struct ms_tc;

int ms_tc_open(struct ms_tc **ret_tc);
struct ms_tc *ms_tc_close(struct ms_tc *tc); /* returns NULL */
/* For ms_monitor_ignore(): what we do to hooks is no news to us. */
uint32_t ms_tc_port(const struct ms_tc *tc);

struct ms_tc_request {
	uint32_t ifindex;
	int program[2]; /* fds: ingress, egress; -1 = not on that hook (and removed if ours is) */
	bool wants_packets; /* read the counters at once, which is one more wait for the lock */
	/* out: 0 or -errno of this interface. -EBUSY: a qdisc of kind ingress holds clsact's place.
	 */
	int result;
	/* out, with result 0: the device's own counters, read by the kernel in the same breath as
	 * the filters were put on: what passed before them, but for packets then on their way.
	 * Where filters or a qdisc were there already they are read unasked. */
	bool has_packets;
	uint64_t received, sent;
};

/* Attaches or replaces in place (never a moment without), one interface after the other. Returns 0
 * even if single interfaces failed: see each result. -errno: the socket itself is broken. */
int ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);

/* The counters alone, for an interface attached by other means. */
int ms_tc_read_packets(struct ms_tc *tc, uint32_t ifindex, uint64_t *ret_received,
		       uint64_t *ret_sent);

/* What is on the hooks now. */
struct ms_tc_state {
	uint32_t program_id[2];  /* of our filter, 0 = none */
	unsigned int ours[2];    /* filters of ours: more than one is a defect to mend */
	unsigned int foreign[2]; /* other filters on the hook */
	unsigned int before[2];  /* of these, how many are asked before ours */
	unsigned int actions[2]; /* of these, how many actions put there (netlink/tc_action.h) */
};
int ms_tc_query(struct ms_tc *tc, uint32_t ifindex, struct ms_tc_state *ret_state);

/* Removes our filters, not those of actions; the qdisc too if we made it and it is then empty.
 * -ENODEV is success. */
int ms_tc_detach(struct ms_tc *tc, uint32_t ifindex);

#endif
