/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses of this namespace, followed message by message. Pure. */
#ifndef MS_NETLINK_ADDRESSES_H
#define MS_NETLINK_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"

struct nlmsghdr;
struct ms_addresses;

int ms_addresses_new(struct ms_addresses **ret_addresses);
struct ms_addresses *ms_addresses_free(struct ms_addresses *addresses); /* returns NULL */

/* RTM_NEWADDR or RTM_DELADDR; `*ret_ifindex` is whose address it is. Repeating what is known
 * changes nothing. -EBADMSG, -ENOMSG (a family that is not IP), -ENOMEM. */
int ms_addresses_apply(struct ms_addresses *addresses, struct nlmsghdr *message,
		       uint32_t *ret_ifindex);
/* Comparing with a dump: begin, apply what it says, then drop what it did not say. */
void ms_addresses_begin_compare(struct ms_addresses *addresses);
void ms_addresses_drop_missing(struct ms_addresses *addresses);

/* Brings the list up to date; false: it is what it was the last time. */
bool ms_addresses_settle(struct ms_addresses *addresses);
/* Each address once, ascending. Borrowed until the next settle. */
const struct ms_addr *ms_addresses_list(const struct ms_addresses *addresses, size_t *ret_count);

#endif
