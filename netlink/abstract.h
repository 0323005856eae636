/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The abstract UNIX socket names of this network namespace and who made them, as the kernel tells
 * it: unlike a connection, it cannot be made to wait or to lie by whoever holds the name.
 */
#ifndef MS_NETLINK_ABSTRACT_H
#define MS_NETLINK_ABSTRACT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `name` is without the leading NUL, `length` bytes, borrowed for the call. `inode` is what fstat()
 * says of the socket. `uid` is its maker's as seen from our user namespace. */
typedef void (*ms_abstract_on_name)(void *user, const char *name, size_t length, uint32_t inode,
				    uid_t uid);

/* -errno; -ENOENT if the kernel has no unix_diag. */
int ms_abstract_foreach(ms_abstract_on_name on_name, void *user);

#endif
