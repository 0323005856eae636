/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workloads that sources have put into groups, and the interfaces that lead to them. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "core/iface/bindings.h"
#include "core/manager_internal.h"
#include "core/policy/array.h"
#include "microseg/plugin.h"
#include "netlink/request.h"
#include "netlink/workload.h"

/* A process none of whose namespace's links has been seen yet. */
struct waiting {
	pid_t pid;
	const char *group, *source;
};

struct ms_manager_binder {
	struct ms_request *request;
	struct ms_bindings bindings;
	struct waiting *waiting;
	size_t n_waiting;
};

static void clear(struct ms_manager_binder *binder)
{
	ms_bindings_fini(&binder->bindings);
	free(binder->waiting);
	binder->waiting = NULL;
	binder->n_waiting = 0;
}

int ms_manager_open_binder(struct ms_manager *manager)
{
	struct ms_manager_binder *binder = calloc(1, sizeof(*binder));
	int r = binder ? ms_request_open(NETLINK_ROUTE, &binder->request) : -ENOMEM;

	if (r < 0)
		free(binder);
	else
		manager->binder = binder;
	return r;
}

void ms_manager_close_binder(struct ms_manager *manager)
{
	if (!manager->binder)
		return;
	clear(manager->binder);
	ms_request_close(manager->binder->request);
	free(manager->binder);
	manager->binder = NULL;
}

/* ---- what sources have said ---- */

/* -ENOENT: it has no number yet, for no link of it has been looked at. */
static int add_process(struct ms_manager_binder *binder, const struct waiting *process)
{
	struct ms_binding binding = {
		.kind = MS_BINDING_NETNS,
		.group = process->group,
		.source = process->source,
	};
	int32_t netns;
	int r = ms_workload_netns(binder->request, process->pid, &netns);

	if (r < 0)
		return r;
	binding.workload = (uint64_t)netns;
	return ms_bindings_add(&binder->bindings, &binding);
}

static int add_bind(struct ms_manager_binder *binder, const struct ms_source_bind *bind,
		    const char *source)
{
	struct ms_binding binding = { .kind = bind->kind == MS_PLUGIN_WORKLOAD_IFINDEX
						      ? MS_BINDING_IFINDEX
						      : MS_BINDING_ADDRESS,
				      .workload = bind->workload,
				      .group = bind->group,
				      .source = source };
	struct waiting process = {
		.pid = (pid_t)bind->workload,
		.group = bind->group,
		.source = source,
	};
	int r;

	if (bind->kind != MS_PLUGIN_WORKLOAD_PID)
		return ms_bindings_add(&binder->bindings, &binding);
	r = add_process(binder, &process);
	if (r == -ENOENT)
		return ms_array_append(&binder->waiting, &binder->n_waiting, process);
	return r == -ESRCH ? 0 : r; /* gone: no error */
}

int ms_manager_bind(struct ms_manager *manager, const char *source,
		    const struct ms_source_offer *offer)
{
	struct ms_manager_binder *binder = manager->binder;
	const struct ms_source_follower *follower;
	int r = 0;

	clear(binder);
	for (size_t i = 0; r == 0 && (follower = ms_manager_follower_at(manager, i)); i++) {
		const char *name = ms_source_follower_name(follower);
		const struct ms_source_offer *of =
			strcmp(name, source) == 0 ? offer : ms_source_follower_offer(follower);

		for (size_t b = 0; r == 0 && of && b < of->n_binds; b++)
			r = add_bind(binder, &of->binds[b], name);
	}
	return r;
}

/* ---- a link ---- */

/* Now that a link leads there its namespace has a number. */
static void look_again(struct ms_manager_binder *binder)
{
	size_t kept = 0;

	for (size_t i = 0; i < binder->n_waiting; i++) {
		struct waiting process = binder->waiting[i];

		if (add_process(binder, &process) == -ENOENT)
			binder->waiting[kept++] = process;
	}
	binder->n_waiting = kept;
}

static const struct ms_binding *find_address(struct ms_manager_binder *binder,
					     const struct ms_link *link)
{
	uint8_t bytes[6];
	uint64_t address = 0;

	if (!binder->bindings.has_addresses ||
	    ms_workload_address(binder->request, link->peer_netns, link->peer, bytes) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(bytes); i++)
		address = address << 8 | bytes[i];
	return ms_bindings_find(&binder->bindings, MS_BINDING_ADDRESS, address);
}

const char *ms_manager_bound_group(void *user, const struct ms_link *link, const char **ret_source)
{
	struct ms_manager *manager = user;
	struct ms_manager_binder *binder = manager->binder;
	const struct ms_binding *binding;

	if (binder->bindings.count == 0 && binder->n_waiting == 0)
		return NULL;
	binding = ms_bindings_find(&binder->bindings, MS_BINDING_IFINDEX, link->ifindex);
	if (!binding && link->peer_netns >= 0) {
		look_again(binder);
		binding = ms_bindings_find(&binder->bindings, MS_BINDING_NETNS,
					   (uint64_t)link->peer_netns);
	}
	if (!binding && link->peer_netns >= 0 && link->peer)
		binding = find_address(binder, link);
	if (!binding)
		return NULL;
	*ret_source = binding->source;
	return binding->group;
}
