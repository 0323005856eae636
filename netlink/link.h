/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One network device as rtnetlink describes it. Pure: messages in, values out. */
#ifndef MS_NETLINK_LINK_H
#define MS_NETLINK_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct nl_msg;
struct nlmsghdr;

struct ms_link {
	uint32_t ifindex;
	char name[16];
	char kind[24]; /* rtnl kind as `ip -d link` prints it; tun devices "tun" or "tap" by type */
	uint32_t master; /* ifindex, 0 = none */
	char master_name[16];
	uint32_t parent; /* IFLA_LINK in this namespace of vlan/macvlan and the like; 0 for veth */
	uint32_t peer;   /* its other end's ifindex, in `peer_netns`; 0 = not another namespace's */
	int32_t peer_netns; /* the number of the namespace its other end is in, -1 = this one */
	uint32_t flags;     /* IFF_* */
	uint16_t type;      /* ARPHRD_* */
	bool is_loopback, is_physical; /* physical = no kind and not loopback */
	bool is_l3;                    /* frames carry no Ethernet header */
	bool has_default_route;        /* of this namespace, either family */
	uint64_t seen_ns;              /* CLOCK_MONOTONIC when its first message was read */
	bool from_walk;                /* was there before us (first walk), else appeared since */
	uint64_t incarnation; /* unique per device seen: a re-used ifindex gets a new one */
	/* Only to tell devices apart; no change of these is ever told. */
	uint8_t address[32], address_length;
	uint64_t packets;         /* received + sent when its last message was made */
	uint32_t carrier_changes; /* only grows as long as a device lives */
};

/* The device's own part of RTM_NEWLINK; what the message does not say (master_name,
 * has_default_route, seen_ns, from_walk, incarnation) is left zero. -ENOMSG: not about a device as
 * such (another family's view of it, a wireless event); -EBADMSG: not to be understood. */
int ms_link_parse(struct nlmsghdr *message, struct ms_link *ret_link);

/* RTM_DELLINK. `*ret_moved`: it lives on in another namespace. Errors as above: leaving a bridge
 * sends an AF_BRIDGE RTM_DELLINK for a living device. */
int ms_link_parse_gone(struct nlmsghdr *message, uint32_t *ret_ifindex, bool *ret_moved);

/* The question for one device, or for a dump of all (0). The caller's to free; NULL = out of
 * memory. */
struct nl_msg *ms_link_ask(uint32_t ifindex);

/* Of two descriptions with one ifindex between which messages were lost: may they be the same
 * device? See docs/adr/0040 for what this can and cannot know. */
bool ms_link_is_same_device(const struct ms_link *was, const struct ms_link *is);

/* Nothing a listener hears of differs. */
bool ms_link_is_equal(const struct ms_link *a, const struct ms_link *b);

#endif
