/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/packets.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "netlink/request.h"

struct nl_msg *ms_packets_ask(uint32_t ifindex)
{
	struct if_stats_msg header = {
		.family = AF_UNSPEC,
		.ifindex = ifindex,
		.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64),
	};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETSTATS, 0);

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

void ms_packets_ask_of(struct nl_msg *question, uint32_t ifindex)
{
	struct if_stats_msg *header = nlmsg_data(nlmsg_hdr(question));

	header->ifindex = ifindex;
}

int ms_packets_parse(struct nlmsghdr *answer, uint64_t *ret_received, uint64_t *ret_sent)
{
	struct nlattr *attributes[IFLA_STATS_MAX + 1];
	struct rtnl_link_stats64 stats;

	if (answer->nlmsg_type != RTM_NEWSTATS ||
	    nlmsg_parse(answer, sizeof(struct if_stats_msg), attributes, IFLA_STATS_MAX, NULL) < 0)
		return -EBADMSG;
	/* Kernels differ in how much they append; the two counters are at its head. */
	if (nla_memcpy(&stats, attributes[IFLA_STATS_LINK_64], sizeof(stats)) <
	    (int)(2 * sizeof(uint64_t)))
		return -EBADMSG;
	*ret_received = stats.rx_packets;
	*ret_sent = stats.tx_packets;
	return 0;
}

struct answer {
	uint64_t received, sent;
	int result;
};

static void on_answer(void *user, size_t index, struct nlmsghdr *message)
{
	struct answer *answer = user;

	(void)index;
	answer->result = ms_packets_parse(message, &answer->received, &answer->sent);
}

int ms_packets_read(struct ms_request *request, uint32_t ifindex, uint64_t *ret_received,
		    uint64_t *ret_sent)
{
	struct answer answer = { .result = -ENODATA };
	struct nl_msg *message = ms_packets_ask(ifindex);
	int result = 0, r;

	if (!message)
		return -ENOMEM;
	r = ms_request_send(request, &message, 1, &result, on_answer, &answer);
	nlmsg_free(message);
	if (r == 0)
		r = result < 0 ? result : answer.result;
	if (r == 0) {
		*ret_received = answer.received;
		*ret_sent = answer.sent;
	}
	return r;
}
