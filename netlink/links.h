/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of links behind the monitor: what the kernel has by all we read, and what the listener
 * was told. The difference is what ms_links_tell() tells, however many messages made it. Pure.
 */
#ifndef MS_NETLINK_LINKS_H
#define MS_NETLINK_LINKS_H

#include "netlink/ifindex_set.h"
#include "netlink/monitor.h"

struct ms_links;

int ms_links_new(struct ms_links **ret_links);
struct ms_links *ms_links_free(struct ms_links *links); /* returns NULL */

enum ms_links_evidence {
	MS_LINKS_EVENT, /* every message since the last one was read: ends are announced */
	MS_LINKS_GAP,   /* messages were lost: one ifindex may be another device by now */
};

/* A device is as `link` says. A new one begins at `now_ns`. -ENOMEM */
int ms_links_put(struct ms_links *links, const struct ms_link *link,
		 enum ms_links_evidence evidence, uint64_t now_ns, bool from_walk);
void ms_links_remove(struct ms_links *links, uint32_t ifindex, bool moved);
/* A qdisc or filter on one of our hooks changed. */
void ms_links_touch_tc(struct ms_links *links, uint32_t ifindex);
/* Exactly these carry a default route. */
void ms_links_set_default_routes(struct ms_links *links, const struct ms_ifindex_set *carriers);

/* Comparing with a dump: begin, put what is there, then the rest is what was not in it. */
void ms_links_begin_compare(struct ms_links *links);
/* The first link above `after` not put since begin, 0 = none. */
uint32_t ms_links_next_missing(const struct ms_links *links, uint32_t after);

/* Tells new devices first (behind the end of the one that had their number before), then changes,
 * then ends, then hooks touched on devices that are still there. Callbacks may look up only. */
void ms_links_tell(struct ms_links *links, const struct ms_monitor_callbacks *callbacks,
		   void *user);

const struct ms_link *ms_links_find(const struct ms_links *links, uint32_t ifindex);
const struct ms_link *ms_links_find_name(const struct ms_links *links, const char *name);
void ms_links_foreach(const struct ms_links *links,
		      void (*visit)(void *user, const struct ms_link *link), void *user);

#endif
