/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/walk.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/base/proto.h"
#include "core/control/message.h"
#include "core/control/shape.h"
#include "core/event/event.h"

#define SLICE 512

int ms_control_walk_init(struct ms_control_walk *walk, struct ms_manager *manager, json_t *match,
			 struct ms_error *err)
{
	int r;

	*walk = (struct ms_control_walk) { .manager = manager };
	r = ms_control_match_init(&walk->match, ms_manager_policy(manager), match, err);
	if (r == 0)
		r = ms_control_match_check_sessions(&walk->match, err);
	if (r < 0)
		ms_control_match_fini(&walk->match);
	return r;
}

void ms_control_walk_fini(struct ms_control_walk *walk)
{
	ms_control_match_fini(&walk->match);
}

static int visit_one(struct ms_control_walk *walk, const struct ms_session_raw *raw,
		     int (*visit)(void *user, const struct ms_control_walked *walked), void *user)
{
	struct ms_session_view session;
	const struct ms_iface_entry *iface;
	const struct ms_slot_name *name;
	struct ms_control_walked walked = { .session = &session,
					    .iface = "",
					    .group = "",
					    .rule = "",
					    .origin = "",
					    .source = "" };

	ms_session_decode(ms_manager_dataplane(walk->manager), raw, &session);
	if (session.expired)
		return 0;
	iface = ms_manager_iface_of_zone(walk->manager, session.zone);
	if (iface) {
		walked.iface = iface->link.name;
		walked.group = iface->group;
	}
	name = ms_manager_slot_name(walk->manager, session.slot);
	if (name) {
		walked.rule = name->rule;
		walked.origin = name->origin;
		walked.source = name->source;
	}
	if (!ms_control_match_session(&walk->match, ms_manager_policy(walk->manager), &session,
				      walked.iface, walked.group, walked.rule))
		return 0;
	return visit(user, &walked);
}

int ms_control_walk_step(struct ms_control_walk *walk,
			 int (*visit)(void *user, const struct ms_control_walked *walked),
			 void *user)
{
	ms_cleanup(ms_free) struct ms_session_raw *raws = calloc(SLICE, sizeof(*raws));
	size_t count = 0;
	bool done = false;
	int r;

	if (!raws)
		return -ENOMEM;
	r = ms_dataplane_session_slice(ms_manager_dataplane(walk->manager), &walk->cursor, raws,
				       SLICE, &count, &done);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = visit_one(walk, &raws[i], visit, user);
	if (r < 0)
		return r;
	return done ? 0 : 1;
}

json_t *ms_control_walk_shape(const struct ms_control_walked *walked)
{
	const struct ms_session_view *session = walked->session;
	char proto[16];

	return json_pack(
		"{s:o, s:s, s:s, s:s, s:i, s:o, s:i, s:o, s:i, s:o, s:i, s:i, s:s, s:I, s:I, s:I, "
		"s:I, s:o, s:o, s:o, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:b, s:b}",
		"iface", ms_message_text(walked->iface), "group", walked->group, "dir",
		ms_dir_name(session->dir), "proto",
		ms_proto_format(session->proto, proto, sizeof(proto)), "proto_number",
		(int)session->proto, "from", ms_control_shape_addr(&session->from), "sport",
		(int)session->sport, "to", ms_control_shape_addr(&session->to), "dport",
		(int)session->dport, "icmp",
		ms_control_shape_icmp(session->proto, session->icmp_type), "vlan",
		(int)session->vlan_outer, "vlan_inner", (int)session->vlan_inner, "state",
		session->state, "sent_packets", (json_int_t)session->packets[0], "sent_bytes",
		(json_int_t)session->bytes[0], "received_packets", (json_int_t)session->packets[1],
		"received_bytes", (json_int_t)session->bytes[1], "age_ms",
		ms_control_shape_ms(session->age_ns), "idle_ms",
		ms_control_shape_ms(session->idle_ns), "expires_in_ms",
		ms_control_shape_ms(session->expires_in_ns), "rule", walked->rule, "origin",
		walked->origin, "source", walked->source, "generation",
		(json_int_t)session->generation, "half_open", session->half_open, "audit",
		session->audit, "log", session->log, "adopted", session->adopted, "midflow",
		session->midflow);
}
