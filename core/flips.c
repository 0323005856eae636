/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/flips.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/addr.h"
#include "core/iface/set.h"
#include "core/session/session.h"
#include "core/trace/trace.h"

struct place {
	uint32_t ifindex; /* 0 = nobody has the zone */
	bool is_loopback;
	enum ms_side side;
};

struct ms_flips {
	struct ms_dataplane *dp;
	struct place places[MS_ZONES_MAX]; /* by zone */
};

struct walk {
	const struct ms_flips *flips;
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
	struct ms_dataplane *dp = walk->flips->dp;
	const struct place *place;
	struct ms_session_view view;
	struct ms_trace_packet packet;
	struct ms_trace_request request;
	struct ms_trace_result result;
	char words[256];
	bool ingress;

	ms_session_decode(dp, raw, &view);
	place = &walk->flips->places[view.zone % MS_ZONES_MAX];
	if (!place->ifindex || view.expired || view.audit)
		return true;
	describe(&view, words, sizeof(words));
	if (ms_trace_build(words, &packet, NULL) < 0)
		return true;
	ingress = place->is_loopback || (view.dir == MS_DIR_IN) == (place->side == MS_SIDE_HOST);
	request = (struct ms_trace_request) {
		.ifindex = place->ifindex,
		.hook = ingress ? MS_HOOK_INGRESS : MS_HOOK_EGRESS,
		.half = walk->half,
		.frame = packet.frame,
		.frame_len = packet.frame_len,
	};
	if (ms_dataplane_trace(dp, &request, &result) == 0 && result.verdict == MS_VERDICT_DENY)
		walk->would_end++;
	return ++walk->looked_at < MS_FLIPS_SESSIONS_MAX;
}

static void note_place(void *user, struct ms_iface_entry *entry)
{
	struct ms_flips *flips = user;

	if (entry->zone)
		flips->places[entry->zone % MS_ZONES_MAX] = (struct place) {
			.ifindex = entry->link.ifindex,
			.is_loopback = entry->link.is_loopback,
			.side = entry->side,
		};
}

int ms_flips_new(struct ms_dataplane *dp, struct ms_iface_set *ifaces, struct ms_flips **ret_flips)
{
	struct ms_flips *flips = calloc(1, sizeof(*flips));

	if (!flips)
		return -ENOMEM;
	flips->dp = dp;
	ms_iface_set_foreach(ifaces, note_place, flips);
	*ret_flips = flips;
	return 0;
}

struct ms_flips *ms_flips_free(struct ms_flips *flips)
{
	free(flips);
	return NULL;
}

int ms_flips_count(const struct ms_flips *flips, unsigned int half, unsigned int *ret_count,
		   bool *ret_is_minimum)
{
	struct walk walk = { .flips = flips, .half = half };
	int r = ms_dataplane_session_foreach(flips->dp, look_at, &walk);

	if (r < 0)
		return r;
	*ret_count = walk.would_end;
	*ret_is_minimum = walk.looked_at >= MS_FLIPS_SESSIONS_MAX;
	return 0;
}
