/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows links, our hooks' qdiscs and filters, this machine's addresses and its default routes
 * over rtnetlink. The socket is drained before anything is told, so a burst is seen as its result:
 * per call of ms_monitor_dispatch(), first every change to links, then one `on_settled`.
 *
 * An overrun (the kernel had no room) re-dumps on a second socket, tells the differences and is
 * counted; at most one a second. A dump the kernel marked inconsistent adds, it never deletes.
 * Callbacks run on the caller's thread from open (first walk) and dispatch; they may not call back
 * into the monitor but for the look-ups.
 */
#ifndef MS_NETLINK_MONITOR_H
#define MS_NETLINK_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/error.h"
#include "netlink/link.h"

enum ms_link_change {
	MS_LINK_NEW,
	MS_LINK_CHANGED, /* name, master, kind, flags or default route differ */
	MS_LINK_GONE,    /* deleted, or moved to another namespace (then `moved`) */
};

struct ms_monitor_callbacks {
	/* `link` is borrowed for the call. `old` is what it was for CHANGED, else NULL. */
	void (*on_link)(void *user, enum ms_link_change change, const struct ms_link *link,
			const struct ms_link *old, bool moved);
	/* Somebody added or removed a clsact qdisc or a filter on `ifindex`: have a look. Told at
	 * most once per device and round, and not of what ms_monitor_ignore() was told of. */
	void (*on_tc)(void *user, uint32_t ifindex);
	/* This machine's addresses changed: ms_monitor_addresses() has the new list. */
	void (*on_addresses)(void *user);
	/* All that was read has been told. */
	void (*on_settled)(void *user);
};

struct ms_monitor_stats {
	uint64_t messages, overruns, resyncs, inconsistent_dumps;
};

struct ms_monitor;

/* Opens, subscribes, walks once (telling NEW for each link) and settles. Follows the namespace the
 * thread is in now, wherever it goes afterwards. */
int ms_monitor_open(const struct ms_monitor_callbacks *callbacks, void *user,
		    struct ms_monitor **ret_monitor, struct ms_error *err);
struct ms_monitor *ms_monitor_close(struct ms_monitor *monitor);
int ms_monitor_fd(const struct ms_monitor *monitor);
/* Call when the fd is readable. 0, or -errno if the socket is beyond repair. */
int ms_monitor_dispatch(struct ms_monitor *monitor);
/* Compares with the kernel and tells the differences; the daemon calls it every 30 s. */
int ms_monitor_resync(struct ms_monitor *monitor);
/* Milliseconds until a resync that had to wait its second is due, -1 = none. */
int ms_monitor_resync_due_ms(const struct ms_monitor *monitor);

/* on_tc is not called for what the owner of this netlink port does to hooks: ourselves. */
void ms_monitor_ignore(struct ms_monitor *monitor, uint32_t port);

/* The device's own counters, asked for now. -ENODEV */
int ms_monitor_read_packets(struct ms_monitor *monitor, uint32_t ifindex, uint64_t *ret_received,
			    uint64_t *ret_sent);

/* NULL = absent. Borrowed until the next dispatch. */
const struct ms_link *ms_monitor_find(const struct ms_monitor *monitor, uint32_t ifindex);
const struct ms_link *ms_monitor_find_name(const struct ms_monitor *monitor, const char *name);
void ms_monitor_foreach(const struct ms_monitor *monitor,
			void (*visit)(void *user, const struct ms_link *link), void *user);
const struct ms_addr *ms_monitor_addresses(const struct ms_monitor *monitor, size_t *ret_count);
struct ms_monitor_stats ms_monitor_stats(const struct ms_monitor *monitor);

#endif
