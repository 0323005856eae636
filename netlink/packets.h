/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device's own packet counters, as the kernel has them at the moment of asking. */
#ifndef MS_NETLINK_PACKETS_H
#define MS_NETLINK_PACKETS_H

#include <stdint.h>

struct nl_msg;
struct nlmsghdr;
struct ms_request;

int ms_packets_read(struct ms_request *request, uint32_t ifindex, uint64_t *ret_received,
		    uint64_t *ret_sent);

/* The question and the answer apart, for who sends it among other messages. The question is the
 * caller's to free; NULL = out of memory. -EBADMSG: not such an answer. */
struct nl_msg *ms_packets_ask(uint32_t ifindex);
/* The same question of another interface. */
void ms_packets_ask_of(struct nl_msg *question, uint32_t ifindex);
int ms_packets_parse(struct nlmsghdr *answer, uint64_t *ret_received, uint64_t *ret_sent);

#endif
