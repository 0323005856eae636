/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which workload a source has put into which group, whatever a group's `match` says. A workload is
 * known by the interface that leads to it, by the number of its network namespace, or by the
 * hardware address of its end. Pure: who can ask the kernel tells what it said.
 */
#ifndef MS_CORE_IFACE_BINDINGS_H
#define MS_CORE_IFACE_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ms_binding_kind {
	MS_BINDING_IFINDEX,
	MS_BINDING_NETNS,   /* as netlink/workload.h numbers them */
	MS_BINDING_ADDRESS, /* 48 bits, first byte on the wire highest */
};

struct ms_binding {
	enum ms_binding_kind kind;
	uint64_t workload;
	int64_t pid; /* the process whose namespace that number is, 0 = of another kind */
	const char *group, *source;
	size_t order; /* ms_bindings_add()'s */
};

/* Starts as zeroes. */
struct ms_bindings {
	struct ms_binding *items; /* whose texts are copies */
	size_t count;
	bool is_sorted;
	bool has_addresses; /* one of them is known by its address */
};

void ms_bindings_fini(struct ms_bindings *bindings);
/* Takes copies of the texts. -ENOMEM */
int ms_bindings_add(struct ms_bindings *bindings, const struct ms_binding *binding);
/* Of two for one workload the one that was added first counts. NULL = none. */
const struct ms_binding *ms_bindings_find(struct ms_bindings *bindings, enum ms_binding_kind kind,
					  uint64_t workload);

#endif
