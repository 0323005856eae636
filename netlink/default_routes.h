/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces carry a default route of this namespace, by either family. */
#ifndef MS_NETLINK_DEFAULT_ROUTES_H
#define MS_NETLINK_DEFAULT_ROUTES_H

#include <stddef.h>
#include <stdint.h>

struct ms_request;

/* Asks the kernel. Ascending, each once; the caller frees `*ret_ifindexes`. */
int ms_default_routes_read(struct ms_request *request, uint32_t **ret_ifindexes, size_t *ret_count);

#endif
