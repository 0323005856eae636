/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plugin in the daemon may ask of it beyond watches: which interfaces are protected, members
 * of sets, and what the rules are called. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/manager/internal.h"
#include "core/plugin/watches.h"

struct service {
	struct ms_manager *manager;
	char state_dir[512];
};

static struct service *service_of(const struct ms_plugin_host_state *state)
{
	return state->services;
}

/* ---- interfaces ---- */

struct visit {
	int (*each)(void *user, const struct ms_plugin_iface *iface);
	void *user;
	int answer;
};

static void visit_iface(void *user, struct ms_iface_entry *entry)
{
	struct visit *visit = user;
	struct ms_plugin_iface iface = {
		.struct_size = sizeof(iface),
		.ifindex = entry->link.ifindex,
		.name = entry->link.name,
		.group = entry->group,
		.workload = entry->side == MS_SIDE_WORKLOAD,
	};

	if (visit->answer == 0 && entry->want != MS_ATTACHED_NONE)
		visit->answer = visit->each(visit->user, &iface);
}

static int iface_foreach(struct ms_plugin_host_state *state,
			 int (*each)(void *user, const struct ms_plugin_iface *iface), void *user)
{
	const struct ms_manager *manager = service_of(state)->manager;
	struct visit visit = { .each = each, .user = user };

	/* Plugins are there before the first interface is. */
	if (manager->keeper)
		ms_iface_set_foreach(ms_keeper_ifaces(manager->keeper), visit_iface, &visit);
	return visit.answer;
}

/* ---- sets ---- */

/* False: no prefix, or host bits that are not zero. */
static bool to_cidr(const struct ms_plugin_cidr *from, struct ms_cidr *ret_cidr)
{
	struct ms_cidr cidr = { .addr.family = from->family, .len = from->len };
	size_t bytes = from->family == 4 ? 4 : 16;

	if ((from->family != 4 && from->family != 6) || from->len > 8 * bytes)
		return false;
	for (size_t bit = from->len; bit < 8 * bytes; bit++) {
		if (from->addr[bit / 8] & 0x80 >> bit % 8)
			return false;
	}
	memcpy(cidr.addr.bytes, from->addr, bytes);
	*ret_cidr = cidr;
	return true;
}

static int set_add(struct ms_plugin_host_state *state, const char *set,
		   const struct ms_plugin_cidr *member, uint64_t ttl_ns)
{
	struct ms_cidr cidr;

	if (!to_cidr(member, &cidr))
		return -EINVAL;
	return ms_manager_member_add(service_of(state)->manager, state->name, set, &cidr, ttl_ns);
}

static int set_del(struct ms_plugin_host_state *state, const char *set,
		   const struct ms_plugin_cidr *member)
{
	struct ms_cidr cidr;

	if (!to_cidr(member, &cidr))
		return -EINVAL;
	return ms_manager_member_del(service_of(state)->manager, state->name, set, &cidr);
}

/* ---- rules ---- */

static const char *rule_id(struct ms_plugin_host_state *state, uint32_t rule)
{
	const struct ms_slot_name *name = ms_manager_slot_name(service_of(state)->manager, rule);

	return name && name->rule[0] ? name->rule : NULL;
}

/* ---- begin, quiet, end ---- */

static int begin(void *user, struct ms_plugin_host *host)
{
	struct service *service = calloc(1, sizeof(*service));
	int r;

	if (!service)
		return -ENOMEM;
	service->manager = user;
	r = ms_plugin_watches_begin(host, service->manager->loop);
	if (r < 0) {
		free(service);
		return r;
	}
	host->state->services = service;
	host->iface_foreach = iface_foreach;
	host->set_add = set_add;
	host->set_del = set_del;
	host->rule_id = rule_id;
	if (ms_state_plugin_path(service->manager->state, host->state->name, service->state_dir,
				 sizeof(service->state_dir)) == 0)
		host->state_dir = service->state_dir;
	return 0;
}

static void quiet(struct ms_plugin_host *host)
{
	ms_plugin_watches_quiet(host->state);
}

static void end(struct ms_plugin_host *host)
{
	struct service *service = service_of(host->state);

	ms_plugin_watches_end(host->state);
	free(service);
	host->state->services = NULL;
}

const struct ms_plugin_services *ms_manager_services(struct ms_manager *manager)
{
	manager->services = (struct ms_plugin_services) {
		.user = manager,
		.begin_source = ms_manager_follow_source,
		.begin = begin,
		.quiet = quiet,
		.end = end,
	};
	return &manager->services;
}
