/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact qdiscs and BPF filters by our own netlink messages, several interfaces in flight on one
 * socket. Our filters are told from others' by handle, priority and program name; a foreign filter
 * in our place makes us take another handle, it is never replaced. A qdisc is never deleted
 * unless we made it and nothing else is on it.
 */
#ifndef MS_NETLINK_TC_H
#define MS_NETLINK_TC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_TC_PRIORITY 49
#define MS_TC_HANDLE 0x6d73 /* "ms" */

struct ms_tc;

int ms_tc_open(struct ms_tc **ret_tc);
struct ms_tc *ms_tc_close(struct ms_tc *tc);

struct ms_tc_request {
	uint32_t ifindex;
	int program[2]; /* fds: ingress, egress; -1 = not on that hook (and removed if ours is) */
	int result;     /* out: 0 or -errno of this interface */
};

/* Attaches or replaces in place (never a moment without), <= 32 interfaces in flight. Returns 0
 * even if single interfaces failed: see each result. */
int ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count);

/* What is on the hooks now. */
struct ms_tc_state {
	bool has_clsact;
	uint32_t program_id[2];  /* of our filter, 0 = none */
	unsigned int ours[2];    /* filters of ours: more than one is a defect to mend */
	unsigned int foreign[2]; /* other filters on the hook */
};
int ms_tc_query(struct ms_tc *tc, uint32_t ifindex, struct ms_tc_state *ret_state);

/* Removes our filters; the qdisc too if it is then empty. -ENODEV is success. */
int ms_tc_detach(struct ms_tc *tc, uint32_t ifindex);

#endif
