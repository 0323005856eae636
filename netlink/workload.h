/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is at the other end of a link that leads into another network namespace. The kernel numbers
 * those namespaces as this one sees them (RTM_GETNSID, IFLA_LINK_NETNSID; namespaces(7)).
 */
#ifndef MS_NETLINK_WORKLOAD_H
#define MS_NETLINK_WORKLOAD_H

#include <stdint.h>
#include <sys/types.h>

struct ms_request;

/* The number of the namespace that a process is in. -ESRCH: there is no such process; -ENOENT: no
 * link leads there, so it has no number. */
int ms_workload_netns(struct ms_request *request, pid_t pid, int32_t *ret_netns);
/* The hardware address of device `ifindex` in namespace `netns`. -ENODEV, -ENOENT: it has none of
 * six bytes. */
int ms_workload_address(struct ms_request *request, int32_t netns, uint32_t ifindex,
			uint8_t ret_address[6]);

#endif
