/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/link.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"

/* Devices whose frames begin with the network header where TC sees them. */
static bool is_l3_type(uint16_t type)
{
	switch (type) {
	case ARPHRD_NONE: /* tun, wireguard */
	case ARPHRD_PPP:
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	default:
		return false;
	}
}

static void copy_text(char *to, size_t size, const struct nlattr *attribute)
{
	if (attribute)
		nla_strlcpy(to, attribute, size);
}

static uint32_t u32_or_zero(const struct nlattr *attribute)
{
	return attribute && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : 0;
}

static void parse_kind(struct ms_link *link, struct nlattr *info)
{
	struct nlattr *part[IFLA_INFO_MAX + 1], *tun[IFLA_TUN_MAX + 1];

	if (!info || nla_parse_nested(part, IFLA_INFO_MAX, info, NULL) < 0)
		return;
	copy_text(link->kind, sizeof(link->kind), part[IFLA_INFO_KIND]);
	/* Both are of kind "tun"; which of them it is decides what its frames look like. */
	if (strcmp(link->kind, "tun") != 0 || !part[IFLA_INFO_DATA] ||
	    nla_parse_nested(tun, IFLA_TUN_MAX, part[IFLA_INFO_DATA], NULL) < 0)
		return;
	if (tun[IFLA_TUN_TYPE] && nla_get_u8(tun[IFLA_TUN_TYPE]) == IFF_TAP)
		strcpy(link->kind, "tap");
}

static bool has_peer(const char *kind)
{
	return strcmp(kind, "veth") == 0 || strcmp(kind, "netkit") == 0;
}

static int parse_header(struct nlmsghdr *message, struct nlattr **attributes,
			const struct ifinfomsg **ret_header)
{
	const struct ifinfomsg *header = nlmsg_data(message);

	if (nlmsg_datalen(message) < (int)sizeof(*header))
		return -EBADMSG;
	if (header->ifi_family != AF_UNSPEC)
		return -ENOMSG;
	if (header->ifi_index <= 0 ||
	    nlmsg_parse(message, sizeof(*header), attributes, IFLA_MAX, NULL) < 0)
		return -EBADMSG;
	if (attributes[IFLA_WIRELESS])
		return -ENOMSG; /* names the device and nothing else */
	*ret_header = header;
	return 0;
}

int ms_link_parse(struct nlmsghdr *message, struct ms_link *ret_link)
{
	struct nlattr *attributes[IFLA_MAX + 1];
	const struct ifinfomsg *header;
	struct rtnl_link_stats64 stats;
	struct ms_link link = { .ifindex = 0 };
	int r = parse_header(message, attributes, &header);

	if (r < 0)
		return r;
	if (!attributes[IFLA_IFNAME])
		return -EBADMSG;
	link.ifindex = (uint32_t)header->ifi_index;
	link.flags = header->ifi_flags;
	link.type = header->ifi_type;
	copy_text(link.name, sizeof(link.name), attributes[IFLA_IFNAME]);
	parse_kind(&link, attributes[IFLA_LINKINFO]);
	link.master = u32_or_zero(attributes[IFLA_MASTER]);
	/* A veth's IFLA_LINK is its peer, and one with a namespace id is not of this namespace:
	 * neither is something this device stands upon. */
	if (!has_peer(link.kind) && !attributes[IFLA_LINK_NETNSID])
		link.parent = u32_or_zero(attributes[IFLA_LINK]);
	if (link.parent == link.ifindex)
		link.parent = 0;
	link.peer_netns = -1;
	if (attributes[IFLA_LINK_NETNSID]) {
		link.peer_netns = nla_get_s32(attributes[IFLA_LINK_NETNSID]);
		link.peer = u32_or_zero(attributes[IFLA_LINK]);
	}
	link.is_loopback = header->ifi_flags & IFF_LOOPBACK;
	link.is_physical = !link.is_loopback && !link.kind[0];
	link.is_l3 = is_l3_type(link.type);
	link.carrier_changes = u32_or_zero(attributes[IFLA_CARRIER_CHANGES]);
	if (attributes[IFLA_ADDRESS])
		link.address_length = (uint8_t)nla_memcpy(link.address, attributes[IFLA_ADDRESS],
							  sizeof(link.address));
	/* Kernels differ in how much they append; the two counters are at its head. */
	if (nla_memcpy(&stats, attributes[IFLA_STATS64], sizeof(stats)) >=
	    (int)(2 * sizeof(uint64_t)))
		link.packets = stats.rx_packets + stats.tx_packets;
	*ret_link = link;
	return 0;
}

int ms_link_parse_gone(struct nlmsghdr *message, uint32_t *ret_ifindex, bool *ret_moved)
{
	struct nlattr *attributes[IFLA_MAX + 1];
	const struct ifinfomsg *header;
	int r = parse_header(message, attributes, &header);

	if (r < 0)
		return r;
	*ret_ifindex = (uint32_t)header->ifi_index;
	*ret_moved = attributes[IFLA_NEW_NETNSID] != NULL;
	return 0;
}

struct nl_msg *ms_link_ask(uint32_t ifindex)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* Masters take over the address of a port, so theirs changes in the course of a normal life. */
static bool has_address_of_its_own(const char *kind)
{
	static const char *const borrowers[] = { "bridge", "bond", "team", "vlan" };

	for (size_t i = 0; i < ms_array_size(borrowers); i++) {
		if (strcmp(kind, borrowers[i]) == 0)
			return false;
	}
	return true;
}

bool ms_link_is_same_device(const struct ms_link *was, const struct ms_link *is)
{
	if (was->is_loopback && is->is_loopback)
		return true;
	if (strcmp(was->kind, is->kind) != 0 || was->type != is->type)
		return false;
	if (has_address_of_its_own(is->kind) &&
	    (was->address_length != is->address_length ||
	     memcmp(was->address, is->address, is->address_length) != 0))
		return false;
	/* Hardware may have its counters reset; a device made of software counts from its birth. */
	if (!is->is_physical &&
	    (is->packets < was->packets || is->carrier_changes < was->carrier_changes))
		return false;
	return true;
}

bool ms_link_is_equal(const struct ms_link *a, const struct ms_link *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 &&
	       a->master == b->master && strcmp(a->master_name, b->master_name) == 0 &&
	       a->parent == b->parent && a->peer == b->peer && a->peer_netns == b->peer_netns &&
	       a->flags == b->flags && a->type == b->type &&
	       a->has_default_route == b->has_default_route;
}
