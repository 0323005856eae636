/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of interface numbers: filled in any order, then sealed, then asked. Pure. */
#ifndef MS_NETLINK_IFINDEX_SET_H
#define MS_NETLINK_IFINDEX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_ifindex_set {
	uint32_t *numbers; /* sealed: ascending, each once */
	size_t count, room;
};

#define MS_IFINDEX_SET_INIT                                                                        \
	{                                                                                          \
		.numbers = NULL                                                                    \
	}

void ms_ifindex_set_fini(struct ms_ifindex_set *set);
/* Unseals it. -ENOMEM */
int ms_ifindex_set_add(struct ms_ifindex_set *set, uint32_t ifindex);
void ms_ifindex_set_seal(struct ms_ifindex_set *set);
bool ms_ifindex_set_has(const struct ms_ifindex_set *set, uint32_t ifindex);

#endif
