/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions and orders to the kernel on a socket of their own: several messages in one send, their
 * acknowledgements read afterwards, or one dump. The kernel works through a send before it returns,
 * so nothing here waits for anything but the kernel itself.
 */
#ifndef MS_NETLINK_REQUEST_H
#define MS_NETLINK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;
struct nlmsghdr;
struct ms_request;

#define MS_REQUEST_MAX 128 /* messages in one send */

/* `protocol`: NETLINK_ROUTE and the like. */
int ms_request_open(int protocol, struct ms_request **ret_request);
struct ms_request *ms_request_close(struct ms_request *request); /* returns NULL */
/* The port the kernel names as the author of changes made through this socket. */
uint32_t ms_request_port(const struct ms_request *request);

/* `index` is the message being answered. The answer is borrowed for the call. */
typedef void (*ms_request_on_answer)(void *user, size_t index, struct nlmsghdr *answer);

/* Sends all in one go; results[i] = 0 or -errno of message i. Messages stay the caller's. Returns
 * -errno only if the socket failed; every result not known by then is that error. */
int ms_request_send(struct ms_request *request, struct nl_msg *const *messages, size_t count,
		    int *results, ms_request_on_answer on_answer, void *user);

/* One dump. `*ret_inconsistent`: things changed while it ran, so something may be missing. */
int ms_request_dump(struct ms_request *request, struct nl_msg *message,
		    ms_request_on_answer on_answer, void *user, bool *ret_inconsistent);

#endif
