/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/flips.h"

#include <stdio.h>

#include "core/base/addr.h"
#include "core/iface/set.h"
#include "core/session/session.h"
#include "core/trace/trace.h"

struct walk {
	struct ms_dataplane *dp;
	struct ms_iface_set *ifaces;
	unsigned int half;
	unsigned int looked_at, would_end;
};

/* The words `trace` takes for the packet that began this session. */
static void describe(const struct ms_session_view *view, char *words, size_t size)
{
	char from[MS_ADDR_TEXT], to[MS_ADDR_TEXT], vlan[24] = "";
	const char *v6 = view->from.family == 6 ? "[" : "", *end = *v6 ? "]" : "";

	ms_addr_format(&view->from, from, sizeof(from));
	ms_addr_format(&view->to, to, sizeof(to));
	if (view->vlan_inner)
		snprintf(vlan, sizeof(vlan), " vlan %u.%u", view->vlan_outer, view->vlan_inner);
	else if (view->vlan_outer)
		snprintf(vlan, sizeof(vlan), " vlan %u", view->vlan_outer);
	switch (view->proto) {
	case 6:
		snprintf(words, size, "tcp %s%s%s:%u > %s%s%s:%u syn%s", v6, from, end, view->sport,
			 v6, to, end, view->dport, vlan);
		return;
	case 17:
	case 132:
		snprintf(words, size, "%s %s%s%s:%u > %s%s%s:%u%s",
			 view->proto == 17 ? "udp" : "sctp", v6, from, end, view->sport, v6, to,
			 end, view->dport, vlan);
		return;
	case 1:
	case 58:
		snprintf(words, size, "%s %u/%u %s > %s%s", view->proto == 1 ? "icmp" : "icmpv6",
			 view->icmp_type, view->icmp_code, from, to, vlan);
		return;
	default:
		snprintf(words, size, "proto %u %s > %s%s", view->proto, from, to, vlan);
	}
}

static bool look_at(void *user, const struct ms_session_raw *raw)
{
	struct walk *walk = user;
	const struct ms_iface_entry *entry;
	struct ms_session_view view;
	struct ms_trace_packet packet;
	struct ms_trace_request request;
	struct ms_trace_result result;
	char words[256];
	bool ingress;

	ms_session_decode(walk->dp, raw, &view);
	entry = ms_iface_set_find_zone(walk->ifaces, view.zone);
	if (!entry || view.expired || view.audit)
		return true;
	describe(&view, words, sizeof(words));
	if (ms_trace_build(words, &packet, NULL) < 0)
		return true;
	ingress =
		entry->link.is_loopback || (view.dir == MS_DIR_IN) == (entry->side == MS_SIDE_HOST);
	request = (struct ms_trace_request) {
		.ifindex = entry->link.ifindex,
		.hook = ingress ? MS_HOOK_INGRESS : MS_HOOK_EGRESS,
		.half = walk->half,
		.frame = packet.frame,
		.frame_len = packet.frame_len,
	};
	if (ms_dataplane_trace(walk->dp, &request, &result) == 0 &&
	    result.verdict == MS_VERDICT_DENY)
		walk->would_end++;
	return ++walk->looked_at < MS_FLIPS_SESSIONS_MAX;
}

int ms_flips_count(struct ms_dataplane *dp, struct ms_iface_set *ifaces, unsigned int half,
		   unsigned int *ret_count, bool *ret_is_minimum)
{
	struct walk walk = { .dp = dp, .ifaces = ifaces, .half = half };
	int r = ms_dataplane_session_foreach(dp, look_at, &walk);

	if (r < 0)
		return r;
	*ret_count = walk.would_end;
	*ret_is_minimum = walk.looked_at >= MS_FLIPS_SESSIONS_MAX;
	return 0;
}
