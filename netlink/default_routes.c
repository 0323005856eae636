/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/default_routes.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "netlink/request.h"

struct walk {
	struct ms_ifindex_set *set;
	int error;
};

static void add(struct walk *walk, uint32_t ifindex)
{
	if (ifindex != 0 && ms_ifindex_set_add(walk->set, ifindex) < 0)
		walk->error = -ENOMEM;
}

static void on_route(void *user, size_t index, struct nlmsghdr *message)
{
	struct walk *walk = user;
	const struct rtmsg *header = nlmsg_data(message);
	struct nlattr *attributes[RTA_MAX + 1];
	const struct rtnexthop *hop;
	int left;

	(void)index;
	/* Tables of all sizes pass here; the header alone settles nearly every line of them. */
	if (message->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(message) < (int)sizeof(*header) ||
	    header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST ||
	    header->rtm_table == RT_TABLE_LOCAL || header->rtm_flags & RTM_F_CLONED)
		return;
	if (nlmsg_parse(message, sizeof(*header), attributes, RTA_MAX, NULL) < 0)
		return;
	if (attributes[RTA_OIF] && nla_len(attributes[RTA_OIF]) >= 4)
		add(walk, nla_get_u32(attributes[RTA_OIF]));
	if (!attributes[RTA_MULTIPATH])
		return;
	hop = nla_data(attributes[RTA_MULTIPATH]);
	left = nla_len(attributes[RTA_MULTIPATH]);
	while (left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		add(walk, (uint32_t)hop->rtnh_ifindex);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static int dump(struct ms_request *request, int family, struct walk *walk)
{
	struct rtmsg header = { .rtm_family = (unsigned char)family };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	bool inconsistent;
	int r = -ENOMEM;

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		r = ms_request_dump(request, message, on_route, walk, &inconsistent);
	nlmsg_free(message);
	/* A kernel booted without a family has no routes of it. */
	if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT)
		r = 0;
	return r < 0 ? r : walk->error;
}

int ms_default_routes_read(struct ms_request *request, struct ms_ifindex_set *set)
{
	struct walk walk = { .set = set };
	int r = dump(request, AF_INET, &walk);

	if (r == 0)
		r = dump(request, AF_INET6, &walk);
	if (r == 0)
		ms_ifindex_set_seal(set);
	return r;
}
