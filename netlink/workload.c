/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/workload.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/request.h"

static void take_netns(void *user, size_t index, struct nlmsghdr *answer)
{
	struct nlattr *attributes[NETNSA_MAX + 1];

	(void)index;
	if (nlmsg_parse(answer, sizeof(struct rtgenmsg), attributes, NETNSA_MAX, NULL) == 0 &&
	    attributes[NETNSA_NSID])
		*(int32_t *)user = nla_get_s32(attributes[NETNSA_NSID]);
}

static int ask(struct ms_request *request, struct nl_msg *message, ms_request_on_answer on_answer,
	       void *user)
{
	int result = 0;
	int r = ms_request_send(request, &message, 1, &result, on_answer, user);

	nlmsg_free(message);
	return r < 0 ? r : result;
}

int ms_workload_netns(struct ms_request *request, pid_t pid, int32_t *ret_netns)
{
	struct rtgenmsg header = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETNSID, 0);
	int32_t netns = NETNSA_NSID_NOT_ASSIGNED;
	int r;

	if (!message)
		return -ENOMEM;
	if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(message, NETNSA_PID, (uint32_t)pid) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	r = ask(request, message, take_netns, &netns);
	if (r < 0)
		return r;
	if (netns == NETNSA_NSID_NOT_ASSIGNED)
		return -ENOENT;
	*ret_netns = netns;
	return 0;
}

struct address {
	uint8_t bytes[6];
	int result;
};

static void take_address(void *user, size_t index, struct nlmsghdr *answer)
{
	struct address *address = user;
	struct nlattr *attributes[IFLA_MAX + 1];

	(void)index;
	if (nlmsg_parse(answer, sizeof(struct ifinfomsg), attributes, IFLA_MAX, NULL) < 0 ||
	    !attributes[IFLA_ADDRESS] || nla_len(attributes[IFLA_ADDRESS]) != 6)
		return;
	memcpy(address->bytes, nla_data(attributes[IFLA_ADDRESS]), 6);
	address->result = 0;
}

int ms_workload_address(struct ms_request *request, int32_t netns, uint32_t ifindex,
			uint8_t ret_address[6])
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct address address = { .result = -ENOENT };
	int r;

	if (!message)
		return -ENOMEM;
	if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_s32(message, IFLA_TARGET_NETNSID, netns) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	r = ask(request, message, take_address, &address);
	if (r == 0)
		r = address.result;
	if (r == 0)
		memcpy(ret_address, address.bytes, sizeof(address.bytes));
	return r;
}
