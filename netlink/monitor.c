/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "netlink/addresses.h"
#include "netlink/default_routes.h"
#include "netlink/links.h"
#include "netlink/nlerr.h"
#include "netlink/packets.h"
#include "netlink/request.h"

/* The kernel's default holds 92 link messages, eleven short lives of a veth. */
#define SOCKET_BYTES (16 * 1024 * 1024)
#define RECEIVE_BYTES (64 * 1024)
#define SECOND_NS UINT64_C(1000000000)
/* Under churn more than half of all dumps come out inconsistent; what three of them did not show
 * is left to the events and to the next resync. */
#define DUMP_ATTEMPTS 3
/* A flood must not keep us from ever telling; the rest stays readable and comes next round. */
#define MESSAGES_PER_ROUND 65536

struct ms_monitor {
	struct ms_monitor_callbacks callbacks;
	void *user;
	struct nl_sock *events;
	struct ms_request *request;
	struct ms_links *links;
	struct ms_addresses *addresses;
	char *buffer;
	struct ms_monitor_stats stats;
	uint32_t ignored_port;
	bool gap;           /* messages were lost since the last comparison */
	bool resync_wanted; /* not done yet because the last one is less than a second ago */
	bool routes_wanted;
	uint64_t resync_ns, routes_ns; /* when each was done last, 0 = never */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/*
 * What does not matter to us takes no room in our socket and wakes nobody: routes that are no
 * default routes, of which a router's table can change a thousand a second; and of each interface
 * attached five messages: three of what the owner of `port` did (0 = nobody), two of the chains
 * that the kernel makes below. Words are compared as the filter machine loads them, in network
 * order.
 */
static int keep_what_matters(int fd, uint32_t port)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		/* The kernel is author 0: nobody's port. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 8, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWCHAIN), 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELCHAIN), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_dst_len)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = { .len = ms_array_size(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											 : 0;
}

static int open_events(struct ms_monitor *monitor)
{
	int bytes = SOCKET_BYTES, fd, r;

	monitor->events = nl_socket_alloc();
	if (!monitor->events)
		return -ENOMEM;
	r = ms_nlerr_errno(nl_connect(monitor->events, NETLINK_ROUTE));
	if (r < 0)
		return r;
	fd = nl_socket_get_fd(monitor->events);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	r = keep_what_matters(fd, 0);
	if (r < 0)
		return r;
	return ms_nlerr_errno(nl_socket_add_memberships(monitor->events, RTNLGRP_LINK, RTNLGRP_TC,
							RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
							RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0));
}

static bool has_default_route(const struct ms_monitor *monitor, uint32_t ifindex)
{
	const struct ms_link *link = ms_links_find(monitor->links, ifindex);

	return link && link->has_default_route;
}

/* A link or address that goes takes IPv4 routes with it, of which the kernel says nothing. */
static void suspect_routes_of(struct ms_monitor *monitor, uint32_t ifindex)
{
	if (has_default_route(monitor, ifindex))
		monitor->routes_wanted = true;
}

static int put_link(struct ms_monitor *monitor, struct nlmsghdr *message, bool from_walk)
{
	struct ms_link link;
	int r = ms_link_parse(message, &link);

	if (r < 0)
		return r;
	if (!(link.flags & IFF_UP))
		suspect_routes_of(monitor, link.ifindex);
	return ms_links_put(monitor->links, &link, monitor->gap ? MS_LINKS_GAP : MS_LINKS_EVENT,
			    now_ns(), from_walk);
}

static void handle_tc(struct ms_monitor *monitor, struct nlmsghdr *message)
{
	const struct tcmsg *tc = nlmsg_data(message);

	if (nlmsg_datalen(message) < (int)sizeof(*tc) || tc->tcm_ifindex <= 0)
		return;
	if (tc->tcm_parent != TC_H_CLSACT &&
	    tc->tcm_parent != TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS) &&
	    tc->tcm_parent != TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS))
		return; /* the root's and other qdiscs' */
	if (monitor->ignored_port != 0 && message->nlmsg_pid == monitor->ignored_port)
		return;
	ms_links_touch_tc(monitor->links, (uint32_t)tc->tcm_ifindex);
}

static void handle(struct ms_monitor *monitor, struct nlmsghdr *message)
{
	uint32_t ifindex;
	bool moved;
	int r = 0;

	monitor->stats.messages++;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		r = put_link(monitor, message, false);
		break;
	case RTM_DELLINK:
		r = ms_link_parse_gone(message, &ifindex, &moved);
		if (r == 0) {
			suspect_routes_of(monitor, ifindex);
			ms_links_remove(monitor->links, ifindex, moved);
		}
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		handle_tc(monitor, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		r = ms_addresses_apply(monitor->addresses, message, &ifindex);
		if (r == 0 && message->nlmsg_type == RTM_DELADDR)
			suspect_routes_of(monitor, ifindex);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		monitor->routes_wanted = true;
		break;
	default:
		break;
	}
	/* What could not be stored has been lost like what the socket could not hold. */
	if (r == -ENOMEM)
		monitor->resync_wanted = true;
}

/* Reads all there is. An overrun is reported before the messages that still found room. */
static int drain(struct ms_monitor *monitor)
{
	struct sockaddr_nl from;
	struct iovec part = { .iov_base = monitor->buffer, .iov_len = RECEIVE_BYTES };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_name = &from };
	unsigned int budget = MESSAGES_PER_ROUND;

	while (budget-- > 0) {
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)monitor->buffer;
		ssize_t n;
		int left;

		message.msg_namelen = sizeof(from);
		n = recvmsg(nl_socket_get_fd(monitor->events), &message, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if ((n < 0 && errno == ENOBUFS) || (n >= 0 && message.msg_flags & MSG_TRUNC)) {
			monitor->stats.overruns++;
			monitor->gap = true;
			monitor->resync_wanted = true;
			continue;
		}
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		if (from.nl_pid != 0)
			continue;
		left = (int)n;
		for (; nlmsg_ok(header, left); header = nlmsg_next(header, &left))
			handle(monitor, header);
	}
	return 0;
}

struct link_walk {
	struct ms_monitor *monitor;
	bool first;
	int error;
};

static void on_dumped_link(void *user, size_t index, struct nlmsghdr *message)
{
	struct link_walk *walk = user;
	int r;

	(void)index;
	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	r = put_link(walk->monitor, message, walk->first);
	if (r == -ENOMEM)
		walk->error = r;
}

static int dump_links(struct ms_monitor *monitor, bool first, bool *ret_inconsistent)
{
	struct link_walk walk = { .monitor = monitor, .first = first };
	struct nl_msg *message = ms_link_ask(0);
	int r;

	if (!message)
		return -ENOMEM;
	r = ms_request_dump(monitor->request, message, on_dumped_link, &walk, ret_inconsistent);
	nlmsg_free(message);
	return r < 0 ? r : walk.error;
}

/* A dump shows what is; that something is not, only the kernel's answer about this very number
 * says. So it does not matter here whether the dump was marked inconsistent. */
static int confirm_missing(struct ms_monitor *monitor)
{
	struct link_walk walk = { .monitor = monitor };

	for (uint32_t ifindex = ms_links_next_missing(monitor->links, 0); ifindex != 0;
	     ifindex = ms_links_next_missing(monitor->links, ifindex)) {
		struct nl_msg *message = ms_link_ask(ifindex);
		int result = 0, r;

		if (!message)
			return -ENOMEM;
		r = ms_request_send(monitor->request, &message, 1, &result, on_dumped_link, &walk);
		nlmsg_free(message);
		if (r < 0)
			return r;
		if (result == -ENODEV)
			ms_links_remove(monitor->links, ifindex, false);
	}
	return walk.error;
}

static int compare_links(struct ms_monitor *monitor, bool first)
{
	bool inconsistent = true;

	for (int attempt = 0; inconsistent && attempt < DUMP_ATTEMPTS; attempt++) {
		int r;

		ms_links_begin_compare(monitor->links);
		r = dump_links(monitor, first, &inconsistent);
		if (r < 0)
			return r;
		if (inconsistent)
			monitor->stats.inconsistent_dumps++;
	}
	/* It may have skipped devices whose announcement was lost, too. */
	if (inconsistent && monitor->gap)
		monitor->resync_wanted = true;
	return confirm_missing(monitor);
}

struct address_walk {
	struct ms_addresses *addresses;
	int error;
};

static void on_dumped_address(void *user, size_t index, struct nlmsghdr *message)
{
	struct address_walk *walk = user;
	uint32_t ifindex;

	(void)index;
	if (message->nlmsg_type == RTM_NEWADDR &&
	    ms_addresses_apply(walk->addresses, message, &ifindex) == -ENOMEM)
		walk->error = -ENOMEM;
}

static int compare_addresses(struct ms_monitor *monitor)
{
	struct address_walk walk = { .addresses = monitor->addresses };
	struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
	bool inconsistent = true;
	int r = 0;

	ms_addresses_begin_compare(monitor->addresses);
	for (int attempt = 0; r == 0 && inconsistent && attempt < DUMP_ATTEMPTS; attempt++) {
		struct nl_msg *message = nlmsg_alloc_simple(RTM_GETADDR, 0);

		r = -ENOMEM;
		if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
			r = ms_request_dump(monitor->request, message, on_dumped_address, &walk,
					    &inconsistent);
		nlmsg_free(message);
		if (inconsistent)
			monitor->stats.inconsistent_dumps++;
	}
	if (r == 0)
		r = walk.error;
	/* There is no asking for one address, so here an inconsistent dump only adds. */
	if (r == 0 && !inconsistent)
		ms_addresses_drop_missing(monitor->addresses);
	return r;
}

static int refresh_routes(struct ms_monitor *monitor)
{
	ms_cleanup(ms_ifindex_set_fini) struct ms_ifindex_set carriers = MS_IFINDEX_SET_INIT;
	int r;

	monitor->routes_ns = now_ns();
	r = ms_default_routes_read(monitor->request, &carriers);
	monitor->routes_wanted = r < 0;
	if (r == 0)
		ms_links_set_default_routes(monitor->links, &carriers);
	return r;
}

static int resync(struct ms_monitor *monitor, bool first)
{
	int r;

	monitor->resync_ns = now_ns();
	monitor->resync_wanted = false;
	r = compare_links(monitor, first);
	if (r == 0)
		r = compare_addresses(monitor);
	if (r == 0)
		r = refresh_routes(monitor);
	if (r < 0)
		monitor->resync_wanted = true;
	if (!monitor->resync_wanted)
		monitor->gap = false;
	return r;
}

static void tell(struct ms_monitor *monitor)
{
	ms_links_tell(monitor->links, &monitor->callbacks, monitor->user);
	if (ms_addresses_settle(monitor->addresses) && monitor->callbacks.on_addresses)
		monitor->callbacks.on_addresses(monitor->user);
	if (monitor->callbacks.on_settled)
		monitor->callbacks.on_settled(monitor->user);
}

/* Milliseconds, rounded up, until a second after `last` has passed. */
static int wait_ms(uint64_t last, uint64_t now)
{
	if (last == 0 || now - last >= SECOND_NS)
		return 0;
	return (int)((SECOND_NS - (now - last) + 999999) / 1000000);
}

int ms_monitor_open(const struct ms_monitor_callbacks *callbacks, void *user,
		    struct ms_monitor **ret_monitor, struct ms_error *err)
{
	struct ms_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor)
		return -ENOMEM;
	monitor->callbacks = *callbacks;
	monitor->user = user;
	monitor->buffer = malloc(RECEIVE_BYTES);
	r = monitor->buffer ? 0 : -ENOMEM;
	if (r == 0)
		r = ms_links_new(&monitor->links);
	if (r == 0)
		r = ms_addresses_new(&monitor->addresses);
	if (r == 0)
		r = ms_request_open(NETLINK_ROUTE, &monitor->request);
	if (r == 0)
		r = open_events(monitor);
	if (r < 0) {
		ms_monitor_close(monitor);
		return ms_error_set(err, r, "cannot follow interfaces over netlink: %s",
				    strerror(-r));
	}
	/* Subscribed first, so nothing falls between the walk and the first event. */
	r = resync(monitor, true);
	if (r < 0) {
		ms_monitor_close(monitor);
		return ms_error_set(err, r, "cannot list the interfaces: %s", strerror(-r));
	}
	/* The once-a-second limit is for what follows. */
	monitor->resync_ns = 0;
	monitor->routes_ns = 0;
	tell(monitor);
	*ret_monitor = monitor;
	return 0;
}

struct ms_monitor *ms_monitor_close(struct ms_monitor *monitor)
{
	if (!monitor)
		return NULL;
	if (monitor->events)
		nl_socket_free(monitor->events);
	ms_request_close(monitor->request);
	ms_addresses_free(monitor->addresses);
	ms_links_free(monitor->links);
	free(monitor->buffer);
	free(monitor);
	return NULL;
}

int ms_monitor_fd(const struct ms_monitor *monitor)
{
	return nl_socket_get_fd(monitor->events);
}

int ms_monitor_dispatch(struct ms_monitor *monitor)
{
	uint64_t now;
	int r = drain(monitor);

	if (r < 0)
		return r;
	/* If the kernel refuses a dump now, what it said so far is still worth telling: the resync
	 * stays wanted and is tried again in a second. */
	now = now_ns();
	if (monitor->resync_wanted && wait_ms(monitor->resync_ns, now) == 0) {
		monitor->stats.resyncs++;
		resync(monitor, false);
	} else if (monitor->routes_wanted && wait_ms(monitor->routes_ns, now) == 0) {
		refresh_routes(monitor);
	}
	tell(monitor);
	return 0;
}

int ms_monitor_resync(struct ms_monitor *monitor)
{
	int r = drain(monitor);

	if (r == 0) {
		monitor->stats.resyncs++;
		r = resync(monitor, false);
	}
	tell(monitor);
	return r;
}

int ms_monitor_resync_due_ms(const struct ms_monitor *monitor)
{
	uint64_t now = now_ns();
	int due = -1;

	if (monitor->resync_wanted)
		due = wait_ms(monitor->resync_ns, now);
	if (monitor->routes_wanted) {
		int routes = wait_ms(monitor->routes_ns, now);

		due = due < 0 || routes < due ? routes : due;
	}
	return due;
}

void ms_monitor_ignore(struct ms_monitor *monitor, uint32_t port)
{
	monitor->ignored_port = port;
	/* Refused, or already on their way: handle_tc() knows them, too. */
	keep_what_matters(ms_monitor_fd(monitor), port);
}

int ms_monitor_read_packets(struct ms_monitor *monitor, uint32_t ifindex, uint64_t *ret_received,
			    uint64_t *ret_sent)
{
	return ms_packets_read(monitor->request, ifindex, ret_received, ret_sent);
}

const struct ms_link *ms_monitor_find(const struct ms_monitor *monitor, uint32_t ifindex)
{
	return ms_links_find(monitor->links, ifindex);
}

const struct ms_link *ms_monitor_find_name(const struct ms_monitor *monitor, const char *name)
{
	return ms_links_find_name(monitor->links, name);
}

void ms_monitor_foreach(const struct ms_monitor *monitor,
			void (*visit)(void *user, const struct ms_link *link), void *user)
{
	ms_links_foreach(monitor->links, visit, user);
}

const struct ms_addr *ms_monitor_addresses(const struct ms_monitor *monitor, size_t *ret_count)
{
	return ms_addresses_list(monitor->addresses, ret_count);
}

struct ms_monitor_stats ms_monitor_stats(const struct ms_monitor *monitor)
{
	return monitor->stats;
}
