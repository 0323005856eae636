/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workloads that sources have put into groups, and the interfaces that lead to them. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "core/iface/bindings.h"
#include "core/manager/internal.h"
#include "core/policy/array.h"
#include "microseg/plugin.h"
#include "netlink/request.h"
#include "netlink/workload.h"

/* A process none of whose namespace's links has been seen yet. */
struct waiting {
	pid_t pid;
	char *group, *source;
};

struct ms_manager_binder {
	struct ms_request *request;
	struct ms_bindings bindings;
	struct waiting *waiting;
	size_t n_waiting;
	int32_t *looked; /* namespaces of links for which the waiting were asked about */
	size_t n_looked;
};

static void free_waiting(struct waiting *process)
{
	free(process->group);
	free(process->source);
}

static void clear(struct ms_manager_binder *binder)
{
	ms_bindings_fini(&binder->bindings);
	for (size_t i = 0; i < binder->n_waiting; i++)
		free_waiting(&binder->waiting[i]);
	free(binder->waiting);
	free(binder->looked);
	binder->waiting = NULL;
	binder->looked = NULL;
	binder->n_waiting = binder->n_looked = 0;
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
static int add_process(struct ms_manager_binder *binder, pid_t pid, const char *group,
		       const char *source)
{
	struct ms_binding binding = {
		.kind = MS_BINDING_NETNS,
		.pid = pid,
		.group = group,
		.source = source,
	};
	int32_t netns;
	int r = ms_workload_netns(binder->request, pid, &netns);

	if (r < 0)
		return r;
	binding.workload = (uint64_t)netns;
	return ms_bindings_add(&binder->bindings, &binding);
}

static int wait_for(struct ms_manager_binder *binder, pid_t pid, const char *group,
		    const char *source)
{
	struct waiting process = { pid, strdup(group), strdup(source) };
	int r = process.group && process.source
			? ms_array_append(&binder->waiting, &binder->n_waiting, process)
			: -ENOMEM;

	if (r < 0)
		free_waiting(&process);
	return r;
}

static int add_bind(struct ms_manager_binder *binder, const struct ms_source_bind *bind,
		    const char *source)
{
	const struct ms_binding binding = {
		.kind = bind->kind == MS_PLUGIN_WORKLOAD_IFINDEX ? MS_BINDING_IFINDEX
								 : MS_BINDING_ADDRESS,
		.workload = bind->workload,
		.group = bind->group,
		.source = source,
	};
	int r;

	if (bind->kind != MS_PLUGIN_WORKLOAD_PID)
		return ms_bindings_add(&binder->bindings, &binding);
	if (bind->workload > INT32_MAX)
		return 0; /* no process has such a number */
	r = add_process(binder, (pid_t)bind->workload, bind->group, source);
	if (r == -ENOENT)
		return wait_for(binder, (pid_t)bind->workload, bind->group, source);
	return r == -ESRCH ? 0 : r; /* gone: no error */
}

/* Of two that bind one workload the first counts: in the order of microseg.yaml, whichever came in
 * later. */
int ms_manager_bind(struct ms_manager *manager, const char *source,
		    const struct ms_source_offer *offer)
{
	struct ms_manager_binder *binder = manager->binder;
	const struct ms_source_follower *follower;
	int r = 0;

	clear(binder);
	for (size_t rank = 0; r == 0 && rank <= manager->named.count; rank++) {
		for (size_t i = 0; r == 0 && (follower = ms_manager_follower_at(manager, i)); i++) {
			const char *name = ms_source_follower_name(follower);
			const struct ms_source_offer *of = ms_source_follower_offer(follower);

			if (ms_config_plugins_rank(&manager->named, name) != rank)
				continue;
			if (strcmp(name, source) == 0)
				of = offer;
			for (size_t b = 0; r == 0 && of && b < of->n_binds; b++)
				r = add_bind(binder, &of->binds[b], name);
		}
	}
	return r;
}

/* ---- a link ---- */

/* Now that a link leads there its namespace has a number: asked once for each. */
static void look_again(struct ms_manager_binder *binder, int32_t netns)
{
	size_t kept = 0;

	for (size_t i = 0; i < binder->n_looked; i++) {
		if (binder->looked[i] == netns)
			return;
	}
	for (size_t i = 0; i < binder->n_waiting; i++) {
		struct waiting process = binder->waiting[i];
		int r = add_process(binder, process.pid, process.group, process.source);

		if (r == 0 || r == -ESRCH)
			free_waiting(&process);
		else
			binder->waiting[kept++] = process;
	}
	binder->n_waiting = kept;
	/* Without memory for the note it is asked again. */
	(void)ms_array_append(&binder->looked, &binder->n_looked, netns);
}

/* The kernel gives the number of a namespace that is gone to the next one: it counts as long as the
 * process is there to prove it. */
static const struct ms_binding *find_netns(struct ms_manager_binder *binder, int32_t netns)
{
	const struct ms_binding *binding;
	int32_t now;

	look_again(binder, netns);
	binding = ms_bindings_find(&binder->bindings, MS_BINDING_NETNS, (uint64_t)netns);
	if (!binding || ms_workload_netns(binder->request, (pid_t)binding->pid, &now) < 0 ||
	    now != netns)
		return NULL;
	return binding;
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
	if (!binding && link->peer_netns >= 0)
		binding = find_netns(binder, link->peer_netns);
	if (!binding && link->peer_netns >= 0 && link->peer)
		binding = find_address(binder, link);
	if (!binding)
		return NULL;
	*ret_source = binding->source;
	return binding->group;
}
