/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events to the plugins that are sinks, each in a process of its own. */
#include <arpa/inet.h>
#include <string.h>

#include "core/manager_internal.h"

/* `ret_event` borrows the record's strings. */
static void fill(const struct ms_event_record *record, struct ms_plugin_event *ret_event)
{
	const struct ms_event *raw = &record->raw;

	*ret_event = (struct ms_plugin_event) {
		.struct_size = sizeof(*ret_event),
		.ifindex = raw->ifindex,
		.time_ns = (uint64_t)record->time_ns,
		.seq = raw->seq,
		.suppressed = raw->suppressed,
		.generation = raw->generation,
		.length = raw->length,
		.cpu = raw->cpu,
		.rule = record->rule,
		.origin = record->origin,
		.iface = record->iface,
		.group = record->group,
		.sport = ntohs(raw->sport),
		.dport = ntohs(raw->dport),
		.ethertype = raw->ethertype,
		.vlan_outer = raw->vlan_outer,
		.vlan_inner = raw->vlan_inner,
		.family = raw->family,
		.proto = raw->proto,
		.tcp_flags = raw->tcp_flags,
		.icmp_type = raw->icmp_type,
		.icmp_code = raw->icmp_code,
		.dscp = raw->dscp,
		.dir = raw->dir,
		.verdict = raw->verdict,
		.reason = raw->reason,
	};
	memcpy(ret_event->src, raw->src, sizeof(ret_event->src));
	memcpy(ret_event->dst, raw->dst, sizeof(ret_event->dst));
}

void ms_manager_tell_sinks(struct ms_manager *manager, const struct ms_event_record *record)
{
	struct ms_plugin_event event;

	if (manager->n_followers == 0)
		return;
	fill(record, &event);
	for (size_t i = 0; i < manager->n_followers; i++)
		ms_source_follower_tell(manager->followers[i], &event);
}
