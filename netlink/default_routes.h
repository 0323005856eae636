/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces carry a default route of this namespace, by either family. */
#ifndef MS_NETLINK_DEFAULT_ROUTES_H
#define MS_NETLINK_DEFAULT_ROUTES_H

#include "netlink/ifindex_set.h"

struct ms_request;

/* Asks the kernel; adds to `set` and seals it. */
int ms_default_routes_read(struct ms_request *request, struct ms_ifindex_set *set);

#endif
